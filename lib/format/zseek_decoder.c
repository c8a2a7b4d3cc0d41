/*
 * zseek_decoder: see zseek_decoder.h.
 *
 * It goes by frames: it looks at the first four bytes of each, counts what goes
 * in and what comes out, and hashes the latter.  What it finds of all frames is
 * kept as two hashes of the entries that a table would have, with and without
 * checksums: so the table at the end of a whole object is checked in bounded
 * memory.
 */

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>
#include <zstd.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "format/zseek_decoder.h"

enum { WINDOW_LOG = 23, OUT = 128 << 10 };

enum step { AT_BEGIN, IN_FRAME, IN_SKIP };

struct zseek_decoder {
	char *name;
	enum rc (*sink)(void *arg, const void *data, size_t len);
	void *arg;
	ZSTD_DCtx *zstd;
	const struct zseek_table *table;
	uint32_t frames; /* ended, or before the first one */
	bool failed;

	enum step step;
	uint8_t head[ZSEEK_HEAD]; /* of the frame, while it is gathered */
	size_t have;
	uint64_t size, content;  /* of the frame, so far */
	struct zseek_frame said; /* of it, with a table */
	XXH64_state_t *sum;
	/* A frame that is skipped: its last bytes, and hashes of those before
	 * them, in case that it is the table. */
	uint64_t skip; /* bytes to come */
	uint8_t last[ZSEEK_FOOTER];
	size_t n_last;
	XXH3_state_t *skipped;
	/* Entries of all frames before, with and without checksums. */
	XXH3_state_t *entries[2];
	bool is_table; /* the frame that ended last may be it */
	uint8_t out[OUT];
};

struct zseek_decoder *
zseek_decoder_at(const char *name, const struct zseek_table *table,
    uint32_t first, enum rc (*sink)(void *arg, const void *data, size_t len),
    void *arg)
{
	struct zseek_decoder *d = xcalloc(1, sizeof(*d));

	d->name = xstrdup(name);
	d->sink = sink;
	d->arg = arg;
	d->table = table;
	d->frames = first;
	d->zstd = ZSTD_createDCtx();
	d->sum = XXH64_createState();
	d->skipped = XXH3_createState();
	d->entries[0] = XXH3_createState();
	d->entries[1] = XXH3_createState();
	if (!d->zstd || !d->sum || !d->skipped || !d->entries[0] ||
	    !d->entries[1])
		exit(msg_fail(RC_SYSTEM, "out of memory"));
	ZSTD_DCtx_setParameter(d->zstd, ZSTD_d_windowLogMax, WINDOW_LOG);
	XXH3_64bits_reset(d->entries[0]);
	XXH3_64bits_reset(d->entries[1]);
	return d;
}

struct zseek_decoder *
zseek_decoder_new(const char *name,
    enum rc (*sink)(void *arg, const void *data, size_t len), void *arg)
{
	return zseek_decoder_at(name, NULL, 0, sink, arg);
}

void
zseek_decoder_free(struct zseek_decoder *d)
{
	if (!d)
		return;
	ZSTD_freeDCtx(d->zstd);
	XXH64_freeState(d->sum);
	XXH3_freeState(d->skipped);
	XXH3_freeState(d->entries[0]);
	XXH3_freeState(d->entries[1]);
	free(d->name);
	free(d);
}

static enum rc
fail(struct zseek_decoder *d, const char *why)
{
	d->failed = true;
	return msg_fail(RC_DATA, "%s: %s", d->name, why);
}

static const char not_as_said[] = "a frame is not what its table says";

static enum rc
begin_frame(struct zseek_decoder *d)
{
	d->size = d->content = 0;
	XXH64_reset(d->sum, 0);
	if (!d->table)
		return RC_OK;
	if (d->frames == d->table->frames)
		return fail(d, "more frames than its table has");
	zseek_table_frame(d->table, d->frames, &d->said);
	return RC_OK;
}

/* The frame has come to its end: is it what the table says? */
static enum rc
end_frame(struct zseek_decoder *d)
{
	uint32_t sum = (uint32_t)XXH64_digest(d->sum);
	uint8_t entry[ZSEEK_ENTRY_SUM];

	d->step = AT_BEGIN;
	d->have = 0;
	if (d->table) {
		if (d->said.size != d->size || d->said.content != d->content ||
		    (d->said.has_sum && d->said.sum != sum))
			return fail(d, not_as_said);
	} else if (d->size > UINT32_MAX || d->content > UINT32_MAX) {
		return fail(d, "a frame of more than 4 GiB");
	}
	zseek_entry(entry, d->size, d->content, sum);
	XXH3_64bits_update(d->entries[false], entry, ZSEEK_ENTRY);
	XXH3_64bits_update(d->entries[true], entry, ZSEEK_ENTRY_SUM);
	if (d->frames == UINT32_MAX)
		return fail(d, "too many frames");
	d->frames++;
	return RC_OK;
}

/* Some of the bytes at p, *n of them. */
static enum rc
decode(struct zseek_decoder *d, const uint8_t *p, size_t len, size_t *n)
{
	ZSTD_inBuffer in = {p, len, 0};
	ZSTD_outBuffer out = {d->out, sizeof(d->out), 0};
	size_t left = ZSTD_decompressStream(d->zstd, &out, &in);
	enum rc rc = RC_OK;

	if (ZSTD_isError(left))
		return fail(d, ZSTD_getErrorName(left));
	*n = in.pos;
	d->size += in.pos;
	d->content += out.pos;
	XXH64_update(d->sum, d->out, out.pos);
	/* Before its end: there may be no end to it. */
	if (d->table && d->content > d->said.content)
		return fail(d, not_as_said);
	if (out.pos > 0)
		rc = d->sink(d->arg, d->out, out.pos);
	if (rc) {
		d->failed = true;
		return rc;
	}
	return left == 0 ? end_frame(d) : RC_OK;
}

/* All of the frame: what zstd keeps back when its output is full comes too. */
static enum rc
decode_all(struct zseek_decoder *d, const uint8_t *p, size_t len, size_t *used)
{
	uint64_t before;
	size_t n = 0;
	enum rc rc = RC_OK;

	*used = 0;
	do {
		before = d->content;
		rc = decode(d, p + *used, len - *used, &n);
		if (rc)
			return rc;
		*used += n;
	} while (d->step == IN_FRAME && (n > 0 || d->content > before) &&
		 (*used < len || d->content - before == sizeof(d->out)));
	return RC_OK;
}

/* Bytes that are skipped: the last ones are kept, what they push out hashed. */
static void
skip(struct zseek_decoder *d, const uint8_t *p, size_t len)
{
	size_t out =
	    d->n_last + len > ZSEEK_FOOTER ? d->n_last + len - ZSEEK_FOOTER : 0;
	size_t old = out < d->n_last ? out : d->n_last;

	XXH3_64bits_update(d->skipped, d->last, old);
	memmove(d->last, d->last + old, d->n_last - old);
	d->n_last -= old;
	XXH3_64bits_update(d->skipped, p, out - old);
	memcpy(d->last + d->n_last, p + (out - old), len - (out - old));
	d->n_last += len - (out - old);
	d->size += len;
	d->skip -= len;
}

static enum rc
begin_skip(struct zseek_decoder *d)
{
	d->step = IN_SKIP;
	d->size = ZSEEK_HEAD;
	d->skip = le32(d->head + 4);
	d->n_last = 0;
	XXH3_64bits_reset(d->skipped);
	d->is_table = le32(d->head) == ZSEEK_MAGIC_TABLE;
	return RC_OK;
}

/* Four bytes tell what it is; eight are the head of what is skipped. */
static enum rc
gather_head(struct zseek_decoder *d, const uint8_t *p, size_t len, size_t *n)
{
	size_t want = d->have < 4 ? 4 : ZSEEK_HEAD, used;
	enum rc rc;

	/* What was taken for the table was a frame as any other. */
	if (d->have == 0 && d->is_table) {
		d->is_table = false;
		rc = end_frame(d);
		if (rc)
			return rc;
	}
	*n = want - d->have < len ? want - d->have : len;
	memcpy(d->head + d->have, p, *n);
	d->have += *n;
	if (d->have < want)
		return RC_OK;
	rc = want == 4 ? begin_frame(d) : RC_OK;
	if (rc)
		return rc;
	if (le32(d->head) != ZSEEK_MAGIC_FRAME)
		return (le32(d->head) & ~UINT32_C(15)) != ZSEEK_MAGIC_SKIP
			   ? fail(d, "not what zstd writes")
		       : d->have == ZSEEK_HEAD ? begin_skip(d)
					       : RC_OK;
	d->step = IN_FRAME;
	return decode_all(d, d->head, d->have, &used);
}

static enum rc
feed_some(struct zseek_decoder *d, const uint8_t *p, size_t len, size_t *n)
{
	switch (d->step) {
	case AT_BEGIN:
		return gather_head(d, p, len, n);
	case IN_FRAME:
		return decode_all(d, p, len, n);
	case IN_SKIP:
		break;
	}
	*n = d->skip < len ? (size_t)d->skip : len;
	skip(d, p, *n);
	return RC_OK;
}

/* The end of what is skipped: only what comes next tells whether it was the
 * table. */
static enum rc
end_skip(struct zseek_decoder *d)
{
	if (d->step != IN_SKIP || d->skip > 0)
		return RC_OK;
	d->step = AT_BEGIN;
	d->have = 0;
	return d->is_table ? RC_OK : end_frame(d);
}

enum rc
zseek_decoder_feed(struct zseek_decoder *d, const void *data, size_t len)
{
	const uint8_t *p = data;
	enum rc rc = d->failed ? RC_DATA : RC_OK;
	size_t n = 0;

	while (rc == RC_OK && len > 0) {
		rc = feed_some(d, p, len, &n);
		if (rc)
			break;
		p += n;
		len -= n;
		rc = end_skip(d);
	}
	return rc;
}

/* The frame that was the last one: the table says of the others what was found,
 * if it is one. */
static enum rc
check_table(struct zseek_decoder *d, bool *is)
{
	uint32_t frames;
	bool sums;
	enum rc rc = RC_ABSENT;

	if (d->n_last == ZSEEK_FOOTER)
		rc = zseek_footer(d->name, d->last, &frames, &sums);
	*is = rc == RC_OK;
	if (rc)
		return rc == RC_ABSENT ? RC_OK : rc;
	if (frames != d->frames ||
	    d->size !=
		ZSEEK_HEAD + zseek_entries(frames, sums) + ZSEEK_FOOTER ||
	    XXH3_64bits_digest(d->skipped) !=
		XXH3_64bits_digest(d->entries[sums]))
		return zseek_bad(d->name, "it disagrees with the frames");
	return RC_OK;
}

enum rc
zseek_decoder_end(struct zseek_decoder *d, bool *sought)
{
	bool is = false;
	enum rc rc = RC_OK;

	if (d->failed)
		return RC_DATA; /* was reported */
	if (d->step != AT_BEGIN || d->have > 0)
		return fail(d, "cut short");
	if (d->is_table && !d->table)
		rc = check_table(d, &is);
	if (sought)
		*sought = is;
	return rc;
}
