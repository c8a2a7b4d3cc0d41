/*
 * merge_pass: see merge_pass.h.
 */

#include <stdlib.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/file.h"
#include "format/checksum.h"
#include "merge/merge_pass.h"

void
merge_progress(const struct merge_reading *m, uint64_t bytes)
{
	if (m->progress)
		m->progress(m->progress_arg, bytes);
}

/* An input that is being read.  next points into piece at the next frame. */
struct source {
	const struct merge_input *in;
	struct file *file; /* its own, or the run's */
	struct seg_header header;
	uint64_t offset; /* of what was not read yet */
	uint32_t unread; /* frames */
	uint32_t crc;    /* of what was read */
	uint8_t *piece;
	size_t loaded; /* frames from next on, in the piece */
	const uint8_t *next;
	struct seg_frame frame; /* at next */
};

/*
 * The sources by their next page, and of one page the newest first: a binary
 * heap of page << 32 | ~source.
 */
struct pass {
	const struct merge_reading *m;
	const struct merge_sink *sink;
	struct source *src;
	size_t n;
	size_t frame_size;
	size_t piece_frames;
	uint64_t *heap;
	size_t heap_len;
};

static void
sift_down(uint64_t *heap, size_t n, uint64_t v)
{
	size_t i = 0, child;

	while ((child = 2 * i + 1) < n) {
		if (child + 1 < n && heap[child + 1] < heap[child])
			child++;
		if (v <= heap[child])
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = v;
}

static void
heap_add(struct pass *p, uint64_t v)
{
	size_t i = p->heap_len++;

	while (i > 0 && v < p->heap[(i - 1) / 2]) {
		p->heap[i] = p->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	p->heap[i] = v;
}

static uint64_t
heap_value(const struct pass *p, const struct source *s)
{
	return (uint64_t)s->frame.page_no << 32 |
	       (UINT32_MAX - (uint32_t)(s - p->src));
}

static const char *
source_name(const struct source *s)
{
	return s->in->dir ? file_name(s->file) : "a scratch file";
}

/* After the last frame: the file's own checksum, or what was written. */
static enum rc
check_end(struct source *s, const uint8_t *footer)
{
	uint32_t want = s->in->dir ? le32(footer) : s->in->run.crc;

	if (s->crc == want)
		return RC_OK;
	return msg_fail(RC_DATA, "%s: its checksum is wrong", source_name(s));
}

/* Read the next piece; nothing in the old one may be borrowed any more. */
static enum rc
load(struct pass *p, struct source *s)
{
	size_t n, len, footer;
	enum rc rc;

	n = s->unread < p->piece_frames ? s->unread : p->piece_frames;
	len = n * p->frame_size;
	footer = n == s->unread && s->in->dir ? SEG_FOOTER : 0;
	rc = file_read(s->file, s->piece, len + footer, s->offset);
	if (rc)
		return rc;
	s->crc = checksum_crc32(s->crc, s->piece, len);
	s->offset += len;
	s->unread -= (uint32_t)n;
	s->loaded = n;
	s->next = s->piece;
	if (s->in->dir)
		merge_progress(p->m, len);
	return s->unread == 0 ? check_end(s, s->piece + len) : RC_OK;
}

static enum rc
decode(struct source *s)
{
	const char *why = seg_frame_decode(&s->frame, &s->header, s->next);

	return why ? msg_fail(RC_DATA, "%s: %s", source_name(s), why) : RC_OK;
}

/* The first frame, if there is one: a run may be empty. */
static enum rc
source_begin(struct pass *p, struct source *s)
{
	enum rc rc = RC_OK;

	if (s->unread > 0)
		rc = load(p, s);
	if (rc == RC_OK && s->unread + s->loaded > 0) {
		rc = decode(s);
		if (rc == RC_OK)
			heap_add(p, heap_value(p, s));
	}
	return rc;
}

static enum rc
source_open(struct pass *p, struct source *s, const struct merge_input *in)
{
	enum rc rc;

	s->in = in;
	s->unread = in->frames;
	if (in->dir) {
		rc = merge_input_open(in, &s->file, &s->header, &s->crc);
		if (rc)
			return rc;
		if (s->header.frames != in->frames ||
		    s->header.page_size != p->m->page_size ||
		    s->header.layout != SEG_OLD)
			return msg_fail(RC_DATA,
			    "%s: changed while it was read",
			    file_name(s->file));
		file_sequential(s->file);
		s->offset = SEG_HEADER;
	} else {
		s->file = in->run.scratch;
		s->offset = in->run.offset;
		s->header.layout = SEG_OLD;
		s->header.page_size = p->m->page_size;
		s->header.key = p->m->key;
	}
	return source_begin(p, s);
}

/*
 * The next frame of the source on top of the heap.  Of a source that has been
 * read to its end the file is closed at once.
 */
static enum rc
source_next(struct pass *p, struct source *s)
{
	enum rc rc;

	s->next += p->frame_size;
	if (--s->loaded == 0) {
		rc = p->sink->settle(p->sink->arg);
		if (rc)
			return rc;
		if (s->unread == 0) {
			if (s->in->dir)
				file_close(&s->file);
			p->heap_len--;
			if (p->heap_len > 0)
				sift_down(
				    p->heap, p->heap_len, p->heap[p->heap_len]);
			return RC_OK;
		}
		rc = load(p, s);
		if (rc)
			return rc;
	}
	rc = decode(s);
	if (rc == RC_OK)
		sift_down(p->heap, p->heap_len, heap_value(p, s));
	return rc;
}

static enum rc
merge_sources(struct pass *p)
{
	const struct merge_sink *sink = p->sink;
	uint32_t page, last = 0;
	struct source *s;
	enum rc rc;

	while (p->heap_len > 0) {
		s = &p->src[UINT32_MAX - (uint32_t)p->heap[0]];
		page = s->frame.page_no;
		if (page != last && page <= s->in->cutoff) {
			last = page;
			rc = sink->frame(sink->arg, page, s->next);
			if (rc)
				return rc;
		}
		rc = source_next(p, s);
		if (rc)
			return rc;
	}
	return RC_OK;
}

/* How many frames of each of n sources may be in memory. */
static size_t
piece_frames(const struct merge_reading *m, size_t n)
{
	size_t frame = SEG_FRAME + m->page_size, piece = m->memory / n;

	if (piece > MERGE_PIECE_MAX)
		piece = MERGE_PIECE_MAX;
	return piece < frame ? 1 : piece / frame;
}

/* Passes are of about one size: what is freed between them would only leave
 * holes. */
static uint8_t *
pieces_room(struct merge_reading *m, size_t size)
{
	if (size > m->room) {
		free(m->pieces);
		m->pieces = xmalloc(size);
		m->room = size;
	}
	return m->pieces;
}

enum rc
merge_pass(struct merge_reading *m, const struct merge_input *in, size_t n,
    const struct merge_sink *sink)
{
	struct pass p = {.m = m, .sink = sink, .n = n};
	uint8_t *pieces;
	size_t piece;
	enum rc rc = RC_OK;

	p.frame_size = SEG_FRAME + m->page_size;
	p.piece_frames = piece_frames(m, n);
	piece = p.piece_frames * p.frame_size + SEG_FOOTER;
	p.src = xcalloc(n, sizeof(*p.src));
	p.heap = xcalloc(n, sizeof(*p.heap));
	pieces = pieces_room(m, n * piece);
	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		p.src[i].piece = pieces + i * piece;
		rc = source_open(&p, &p.src[i], &in[i]);
	}
	if (rc == RC_OK)
		rc = merge_sources(&p);
	for (size_t i = 0; i < n; i++)
		if (p.src[i].in && p.src[i].in->dir)
			file_close(&p.src[i].file);
	free(p.src);
	free(p.heap);
	return rc;
}
