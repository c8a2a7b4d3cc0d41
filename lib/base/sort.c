/*
 * sort: see sort.h.  Runs of at most SORT_MEMORY bytes are sorted in memory and
 * appended to one scratch file; sort_next() merges them through a heap
 * of their heads.
 */

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/sort.h"

enum { RUN_BUFFER = 64 << 10, RUNS_MEMORY = 32 << 20 };

struct run {
	uint64_t at, end; /* bytes in the scratch file yet to be read */
	char *buf;        /* part of it */
	size_t have, pos;
};

struct sort {
	size_t size;
	int (*cmp)(const void *, const void *);
	char *records; /* of the run being collected */
	size_t n, cap, most;
	struct file *scratch;
	uint64_t spilled;
	struct run *runs;
	size_t nruns;
	size_t *heap; /* runs by their heads, least first */
	size_t heap_n;
	bool reading;
	size_t pos; /* next of records, if nothing was spilled */
};

struct sort *
sort_new(size_t size, int (*cmp)(const void *, const void *))
{
	struct sort *s = xcalloc(1, sizeof(*s));

	s->size = size;
	s->cmp = cmp;
	s->most = SORT_MEMORY / size;
	return s;
}

static enum rc
spill(struct sort *s)
{
	size_t len = s->n * s->size;
	enum rc rc = RC_OK;

	qsort(s->records, s->n, s->size, s->cmp);
	if (!s->scratch)
		rc = file_scratch(&s->scratch);
	if (rc == RC_OK)
		rc = file_write(s->scratch, s->records, len, s->spilled);
	if (rc)
		return rc;
	s->runs = xreallocarray(s->runs, s->nruns + 1, sizeof(*s->runs));
	s->runs[s->nruns++] =
	    (struct run){.at = s->spilled, .end = s->spilled + len};
	s->spilled += len;
	s->n = 0;
	return RC_OK;
}

enum rc
sort_add(struct sort *s, const void *record)
{
	enum rc rc;

	if (s->n == s->most) {
		rc = spill(s);
		if (rc)
			return rc;
	}
	if (s->n == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 64;
		if (s->cap > s->most)
			s->cap = s->most;
		s->records = xreallocarray(s->records, s->cap, s->size);
	}
	memcpy(s->records + s->n++ * s->size, record, s->size);
	return RC_OK;
}

static const char *
head(const struct sort *s, size_t run)
{
	return s->runs[run].buf + s->runs[run].pos;
}

/* Make sure that a run has a record at hand; RC_ABSENT at its end. */
static enum rc
refill(struct sort *s, struct run *r, size_t room)
{
	size_t n;
	enum rc rc;

	if (r->pos < r->have)
		return RC_OK;
	if (r->at == r->end)
		return RC_ABSENT;
	n = r->end - r->at < room ? (size_t)(r->end - r->at) : room;
	rc = file_read(s->scratch, r->buf, n, r->at);
	r->at += n;
	r->have = n;
	r->pos = 0;
	return rc;
}

static void
sift_down(struct sort *s, size_t i)
{
	for (;;) {
		size_t least = i, l = 2 * i + 1, tmp;

		for (size_t c = l; c < l + 2 && c < s->heap_n; c++)
			if (s->cmp(head(s, s->heap[c]),
				head(s, s->heap[least])) < 0)
				least = c;
		if (least == i)
			return;
		tmp = s->heap[i];
		s->heap[i] = s->heap[least];
		s->heap[least] = tmp;
		i = least;
	}
}

/* Room of a run's buffer: whole records, all buffers together bounded. */
static size_t
run_room(const struct sort *s)
{
	size_t room = RUNS_MEMORY / s->nruns;

	if (room > RUN_BUFFER)
		room = RUN_BUFFER;
	room -= room % s->size;
	return room > s->size ? room : s->size;
}

static enum rc
begin_merge(struct sort *s)
{
	enum rc rc = spill(s);

	free(s->records);
	s->records = NULL;
	if (rc)
		return rc;
	s->heap = xcalloc(s->nruns, sizeof(*s->heap));
	for (size_t i = 0; i < s->nruns; i++) {
		s->runs[i].buf = xmalloc(run_room(s));
		rc = refill(s, &s->runs[i], run_room(s));
		if (rc)
			return rc;
		s->heap[s->heap_n++] = i;
	}
	for (size_t i = s->heap_n; i-- > 0;)
		sift_down(s, i);
	return RC_OK;
}

enum rc
sort_next(struct sort *s, void *record)
{
	struct run *r;
	enum rc rc;

	if (!s->reading) {
		s->reading = true;
		if (s->nruns > 0) {
			rc = begin_merge(s);
			if (rc)
				return rc;
		} else if (s->n > 0) {
			qsort(s->records, s->n, s->size, s->cmp);
		}
	}
	if (s->nruns == 0) {
		if (!s->records || s->pos == s->n)
			return RC_ABSENT;
		memcpy(record, s->records + s->pos++ * s->size, s->size);
		return RC_OK;
	}
	if (s->heap_n == 0)
		return RC_ABSENT;
	r = &s->runs[s->heap[0]];
	memcpy(record, r->buf + r->pos, s->size);
	r->pos += s->size;
	rc = refill(s, r, run_room(s));
	if (rc == RC_ABSENT)
		s->heap[0] = s->heap[--s->heap_n];
	else if (rc)
		return rc;
	sift_down(s, 0);
	return RC_OK;
}

void
sort_free(struct sort *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->nruns; i++)
		free(s->runs[i].buf);
	file_close(&s->scratch);
	free(s->runs);
	free(s->heap);
	free(s->records);
	free(s);
}
