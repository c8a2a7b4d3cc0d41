/*
 * zstd's seekable format: what is made is read, by libzstd too, whole and frame
 * by frame; what others make; tables and frames that lie.
 */

#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "format/zseek_decoder.h"
#include "format/zseek_writer.h"
#include "tap.h"

enum { MOST = 1 << 20, FRAME_MOST = 300 };

static uint8_t content[MOST];

/* What can be compressed, in part. */
static void
fill(void)
{
	uint64_t x = 1;

	for (size_t i = 0; i < MOST; i++) {
		x = x * 6364136223846793005 + 1442695040888963407;
		content[i] =
		    i % 300 < 200 ? (uint8_t)(i / 300) : (uint8_t)(x >> 56);
	}
}

static enum rc
append(void *arg, const void *data, size_t len)
{
	struct buf *b = arg;

	if (b->len + len > 2 * MOST)
		return RC_DATA; /* as who knows how much there can be */
	buf_add(b, data, len);
	return RC_OK;
}

/* The first len bytes of the contents, added in pieces. */
static struct buf
make(size_t len, size_t piece)
{
	struct buf b = {0};
	struct zseek_writer *w = zseek_writer_new(3, append, &b);
	uint64_t made = 0;
	enum rc rc = RC_OK;

	for (size_t at = 0; rc == RC_OK && at < len; at += piece)
		rc = zseek_writer_add(
		    w, content + at, len - at < piece ? len - at : piece);
	if (rc == RC_OK)
		rc = zseek_writer_finish(w, &made);
	zseek_writer_free(w);
	if (rc || made != b.len)
		exit(1);
	return b;
}

/* Decode all in pieces; the status, and what came. */
static enum rc
decode(
    const void *data, size_t len, size_t piece, struct buf *out, bool *sought)
{
	struct zseek_decoder *d = zseek_decoder_new("object", append, out);
	enum rc rc = RC_OK;

	buf_clear(out);
	for (size_t at = 0; rc == RC_OK && at < len; at += piece)
		rc = zseek_decoder_feed(d, (const uint8_t *)data + at,
		    len - at < piece ? len - at : piece);
	if (rc == RC_OK)
		rc = zseek_decoder_end(d, sought);
	zseek_decoder_free(d);
	return rc;
}

static bool
is_content(const struct buf *b, size_t from, size_t len)
{
	return b->len == len &&
	       (len == 0 || memcmp(b->data, content + from, len) == 0);
}

static enum rc
open_table(struct zseek_table *t, const struct buf *b)
{
	uint64_t len = 0;
	enum rc rc =
	    zseek_table_length("object", b->data, b->len, b->len, &len);

	return rc ? rc
		  : zseek_table_open(
			t, "object", b->data + b->len - len, len, b->len);
}

/* ---- what is right ---- */

/* A frame alone, with its neighbours not even looked at. */
static bool
one_frame(const struct zseek_table *t, const struct buf *b, uint32_t i)
{
	struct zseek_decoder *d;
	struct zseek_frame f;
	struct buf out = {0};
	bool good;

	zseek_table_frame(t, i, &f);
	d = zseek_decoder_at("object", t, i, append, &out);
	good = zseek_decoder_feed(d, b->data + f.at, f.size) == RC_OK &&
	       zseek_decoder_end(d, NULL) == RC_OK &&
	       is_content(&out, f.content_at, f.content) &&
	       zseek_table_find(t, f.content_at) == i &&
	       zseek_table_find(t, f.content_at + f.content - 1) == i;
	zseek_decoder_free(d);
	buf_release(&out);
	return good;
}

static void
test_length(size_t len)
{
	struct buf b = make(len, 1000), again = make(len, MOST), out = {0};
	uint8_t *plain = xmalloc(len + 1);
	struct zseek_table t = {0};
	bool sought = false, good = true;

	ok(again.len == b.len && memcmp(again.data, b.data, b.len) == 0,
	    "%zu bytes: the same in any pieces", len);
	ok(ZSTD_decompress(plain, len + 1, b.data, b.len) == len &&
		memcmp(plain, content, len) == 0,
	    "%zu bytes: libzstd reads it", len);
	for (size_t piece = 1; piece < 40; piece += 19)
		good = good &&
		       decode(b.data, b.len, piece, &out, &sought) == RC_OK &&
		       is_content(&out, 0, len) && sought;
	ok(good && decode(b.data, b.len, b.len, &out, &sought) == RC_OK &&
		is_content(&out, 0, len) && sought,
	    "%zu bytes: decoded whole", len);
	good = open_table(&t, &b) == RC_OK && t.content == len && t.sums &&
	       t.frames == (len + ZSEEK_CONTENT - 1) / ZSEEK_CONTENT;
	for (uint32_t i = 0; good && i < t.frames; i++)
		good = one_frame(&t, &b, i);
	ok(good, "%zu bytes: decoded frame by frame", len);
	zseek_table_release(&t);
	buf_release(&b);
	buf_release(&again);
	buf_release(&out);
	free(plain);
}

/* ---- what others make ---- */

/* n frames of len bytes of content each, in which something is skipped after
 * every third; a table without checksums. */
static struct buf
others(uint32_t n, size_t len)
{
	static const uint8_t skipped[] = {
	    0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3};
	struct buf b = {0}, table = {0};
	uint8_t entry[ZSEEK_ENTRY_SUM], u32[4], out[4096];
	size_t size;
	uint32_t frames = 0;

	for (uint32_t i = 0; i < n; i++) {
		size =
		    ZSTD_compress(out, sizeof(out), content + i * len, len, 1);
		buf_add(&b, out, size);
		zseek_entry(entry, size, len, 0);
		buf_add(&table, entry, ZSEEK_ENTRY);
		frames++;
		if (i % 3 == 2) {
			buf_add(&b, skipped, sizeof(skipped));
			zseek_entry(entry, sizeof(skipped), 0, 0);
			buf_add(&table, entry, ZSEEK_ENTRY);
			frames++;
		}
	}
	put_le32(u32, ZSEEK_MAGIC_TABLE);
	buf_add(&b, u32, 4);
	put_le32(u32, (uint32_t)table.len + ZSEEK_FOOTER);
	buf_add(&b, u32, 4);
	buf_add(&b, table.data, table.len);
	put_le32(u32, frames);
	buf_add(&b, u32, 4);
	buf_addc(&b, 0);
	put_le32(u32, ZSEEK_MAGIC_END);
	buf_add(&b, u32, 4);
	buf_release(&table);
	return b;
}

static void
test_others(void)
{
	struct buf b = others(2000, FRAME_MOST), out = {0};
	struct zseek_table t = {0};
	struct zseek_frame f;
	bool sought = false, good;
	uint8_t big[4096];
	size_t n;

	ok(decode(b.data, b.len, 777, &out, &sought) == RC_OK && sought &&
		is_content(&out, 0, 2000 * FRAME_MOST),
	    "small frames, some of them skipped, no checksums");
	good = open_table(&t, &b) == RC_OK && !t.sums &&
	       t.content == 2000 * FRAME_MOST;
	for (uint64_t at = 0; good && at < t.content; at += 97) {
		zseek_table_frame(&t, zseek_table_find(&t, at), &f);
		good = at >= f.content_at && at < f.content_at + f.content;
	}
	ok(good && one_frame(&t, &b, 0) && one_frame(&t, &b, 2664),
	    "each byte is found");
	zseek_table_release(&t);
	buf_release(&b);

	n = ZSTD_compress(big, sizeof(big), content, 1000, 5);
	ok(decode(big, n, 3, &out, &sought) == RC_OK && !sought &&
		is_content(&out, 0, 1000),
	    "without a table");
	ok(decode(big, n - 1, 3, &out, NULL) == RC_DATA &&
		decode("", 0, 1, &out, NULL) == RC_OK,
	    "cut short is no end, nothing is one");
	buf_release(&out);
}

/* A frame of a window that is too large, and of one that is not. */
static void
test_window(int log, enum rc want)
{
	static uint8_t zeros[1 << 16];
	ZSTD_CCtx *c = ZSTD_createCCtx();
	ZSTD_inBuffer in = {zeros, sizeof(zeros), 0};
	uint8_t bytes[4096];
	ZSTD_outBuffer to = {bytes, sizeof(bytes), 0};
	struct buf out = {0};

	ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, log);
	ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, 0);
	(void)ZSTD_compressStream2(c, &to, &in, ZSTD_e_flush);
	(void)ZSTD_compressStream2(c, &to, &in, ZSTD_e_end);
	ok(decode(bytes, to.pos, 100, &out, NULL) == want, "a window of 2^%d",
	    log);
	ZSTD_freeCCtx(c);
	buf_release(&out);
}

/* ---- what lies ---- */

static void
test_damage(void)
{
	const size_t len = 3 * ZSEEK_CONTENT + 5;
	struct buf b = make(len, len), out = {0};
	uint8_t *copy = xmalloc(b.len);
	uint64_t table = b.len - (ZSEEK_HEAD + 4 * ZSEEK_ENTRY_SUM + 9);
	struct zseek_table t;
	bool good = true, sought;
	struct buf c = {.data = (char *)copy, .len = b.len};

	for (size_t i = 0; i < b.len; i += i < table ? 911 : 1) {
		memcpy(copy, b.data, b.len);
		copy[i] ^= 0x10;
		/* One in the magic of the end makes of it what any skip is;
		 * the lowest flags say nothing. */
		good = good &&
		       (decode(copy, b.len, 5000, &out, &sought) == RC_DATA ||
			   (i >= b.len - 4 && !sought));
	}
	ok(good, "any byte changed is noticed");
	good = true;
	for (size_t n = 1; n < b.len; n += n < table ? 977 : 1)
		good = good &&
		       (decode(b.data, n, 5000, &out, &sought) == RC_DATA ||
			   !sought);
	ok(good, "cut short anywhere");
	good = true;
	for (size_t n = 1; n < ZSEEK_HEAD; n++)
		good = good && decode(b.data, table + n, 5000, &out, &sought) ==
				   RC_DATA;
	ok(good, "within the head of a frame, too");
	good = true;
	for (size_t i = table; i < b.len; i++) {
		memcpy(copy, b.data, b.len);
		copy[i] ^= 0x10;
		if (open_table(&t, &c) != RC_OK)
			continue;
		/* A checksum, or sizes of contents: the frame tells. */
		for (uint32_t k = 0; k < t.frames; k++)
			if (i >= table + ZSEEK_HEAD + k * ZSEEK_ENTRY_SUM &&
			    i < table + ZSEEK_HEAD + (k + 1) * ZSEEK_ENTRY_SUM)
				good = good && !one_frame(&t, &b, k);
		zseek_table_release(&t);
	}
	ok(good, "a table that lies of a frame is found out by the frame");
	free(copy);
	buf_release(&b);
	buf_release(&out);
}

/* A frame that gives more than its table says: no more than that is taken. */
static void
test_more(void)
{
	struct buf b = make(2 * ZSEEK_CONTENT, MOST), out = {0};
	uint64_t table = b.len - (ZSEEK_HEAD + 2 * ZSEEK_ENTRY_SUM + 9);
	struct zseek_table t;
	struct zseek_decoder *d;

	put_le32((uint8_t *)b.data + table + ZSEEK_HEAD + 4, 10);
	if (open_table(&t, &b) != RC_OK)
		exit(1);
	d = zseek_decoder_at("object", &t, 0, append, &out);
	ok(zseek_decoder_feed(d, b.data, table) == RC_DATA && out.len <= 10,
	    "a frame that gives more than its table says is cut off there");
	zseek_decoder_free(d);
	zseek_table_release(&t);
	buf_release(&b);
	buf_release(&out);
}

static void
refused(const char *what, const uint8_t *table, size_t len, uint64_t size)
{
	struct zseek_table t;

	ok(zseek_table_open(&t, "object", table, len, size) == RC_DATA,
	    "refused: %s", what);
}

static void
test_tables(void)
{
	uint8_t p[ZSEEK_HEAD + 2 * ZSEEK_ENTRY + ZSEEK_FOOTER] = {0};
	struct zseek_table t;
	uint64_t length;

	put_le32(p, ZSEEK_MAGIC_TABLE);
	put_le32(p + 4, sizeof(p) - ZSEEK_HEAD);
	zseek_entry(p + 8, 100, 50, 0);
	put_le32(p + 16, 70);
	put_le32(p + 20, UINT32_MAX);
	put_le32(p + 24, 2);
	put_le32(p + 29, ZSEEK_MAGIC_END);
	ok(zseek_table_open(&t, "object", p, sizeof(p), sizeof(p) + 170) ==
		    RC_OK &&
		t.content == UINT32_MAX + UINT64_C(50),
	    "two frames, one of which may be large");
	zseek_table_release(&t);
	refused("frames that go beyond it", p, sizeof(p), sizeof(p) + 169);
	refused("a hole before it", p, sizeof(p), sizeof(p) + 171);
	refused("of an object shorter than it", p, sizeof(p), sizeof(p) - 1);
	refused("no end", p, sizeof(p) - 1, sizeof(p) + 169);
	p[0] ^= 1;
	refused("another beginning", p, sizeof(p), sizeof(p) + 170);
	p[0] ^= 1;
	p[4] ^= 1;
	refused("another length", p, sizeof(p), sizeof(p) + 170);
	p[4] ^= 1;
	p[28] = 0x40;
	refused("unknown flags", p, sizeof(p), sizeof(p) + 170);
	p[28] = ZSEEK_SUMS;
	refused("checksums that are not there", p, sizeof(p), sizeof(p) + 170);
	p[28] = 3; /* bits that mean nothing yet */
	ok(zseek_table_open(&t, "object", p, sizeof(p), sizeof(p) + 170) ==
		RC_OK,
	    "unused flags");
	zseek_table_release(&t);
	put_le32(p + 24, UINT32_MAX);
	refused("more frames than it has", p, sizeof(p), sizeof(p) + 170);
	ok(zseek_table_length(
	       "object", p, sizeof(p), sizeof(p) + 170, &length) == RC_DATA,
	    "refused: longer than the object");
	put_le32(p + 24, 1);
	refused("fewer", p, sizeof(p), sizeof(p) + 170);
	ok(zseek_table_length("object", "12345678", 8, 8, &length) ==
		    RC_ABSENT &&
		zseek_table_length("object", "123456789", 9, 9, &length) ==
		    RC_ABSENT,
	    "no table");
}

int
main(int argc, char **argv)
{
	static const size_t lengths[] = {0, 1, ZSEEK_CONTENT - 1, ZSEEK_CONTENT,
	    ZSEEK_CONTENT + 1, 5 * ZSEEK_CONTENT, MOST};

	(void)argc;
	msg_init(argv[0]);
	msg_verbosity(-2);
	fill();
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		test_length(lengths[i]);
	test_others();
	test_window(23, RC_OK);
	test_window(24, RC_DATA);
	test_damage();
	test_more();
	test_tables();
	return tap_done();
}
