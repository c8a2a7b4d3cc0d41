/*
 * The format of data objects and index headers: golden objects in pieces and
 * damaged, both layouts told apart, every page size, the database checksum.
 */

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/file.h"
#include "format/check.h"
#include "format/checksum.h"
#include "format/index.h"
#include "format/sum.h"
#include "tap.h"

#define NS "v2/clusters/c1/namespaces/ns1/"
#define KEY_OLD "18446744073709551600-00000000000000000010-00000001726000061000"
#define KEY_AMBIGUOUS \
	"18446744073709551587-00000000000000000027-00000001722550381568"

static const char *top = ".";

static void
load(struct file_map *m, const char *relative)
{
	char *path = xasprintf("%s/tests/data/segments/%s", top, relative);
	struct file *f = NULL;

	if (file_open(&f, path) || file_map(m, f, 1 << 20)) {
		ok(false, "reading %s", path);
		exit(1);
	}
	file_close(&f);
	free(path);
}

static enum rc
count(void *arg, uint32_t position, uint32_t page, uint64_t frame_no)
{
	uint32_t *n = arg;

	(void)page;
	(void)frame_no;
	return position == (*n)++ ? RC_OK : RC_DATA;
}

/* Check the bytes, in pieces of that size, of an object of that length. */
static enum rc
check_of(uint64_t length, const void *p, size_t len, size_t piece,
    const struct key *key, struct seg_header *h)
{
	uint32_t n = 0;
	struct seg_check *c = seg_check_new("object", key, length, count, &n);
	enum rc rc = RC_OK;

	for (size_t at = 0; rc == RC_OK && at < len; at += piece)
		rc = seg_check_feed(c, (const uint8_t *)p + at,
		    len - at < piece ? len - at : piece);
	if (rc == RC_OK)
		rc = seg_check_end(c, h);
	if (rc == RC_OK && n != h->frames)
		rc = RC_SYSTEM;
	seg_check_free(c);
	return rc;
}

static enum rc
check(const void *p, size_t len, size_t piece, const struct key *key,
    struct seg_header *h)
{
	return check_of(len, p, len, piece, key, h);
}

/* It is told by its key alone, and its end by itself; but of the LATER layout
 * any frame can be the last. */
static void
test_unknown_length(const char *path, const struct file_map *m,
    const struct key *key, enum seg_layout layout)
{
	struct seg_header h = {0};
	uint8_t *copy = xcalloc(1, m->len + 1);
	bool good = true;
	size_t n;

	memcpy(copy, m->data, m->len);
	for (size_t piece = 1; piece < 200; piece += 13)
		good = good &&
		       check_of(SEG_LENGTH_UNKNOWN, copy, m->len, piece, key,
			   &h) == RC_OK &&
		       h.layout == layout && seg_size(&h) == m->len;
	ok(good, "%s: of a length that is not known", path);
	for (n = 0; n < m->len; n += n < 200 ? 1 : 97)
		if (check_of(SEG_LENGTH_UNKNOWN, copy, n, 1000, key, &h) !=
			RC_DATA &&
		    (layout == SEG_OLD || seg_size(&h) != n))
			break;
	ok(n >= m->len && check_of(SEG_LENGTH_UNKNOWN, copy, m->len + 1, 1000,
			      key, &h) == RC_DATA,
	    "%s: then too short, too long", path);
	free(copy);
}

static void
test_object(const char *path, const char *key_text, enum seg_layout layout)
{
	struct seg_header h = {0}, r[2];
	struct file_map m;
	struct key key;
	uint8_t *copy;
	size_t n, found = 0;
	bool good = true;

	load(&m, path);
	good = key_parse(&key, key_text, KEY_LEN);
	for (size_t piece = 1; piece < 200; piece++)
		good = good && check(m.data, m.len, piece, &key, &h) == RC_OK;
	ok(good && check(m.data, m.len, m.len, &key, &h) == RC_OK &&
		h.layout == layout && seg_size(&h) == m.len,
	    "%s: whole, in pieces of any size", path);
	ok(seg_header_parse(&h, "object", m.data, m.len, m.len - 1, &key) ==
		    RC_DATA &&
		seg_header_parse(
		    &h, "object", m.data, m.len, m.len + 1, &key) == RC_DATA,
	    "%s: the header alone tells that it is too short, or too long",
	    path);
	test_unknown_length(path, &m, &key, layout);
	good = seg_header_guess(r, &n, "object", m.data, m.len, m.len) == RC_OK;
	for (size_t i = 0; i < n; i++) {
		bool right = r[i].layout == layout;

		good = good && (key_cmp(&r[i].key, &key) == 0) == right &&
		       (check(m.data, m.len, 4096, &r[i].key, &h) == RC_OK) ==
			   right;
		found += right;
	}
	ok(good && found == 1, "%s: without its key, %zu readings", path, n);
	good = true;
	for (n = 0; n < m.len; n++) {
		copy = xmalloc(n); /* a sanitizer sees an over-read */
		memcpy(copy, m.data, n);
		good = good && check(copy, n, 1000, &key, &h) == RC_DATA;
		free(copy);
		if (n > 200)
			n += 97;
	}
	ok(good, "%s: cut short anywhere", path);
	copy = xmalloc(m.len);
	for (size_t i = 0; i < m.len; i += i < 200 ? 1 : 61) {
		memcpy(copy, m.data, m.len);
		copy[i] ^= 0x40;
		good = good && check(copy, m.len, m.len, &key, &h) == RC_DATA;
	}
	ok(good, "%s: changed anywhere", path);
	free(copy);
	key.time++;
	ok(check(m.data, m.len, 4096, &key, &h) == RC_DATA, "%s: another's key",
	    path);
	file_unmap(&m);
}

/* A segment of two pages with the given facts, right but for them. */
static struct buf
make(const struct seg_header *h, uint32_t page1, uint32_t page2, uint64_t frame)
{
	struct buf b = {0};
	uint8_t header[SEG_HEADER], frame_header[SEG_FRAME], footer[4];
	uint8_t page[SEG_PAGE_MAX] = {0};

	seg_header_encode(h, header);
	buf_add(&b, header, sizeof(header));
	seg_frame_encode(frame_header, page1, frame);
	buf_add(&b, frame_header, sizeof(frame_header));
	buf_add(&b, page, h->page_size);
	seg_frame_encode(frame_header, page2, frame);
	buf_add(&b, frame_header, sizeof(frame_header));
	buf_add(&b, page, h->page_size);
	put_le32(footer, checksum_crc32(0, b.data, b.len));
	buf_add(&b, footer, sizeof(footer));
	return b;
}

static const struct seg_header two = {.layout = SEG_OLD,
    .key = {.start = 5, .end = 9, .time = 77},
    .frames = 2,
    .size_after = 9,
    .page_size = 4096};

static void
test_page_sizes(void)
{
	for (uint32_t size = 512; size <= 65536; size *= 2) {
		struct seg_header h = two, got;
		struct buf b;

		h.page_size = size;
		b = make(&h, 1, 2, 5);
		ok(check(b.data, b.len, 777, &h.key, &got) == RC_OK &&
			got.page_size == size &&
			seg_lock_page(size) == (1u << 30) / size + 1,
		    "pages of %u bytes", size);
		buf_release(&b);
	}
	ok(!seg_page_size_valid(0) && !seg_page_size_valid(256) &&
		!seg_page_size_valid(513) && !seg_page_size_valid(131072),
	    "what is no page size");
}

static void
test_claim(const char *what, struct seg_header h, uint32_t page1,
    uint32_t page2, uint64_t frame)
{
	struct buf b = make(&h, page1, page2, frame);
	struct seg_header got;

	ok(check(b.data, b.len, b.len, &two.key, &got) == RC_DATA,
	    "refused, with a right checksum: %s", what);
	buf_release(&b);
}

static void
test_claims(void)
{
	struct seg_header h = two;

	test_claim("page 0", h, 0, 1, 5);
	test_claim("a page twice", h, 3, 3, 5);
	test_claim("pages out of order", h, 4, 3, 5);
	test_claim("a frame before START", h, 1, 2, 4);
	test_claim("a frame after END", h, 1, 2, 10);
	h.frames = 3;
	test_claim("more frames than there are", h, 1, 2, 5);
	h.frames = 1;
	test_claim("fewer frames than there are", h, 1, 2, 5);
	h.frames = 0;
	test_claim("no frames", h, 1, 2, 5);
	h.frames = UINT32_MAX;
	test_claim("as many frames as can be said", h, 1, 2, 5);
	h = two;
	h.key.end = 5;
	h.key.start = 5;
	test_claim("more frames than its range has", h, 1, 2, 5);
	h = two;
	h.key.start = 0;
	test_claim("START 0", h, 1, 2, 5);
	h = two;
	h.size_after = 0;
	test_claim("a database without a page", h, 1, 2, 5);
}

static void
test_sums(void)
{
	const char a[] = "segments ", b[] = "of a database";
	struct seg_sum sum = {0}, other = {0};
	uint8_t page[512] = {1}, zero[512] = {0}, id[SEG_ID];

	ok(checksum_crc32(0, "123456789", 9) == 0xCBF43926, "CRC-32");
	ok(checksum_crc32_combine(checksum_crc32(0, a, 9),
	       checksum_crc32(0, b, 13),
	       13) == checksum_crc32(checksum_crc32(0, a, 9), b, 13),
	    "two CRCs made one");
	seg_sum_page(&sum, 1, page, sizeof(page));
	seg_sum_page(&sum, 2, page, sizeof(page));
	seg_sum_to_id(&sum, id);
	ok(memcmp(id, "seg1", 4) == 0 && id[6] >> 4 == 8 && id[8] >> 6 == 2 &&
		seg_id_has_sum(id) && seg_id_matches(id, &sum),
	    "the id is a UUID of version 8");
	seg_sum_page(&other, 2, page, sizeof(page));
	seg_sum_page(&other, 1, page, sizeof(page));
	ok(seg_id_matches(id, &other), "in any order the same");
	seg_sum_page(&other, 3, page, sizeof(page));
	ok(!seg_id_matches(id, &other), "another database, another sum");
	id[6] ^= 0x10;
	ok(!seg_id_has_sum(id), "another version says nothing");
	seg_sum_page(&sum, seg_lock_page(512), page, sizeof(page));
	seg_sum_to_id(&sum, id);
	seg_sum_page(&other, 3, page, sizeof(page));
	ok(seg_id_matches(id, &other), "the lock page does not count");
	sum = other = (struct seg_sum){0, 0};
	seg_sum_page(&sum, 1, page, sizeof(page));
	seg_sum_page(&other, 2, page, sizeof(page));
	ok(sum.high != other.high || sum.low != other.low,
	    "the same bytes in another place, another sum");
	sum = other = (struct seg_sum){0, 0};
	seg_sum_page(&sum, 1, page, sizeof(page));
	seg_sum_page(&sum, 2, zero, sizeof(zero));
	seg_sum_page(&other, 1, zero, sizeof(zero));
	seg_sum_page(&other, 2, page, sizeof(page));
	seg_sum_to_id(&sum, id);
	ok(!seg_id_matches(id, &other), "pages that changed places are told");
}

static void
test_index(void)
{
	struct file_map m;
	struct fst fst;
	uint8_t *copy;
	bool good = true;

	load(&m, "source/" NS "indexes/" KEY_OLD);
	ok(index_open(&fst, "index", m.data, m.len) == RC_OK &&
		fst.len == m.len - INDEX_HEADER && fst.count == 5 &&
		index_is_index(m.data, m.len, m.len),
	    "an index");
	copy = xmalloc(m.len);
	for (size_t i = 0; i < m.len; i++) {
		memcpy(copy, m.data, m.len);
		copy[i] ^= 1;
		good = good &&
		       index_open(&fst, "index", copy, m.len) == RC_DATA &&
		       index_open(&fst, "index", m.data, i) == RC_DATA;
	}
	ok(good, "cut short or changed anywhere");
	memcpy(copy, m.data, m.len);
	put_le64(copy + 10, UINT64_MAX);
	ok(index_open(&fst, "index", copy, m.len) == RC_DATA,
	    "a length that lies");
	ok(index_open(&fst, "index", (const uint8_t *)m.data + INDEX_HEADER,
	       m.len - INDEX_HEADER) == RC_DATA &&
		index_open_any(&fst, "index",
		    (const uint8_t *)m.data + INDEX_HEADER,
		    m.len - INDEX_HEADER) == RC_OK &&
		fst.count == 5,
	    "a bare FST is none, but where it may be");
	free(copy);
	file_unmap(&m);
}

int
main(int argc, char **argv)
{
	(void)argc;
	msg_init(argv[0]);
	msg_verbosity(-2);
	if (getenv("TOP"))
		top = getenv("TOP");
	test_object("source/" NS "segments/" KEY_OLD, KEY_OLD, SEG_OLD);
	test_object(
	    "later_segment3/" NS "segments/" KEY_OLD, KEY_OLD, SEG_LATER);
	test_object("ambiguous_old/" NS "segments/" KEY_AMBIGUOUS,
	    KEY_AMBIGUOUS, SEG_OLD);
	test_object("ambiguous_later/" NS "segments/" KEY_AMBIGUOUS,
	    KEY_AMBIGUOUS, SEG_LATER);
	test_page_sizes();
	test_claims();
	test_sums();
	test_index();
	return tap_done();
}
