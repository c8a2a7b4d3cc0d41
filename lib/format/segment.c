/*
 * segment: see segment.h.
 *
 * Offsets follow the tables of seg-segment(5).  Nothing in a header is believed
 * before it agrees with the object's length and, where there is one, its key.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <isa-l/crc.h>
#include <zlib.h>

/*
 * The hash of every page is computed in a restore: the library's entry points
 * that take the widest vectors the machine has are worth naming.
 */
#if defined(__x86_64__) && defined(__has_include)
#if __has_include(<xxh_x86dispatch.h>)
#define HAVE_DISPATCH 1
#endif
#endif
#ifdef HAVE_DISPATCH
#include <xxh_x86dispatch.h>
#else
#define XXH_INLINE_ALL
#include <xxhash.h>
#endif

#include "base/buf.h"
#include "base/bytes.h"
#include "format/segment.h"

static const uint64_t magic = 0x4C494253514C0000u; /* "LIBSQL\0\0" */

enum {
	VERSION = 1,
	LATER_PAGE_SIZE = 4096, /* the later layout never had another */
	FLAG_LAST = 1
};

/* Where the two layouts have what they have in common. */
static const struct offsets {
	size_t id, start, end, size_after, page_size, time;
} offsets[] = {
    [SEG_OLD] = {14, 30, 38, 46, 50, 52},
    [SEG_LATER] = {10, 26, 34, 42, 46, 48},
};

bool
seg_page_size_valid(uint32_t n)
{
	return n >= 512 && n <= SEG_PAGE_MAX && (n & (n - 1)) == 0;
}

uint32_t
seg_lock_page(uint32_t page_size)
{
	return (1u << 30) / page_size + 1;
}

size_t
seg_header_size(const struct seg_header *h)
{
	return h->layout == SEG_OLD ? SEG_HEADER : SEG_HEADER_LATER;
}

size_t
seg_frame_header_size(const struct seg_header *h)
{
	return h->layout == SEG_OLD ? SEG_FRAME : SEG_FRAME_LATER;
}

size_t
seg_frame_size(const struct seg_header *h)
{
	return seg_frame_header_size(h) + h->page_size;
}

uint64_t
seg_size(const struct seg_header *h)
{
	return seg_header_size(h) + h->frames * (uint64_t)seg_frame_size(h) +
	       (h->layout == SEG_OLD ? SEG_FOOTER : 0);
}

uint64_t
seg_pages_of_size(uint64_t bytes)
{
	const uint64_t rest = SEG_HEADER + SEG_FOOTER, frame = SEG_FRAME + 4096;

	if (bytes <= rest || (bytes - rest) % frame != 0)
		return UINT64_MAX;
	return (bytes - rest) / frame;
}

uint32_t
seg_crc(uint32_t crc, const void *data, size_t len)
{
	return crc32_gzip_refl(crc, data, len);
}

uint32_t
seg_crc_combine(uint32_t a, uint32_t b, uint64_t b_len)
{
	return (uint32_t)crc32_combine(a, b, (z_off_t)b_len);
}

/*
 * Read p as a header of that layout.  NULL if it can be one, else why not.  p
 * has the bytes of that layout's header.
 */
static const char *
read_header(struct seg_header *h, enum seg_layout layout, const uint8_t *p,
    uint64_t length, const struct key *key)
{
	const struct offsets *at = &offsets[layout];
	uint64_t frames;

	*h = (struct seg_header){.layout = layout};
	h->key.start = le64(p + at->start);
	h->key.end = le64(p + at->end);
	h->key.time = le64(p + at->time);
	memcpy(h->id, p + at->id, SEG_ID);
	h->size_after = le32(p + at->size_after);
	h->page_size = le16(p + at->page_size);
	if (h->page_size == 1)
		h->page_size = SEG_PAGE_MAX;
	if (!seg_page_size_valid(h->page_size) ||
	    (layout == SEG_LATER && h->page_size != LATER_PAGE_SIZE))
		return "its page size is none";
	if (key ? key_cmp(&h->key, key) != 0
		: h->key.start < 1 || h->key.end < h->key.start)
		return key ? "its header does not fit its key"
			   : "its frame numbers are none";
	if (layout == SEG_OLD)
		frames = le32(p + 10);
	else
		frames = length > SEG_HEADER_LATER
			     ? (length - SEG_HEADER_LATER) / seg_frame_size(h)
			     : 0;
	if (frames < 1 || frames > UINT32_MAX ||
	    frames - 1 > h->key.end - h->key.start)
		return "its frame count cannot be";
	h->frames = (uint32_t)frames;
	if (length != seg_size(h))
		return "its length does not fit its header";
	if (h->size_after == 0)
		return "its database has no page";
	return NULL;
}

enum rc
seg_header_parse(struct seg_header *h, const char *name, const void *p,
    size_t have, uint64_t length, const struct key *key, bool *ambiguous)
{
	struct seg_header later;
	const char *not_old, *not_later;

	if (ambiguous)
		*ambiguous = false;
	if (have < SEG_HEADER || length < SEG_HEADER)
		return msg_fail(RC_DATA, "%s: too short for a segment", name);
	if (le64(p) != magic || le16((const uint8_t *)p + 8) != VERSION)
		return msg_fail(RC_DATA,
		    "%s: no segment: its first bytes are "
		    "not those of one",
		    name);
	not_old = read_header(h, SEG_OLD, p, length, key);
	not_later = read_header(&later, SEG_LATER, p, length, key);
	if (!not_old) {
		if (ambiguous)
			*ambiguous = !not_later;
		return RC_OK;
	}
	if (!not_later) {
		*h = later;
		return RC_OK;
	}
	return msg_fail(RC_DATA, "%s: %s", name, not_old);
}

void
seg_header_encode(const struct seg_header *h, uint8_t out[SEG_HEADER])
{
	const struct offsets *at = &offsets[SEG_OLD];

	put_le64(out, magic);
	put_le16(out + 8, VERSION);
	put_le32(out + 10, h->frames);
	memcpy(out + at->id, h->id, SEG_ID);
	put_le64(out + at->start, h->key.start);
	put_le64(out + at->end, h->key.end);
	put_le32(out + at->size_after, h->size_after);
	put_le16(out + at->page_size,
	    h->page_size == SEG_PAGE_MAX ? 1 : (uint16_t)h->page_size);
	put_le64(out + at->time, h->key.time);
}

void
seg_frame_encode(uint8_t out[SEG_FRAME], uint32_t page_no, uint64_t frame_no)
{
	put_le32(out, page_no);
	put_le32(out + 4, 0);
	put_le64(out + 8, frame_no);
}

const char *
seg_frame_decode(struct seg_frame *f, const struct seg_header *h, const void *p)
{
	uint32_t last = f->page_no;
	const uint8_t *b = p;

	f->page_no = le32(h->layout == SEG_OLD ? b : b + 4);
	f->frame_no = le64(b + 8);
	f->flags = h->layout == SEG_OLD ? 0 : le32(b);
	f->crc = h->layout == SEG_OLD ? 0 : le32(b + 16);
	if (f->page_no == 0)
		return "page number 0";
	if (h->layout == SEG_OLD && f->page_no <= last)
		return "pages out of order";
	if (f->flags & ~(uint32_t)FLAG_LAST)
		return "unknown flags";
	if (f->frame_no < h->key.start || f->frame_no > h->key.end)
		return "a frame number outside of the segment's range";
	return NULL;
}

/*
 * The checker.  It goes through three kinds of parts: the header, then of each
 * frame its header and its page, then (old) the footer.  Small parts are
 * gathered in part[]; pages only pass through the CRC.
 */
enum step { IN_HEADER, IN_FRAME, IN_PAGE, IN_FOOTER, AT_END };

struct seg_check {
	char *name;
	bool has_key, quiet, failed;
	struct key key;
	uint64_t length;
	enum rc (*on_frame)(void *, uint32_t, uint32_t, uint64_t);
	void *arg;

	enum step step;
	uint8_t part[SEG_HEADER_MAX];
	size_t have, want; /* of the part */
	struct seg_header header;
	struct seg_frame frame;
	uint32_t position; /* of the frame */
	uint32_t crc;
	/* The same bytes read in the later layout, where the header fits both
	 * and there is no key: the CRC decides. */
	struct seg_check *later;
};

struct seg_check *
seg_check_new(const char *name, const struct key *key, uint64_t length,
    enum rc (*on_frame)(
	void *arg, uint32_t position, uint32_t page, uint64_t frame_no),
    void *arg)
{
	struct seg_check *c = xcalloc(1, sizeof(*c));

	c->name = xstrdup(name);
	if (key) {
		c->has_key = true;
		c->key = *key;
	}
	c->length = length;
	c->on_frame = on_frame;
	c->arg = arg;
	c->want = SEG_HEADER;
	return c;
}

void
seg_check_free(struct seg_check *c)
{
	if (!c)
		return;
	seg_check_free(c->later); /* which has none itself */
	free(c->name);
	free(c);
}

static enum rc __attribute__((format(printf, 2, 3)))
fail(struct seg_check *c, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	c->failed = true;
	if (c->quiet)
		return RC_DATA;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return msg_fail(RC_DATA, "%s: %s", c->name, text);
}

static void
next_step(struct seg_check *c, enum step step, size_t want)
{
	c->step = step;
	c->have = 0;
	c->want = want;
}

static void
frame_or_footer(struct seg_check *c)
{
	if (c->position < c->header.frames)
		next_step(c, IN_FRAME, seg_frame_header_size(&c->header));
	else if (c->header.layout == SEG_OLD)
		next_step(c, IN_FOOTER, SEG_FOOTER);
	else
		next_step(c, AT_END, 0);
}

/*
 * The later header is shorter by four bytes, which are the first frame's: they
 * go back into the part.
 */
static void
begin_frames(struct seg_check *c)
{
	size_t size = seg_header_size(&c->header), rest = SEG_HEADER - size;

	c->crc = seg_crc(0, c->part, size);
	memmove(c->part, c->part + size, rest);
	frame_or_footer(c);
	c->have = rest;
}

static enum rc
end_header(struct seg_check *c)
{
	struct seg_check *later;
	bool ambiguous;
	enum rc rc;

	rc = seg_header_parse(&c->header, c->name, c->part, SEG_HEADER,
	    c->length, c->has_key ? &c->key : NULL, &ambiguous);
	if (rc != RC_OK) {
		c->failed = true;
		return rc;
	}
	if (ambiguous) {
		later = seg_check_new(c->name, NULL, c->length, NULL, NULL);
		later->quiet = true;
		memcpy(later->part, c->part, SEG_HEADER);
		(void)read_header(
		    &later->header, SEG_LATER, c->part, c->length, NULL);
		begin_frames(later);
		c->later = later;
		c->quiet = true;
	}
	begin_frames(c);
	return RC_OK;
}

static enum rc
end_frame_header(struct seg_check *c)
{
	const char *why;

	why = seg_frame_decode(&c->frame, &c->header, c->part);
	if (why)
		return fail(c, "frame %u: %s", c->position, why);
	c->crc = seg_crc(c->crc, c->part, SEG_FRAME);
	next_step(c, IN_PAGE, c->header.page_size);
	return RC_OK;
}

static enum rc
end_page(struct seg_check *c)
{
	enum rc rc = RC_OK;

	if (c->header.layout == SEG_LATER && c->crc != c->frame.crc)
		return fail(c, "frame %u: its checksum is wrong", c->position);
	if (c->on_frame)
		rc = c->on_frame(
		    c->arg, c->position, c->frame.page_no, c->frame.frame_no);
	if (rc != RC_OK)
		c->failed = true;
	c->position++;
	frame_or_footer(c);
	return rc;
}

static enum rc
end_footer(struct seg_check *c)
{
	next_step(c, AT_END, 0);
	if (le32(c->part) != c->crc)
		return fail(c, "its checksum is wrong");
	return RC_OK;
}

const struct seg_header *
seg_check_header(const struct seg_check *c)
{
	return &c->header;
}

static enum rc
end_part(struct seg_check *c)
{
	switch (c->step) {
	case IN_HEADER:
		return end_header(c);
	case IN_FRAME:
		return end_frame_header(c);
	case IN_PAGE:
		return end_page(c);
	case IN_FOOTER:
	case AT_END:
		break;
	}
	return end_footer(c);
}

static enum rc
feed(struct seg_check *c, const uint8_t *p, size_t len)
{
	enum rc rc;
	size_t n;

	while (len > 0) {
		if (c->failed)
			return RC_DATA;
		if (c->step == AT_END)
			return fail(c, "longer than it was said to be");
		n = c->want - c->have < len ? c->want - c->have : len;
		if (c->step == IN_PAGE)
			c->crc = seg_crc(c->crc, p, n);
		else
			memcpy(c->part + c->have, p, n);
		c->have += n;
		p += n;
		len -= n;
		/* What is left for the later reading is handed on whole. */
		if (c->have == c->want) {
			bool was_header = c->step == IN_HEADER;

			rc = end_part(c);
			if (was_header && c->later)
				(void)feed(c->later, p, len);
			if (rc != RC_OK)
				return rc;
		}
	}
	return RC_OK;
}

enum rc
seg_check_feed(struct seg_check *c, const void *data, size_t len)
{
	struct seg_check *later = c->later; /* from an earlier feed */
	enum rc rc;

	if (later)
		(void)feed(later, data, len);
	rc = feed(c, data, len);
	/* Undecided: what fails in one reading may be right in the other. */
	return c->later && !c->later->failed ? RC_OK : rc;
}

enum rc
seg_check_end(struct seg_check *c, struct seg_header *header)
{
	if (c->later && !c->later->failed && c->later->step == AT_END) {
		c->header = c->later->header;
	} else if (c->failed && !c->later) {
		return RC_DATA; /* was reported */
	} else if (c->failed || c->step != AT_END) {
		c->quiet = false;
		return fail(
		    c, c->failed ? "its checksum is wrong" : "cut short");
	}
	if (header)
		*header = c->header;
	return RC_OK;
}

void
seg_index_header_encode(
    uint64_t fst_len, uint32_t fst_crc, uint8_t out[SEG_INDEX_HEADER])
{
	put_le64(out, magic);
	put_le16(out + 8, VERSION);
	put_le64(out + 10, fst_len);
	put_le32(out + 18, fst_crc);
}

enum rc
seg_index_open(const char *name, const void *data, size_t len,
    const uint8_t **fst, size_t *fst_len)
{
	const uint64_t fst_version = 3, fst_smallest = 36;
	const uint8_t *p = data;

	*fst = p;
	*fst_len = len;
	/* A bare map begins with its version, which is no magic. */
	if (len >= fst_smallest && le64(p) == fst_version)
		return RC_OK;
	if (len < SEG_INDEX_HEADER + fst_smallest)
		return msg_fail(RC_DATA, "%s: too short for an index", name);
	if (le64(p) != magic || le16(p + 8) != VERSION)
		return msg_fail(RC_DATA,
		    "%s: no index: its first bytes are "
		    "not those of one",
		    name);
	*fst += SEG_INDEX_HEADER;
	*fst_len -= SEG_INDEX_HEADER;
	if (le64(p + 10) != *fst_len)
		return msg_fail(RC_DATA,
		    "%s: its length does not fit its "
		    "header",
		    name);
	if (le32(p + 18) != seg_crc(0, *fst, *fst_len))
		return msg_fail(RC_DATA, "%s: its checksum is wrong", name);
	return RC_OK;
}

void
seg_sum_page(
    struct seg_sum *sum, uint32_t page_no, const void *page, uint32_t page_size)
{
	XXH128_hash_t h;

	if (page_no == seg_lock_page(page_size))
		return;
	h = XXH3_128bits_withSeed(page, page_size, page_no);
	sum->high ^= h.high64;
	sum->low ^= h.low64;
}

void
seg_sum_to_id(const struct seg_sum *sum, uint8_t id[SEG_ID])
{
	XXH128_canonical_t d;

	XXH128_canonicalFromHash(
	    &d, (XXH128_hash_t){.low64 = sum->low, .high64 = sum->high});
	memcpy(id, d.digest, SEG_ID);
	memcpy(id, "seg1", 4);
	id[6] = (uint8_t)((id[6] & 0x0f) | 0x80); /* UUID version 8 */
	id[8] = (uint8_t)((id[8] & 0x3f) | 0x80); /* and variant */
}

bool
seg_id_has_sum(const uint8_t id[SEG_ID])
{
	return memcmp(id, "seg1", 4) == 0 && (id[6] & 0xf0) == 0x80 &&
	       (id[8] & 0xc0) == 0x80;
}

bool
seg_id_matches(const uint8_t id[SEG_ID], const struct seg_sum *sum)
{
	uint8_t want[SEG_ID];

	seg_sum_to_id(sum, want);
	return memcmp(id, want, SEG_ID) == 0;
}
