/* zseek_writer: see zseek_writer.h. */

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>
#include <zstd.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "format/zseek_writer.h"

struct zseek_writer {
	ZSTD_CCtx *zstd;
	int level;
	enum rc (*sink)(void *arg, const void *data, size_t len);
	void *arg;
	uint64_t made;
	uint32_t frames;
	struct buf table;
	uint8_t *out;
	size_t out_size, n;
	uint8_t in[ZSEEK_CONTENT];
};

static ZSTD_CCtx *
compressor(void)
{
	ZSTD_CCtx *c = ZSTD_createCCtx();

	if (!c)
		exit(msg_fail(RC_SYSTEM, "out of memory"));
	return c;
}

struct zseek_writer *
zseek_writer_new(int level,
    enum rc (*sink)(void *arg, const void *data, size_t len), void *arg)
{
	struct zseek_writer *w = xcalloc(1, sizeof(*w));

	w->zstd = compressor();
	w->level = level;
	w->out_size = ZSTD_compressBound(ZSEEK_CONTENT);
	w->out = xmalloc(w->out_size);
	zseek_writer_begin(w, sink, arg);
	return w;
}

void
zseek_writer_begin(struct zseek_writer *w,
    enum rc (*sink)(void *arg, const void *data, size_t len), void *arg)
{
	w->sink = sink;
	w->arg = arg;
	w->made = 0;
	w->frames = 0;
	w->n = 0;
	buf_clear(&w->table);
}

void
zseek_writer_free(struct zseek_writer *w)
{
	if (!w)
		return;
	ZSTD_freeCCtx(w->zstd);
	buf_release(&w->table);
	free(w->out);
	free(w);
}

static enum rc
emit(struct zseek_writer *w, const void *data, size_t len)
{
	w->made += len;
	return w->sink(w->arg, data, len);
}

/* In one call, so that its header tells its size. */
static enum rc
write_frame(struct zseek_writer *w, const uint8_t *p, size_t len)
{
	uint8_t entry[ZSEEK_ENTRY_SUM];
	size_t n =
	    ZSTD_compressCCtx(w->zstd, w->out, w->out_size, p, len, w->level);

	if (ZSTD_isError(n))
		return msg_fail(RC_SYSTEM, "zstd: %s", ZSTD_getErrorName(n));
	zseek_entry(entry, n, len, (uint32_t)XXH64(p, len, 0));
	buf_add(&w->table, entry, ZSEEK_ENTRY_SUM);
	w->frames++;
	return emit(w, w->out, n);
}

enum rc
zseek_writer_add(struct zseek_writer *w, const void *data, size_t len)
{
	const uint8_t *p = data;
	enum rc rc = RC_OK;
	size_t n;

	while (rc == RC_OK && len > 0) {
		n = sizeof(w->in) - w->n < len ? sizeof(w->in) - w->n : len;
		if (n == sizeof(w->in)) {
			rc = write_frame(w, p, n);
		} else {
			memcpy(w->in + w->n, p, n);
			w->n += n;
			if (w->n == sizeof(w->in)) {
				rc = write_frame(w, w->in, w->n);
				w->n = 0;
			}
		}
		p += n;
		len -= n;
	}
	return rc;
}

enum rc
zseek_writer_finish(struct zseek_writer *w, uint64_t *len)
{
	uint8_t head[ZSEEK_HEAD], footer[ZSEEK_FOOTER];
	enum rc rc = RC_OK;

	if (w->n > 0)
		rc = write_frame(w, w->in, w->n);
	if (rc == RC_OK && w->table.len > UINT32_MAX - sizeof(footer))
		rc = msg_fail(RC_DATA, "too large for a seek table");
	put_le32(head, ZSEEK_MAGIC_TABLE);
	put_le32(head + 4, (uint32_t)(w->table.len + sizeof(footer)));
	put_le32(footer, w->frames);
	footer[4] = ZSEEK_SUMS;
	put_le32(footer + 5, ZSEEK_MAGIC_END);
	if (rc == RC_OK)
		rc = emit(w, head, sizeof(head));
	if (rc == RC_OK && w->table.len > 0)
		rc = emit(w, w->table.data, w->table.len);
	if (rc == RC_OK)
		rc = emit(w, footer, sizeof(footer));
	*len = w->made;
	return rc;
}
