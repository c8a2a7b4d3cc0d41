/* coalesce: see coalesce.h. */

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/coalesce.h"

enum {
	BUFFER = 1 << 20,
	BORROWED = 1000,      /* pieces; IOV_MAX is 1024 */
	COPY_BELOW = 64 << 10 /* bytes: a write of less is not worth its call */
};

/* What is pending: first used bytes of the buffer, then the borrowed pieces. */
struct coalesce {
	struct file *file;
	uint64_t offset; /* where what is pending begins */
	size_t used;
	size_t borrowed;              /* bytes */
	int n;                        /* pieces */
	struct iovec v[1 + BORROWED]; /* [0]: the buffer */
	uint8_t buffer[BUFFER];
};

struct coalesce *
coalesce_new(struct file *file, uint64_t offset)
{
	struct coalesce *g = xmalloc(sizeof(*g));

	g->file = file;
	g->offset = offset;
	g->used = g->borrowed = 0;
	g->n = 0;
	return g;
}

void
coalesce_free(struct coalesce *g)
{
	free(g);
}

uint64_t
coalesce_offset(const struct coalesce *g)
{
	return g->offset + g->used + g->borrowed;
}

enum rc
coalesce_flush(struct coalesce *g)
{
	uint64_t offset = g->offset;
	int n = g->n;

	if (g->used + g->borrowed == 0)
		return RC_OK;
	g->v[0] = (struct iovec){.iov_base = g->buffer, .iov_len = g->used};
	g->offset += g->used + g->borrowed;
	g->used = g->borrowed = 0;
	g->n = 0;
	return file_writev(g->file, g->v, 1 + n, offset);
}

enum rc
coalesce_add(struct coalesce *g, const void *data, size_t len)
{
	union {
		const void *from;
		void *to;
	} u = {.from = data}; /* struct iovec has no const */
	struct iovec *last = &g->v[g->n];
	enum rc rc;

	if (g->n > 0 && (uint8_t *)last->iov_base + last->iov_len == u.to) {
		last->iov_len += len;
		g->borrowed += len;
		return RC_OK;
	}
	if (g->n == BORROWED) {
		rc = coalesce_flush(g);
		if (rc)
			return rc;
	}
	g->v[++g->n] = (struct iovec){.iov_base = u.to, .iov_len = len};
	g->borrowed += len;
	return RC_OK;
}

enum rc
coalesce_settle(struct coalesce *g)
{
	if (g->borrowed >= COPY_BELOW || g->used + g->borrowed > BUFFER)
		return coalesce_flush(g);
	for (int i = 1; i <= g->n; i++) {
		memcpy(g->buffer + g->used, g->v[i].iov_base, g->v[i].iov_len);
		g->used += g->v[i].iov_len;
	}
	g->borrowed = 0;
	g->n = 0;
	return RC_OK;
}

enum rc
coalesce_copy(struct coalesce *g, const void *data, size_t len)
{
	enum rc rc = coalesce_add(g, data, len);

	return rc ? rc : coalesce_settle(g);
}

enum rc
coalesce_seek(struct coalesce *g, uint64_t offset)
{
	enum rc rc;

	if (offset == coalesce_offset(g))
		return RC_OK;
	rc = coalesce_flush(g);
	g->offset = offset;
	return rc;
}
