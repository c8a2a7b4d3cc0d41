/*
 * merge: see merge.h.
 *
 * A set is an array of inputs, oldest first.  An input is a file, or a run: a
 * part of a scratch file that has frames in page order and nothing else.
 * set_passes() turns inputs into fewer inputs until one pass can read them all;
 * pass() is the merge itself.
 */

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/coalesce.h"
#include "base/file.h"
#include "format/checksum.h"
#include "segment/segstream.h"
#include "segment/segwriter.h"
#include "work/merge.h"

enum {
	/* What a read moves at most: the data should still be in the cache when
	 * its CRC is computed and when it is written. */
	PIECE_MAX = 256 << 10,
	/* And at least, as far as a frame is not larger. */
	PIECE_MIN = 8 << 10,
	MEMORY = 32 << 20,
	FILES_RESERVED = 32 /* descriptors that are not sources */
};

struct input {
	char *path; /* NULL: a run */
	struct key key;
	uint32_t frames;
	uint32_t size_after;
	uint32_t cutoff; /* pages beyond it are dropped */
	bool later;      /* layout */
	/* A run: */
	struct file *scratch; /* borrowed */
	uint64_t offset;
	uint32_t crc;
};

struct merge {
	struct input *in;
	size_t n, cap;
	struct merge_info info;
	char *last_path;        /* info's: the inputs do not last */
	size_t memory, sources; /* limits */
	/* Scratch files: of LATER segments, and of the last two passes. */
	struct file *ordered, *read, *written;
	void (*progress)(void *arg, uint64_t bytes);
	void *progress_arg;
};

struct merge *
merge_new(void)
{
	struct merge *m = xcalloc(1, sizeof(*m));

	m->memory = MEMORY;
	return m;
}

static void
inputs_free(struct input *in, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(in[i].path);
	free(in);
}

void
merge_free(struct merge *m)
{
	if (!m)
		return;
	inputs_free(m->in, m->n);
	free(m->last_path);
	file_close(&m->ordered);
	file_close(&m->read);
	file_close(&m->written);
	free(m);
}

void
merge_limit(struct merge *m, size_t memory, size_t sources)
{
	if (memory > 0)
		m->memory = memory;
	m->sources = sources;
}

void
merge_on_progress(
    struct merge *m, void (*progress)(void *arg, uint64_t bytes), void *arg)
{
	m->progress = progress;
	m->progress_arg = arg;
}

static void
report(const struct merge *m, uint64_t bytes)
{
	if (m->progress)
		m->progress(m->progress_arg, bytes);
}

/* ---- the set ---- */

enum rc
merge_add(struct merge *m, const char *path, const struct name *name)
{
	char *seg;
	size_t len = strlen(path);

	if (m->n == 0)
		m->info.name = *name;
	else if (strcmp(m->info.name.namespace, name->namespace) != 0)
		return msg_fail(RC_DATA, "%s: a segment of %s in a set of %s",
		    path, name->namespace, m->info.name.namespace);
	if (m->n == m->cap) {
		m->cap = m->cap ? 2 * m->cap : 16;
		m->in = xreallocarray(m->in, m->cap, sizeof(*m->in));
	}
	seg = xstrdup(path);
	if (len > 4 && strcmp(path + len - 4, ".idx") == 0)
		memcpy(seg + len - 4, ".seg", 4);
	m->in[m->n++] = (struct input){.path = seg, .key = name->key};
	return RC_OK;
}

static int
input_cmp(const void *a, const void *b)
{
	const struct input *x = a, *y = b;

	return key_cmp(&x->key, &y->key);
}

static void
sort_inputs(struct merge *m)
{
	size_t n = 0;

	qsort(m->in, m->n, sizeof(*m->in), input_cmp);
	for (size_t i = 0; i < m->n; i++) {
		if (n > 0 && key_cmp(&m->in[n - 1].key, &m->in[i].key) == 0)
			free(m->in[i].path);
		else
			m->in[n++] = m->in[i];
	}
	m->n = n;
}

static enum rc
missing(const struct merge *m, uint64_t from, uint64_t to)
{
	return msg_fail(RC_DATA, "%s: frames %llu to %llu are missing",
	    m->info.name.namespace, (unsigned long long)from,
	    (unsigned long long)to);
}

/* Sorted by END, so that what does not follow its neighbour leaves a hole or
 * overlaps it. */
static enum rc
check_ranges(const struct merge *m, bool from_start)
{
	const struct key *k, *prev;

	if (from_start && m->in[0].key.start > 1)
		return missing(m, 1, m->in[0].key.start - 1);
	for (size_t i = 1; i < m->n; i++) {
		prev = &m->in[i - 1].key;
		k = &m->in[i].key;
		if (k->start <= prev->end)
			return msg_fail(RC_DATA,
			    "%s: frames %llu to %llu "
			    "overlap those of %s, %llu to %llu",
			    m->in[i].path, (unsigned long long)k->start,
			    (unsigned long long)k->end, m->in[i - 1].path,
			    (unsigned long long)prev->start,
			    (unsigned long long)prev->end);
		if (k->start - 1 != prev->end)
			return missing(m, prev->end + 1, k->start - 1);
	}
	return RC_OK;
}

/* Open a file and read its header; crc, if not NULL, is the header's. */
static enum rc
open_segment(struct file **f, const struct input *in, struct seg_header *h,
    uint32_t *crc)
{
	uint8_t bytes[SEG_HEADER_MAX];
	uint64_t length;
	size_t have;
	enum rc rc;

	rc = file_open_there(f, in->path, "");
	if (rc == RC_OK)
		rc = file_size(*f, &length);
	if (rc)
		return rc;
	have = length < sizeof(bytes) ? (size_t)length : sizeof(bytes);
	rc = file_read(*f, bytes, have, 0);
	if (rc == RC_OK)
		rc = seg_header_parse(
		    h, in->path, bytes, have, length, &in->key);
	if (rc == RC_OK && crc)
		*crc = checksum_crc32(0, bytes, seg_header_size(h));
	return rc;
}

static enum rc
check_header(struct merge *m, struct input *in)
{
	struct merge_info *info = &m->info;
	struct file *f = NULL;
	struct seg_header h;
	struct stat st;
	enum rc rc;

	rc = open_segment(&f, in, &h, NULL);
	if (rc)
		goto out;
	if (info->page_size != 0 && info->page_size != h.page_size) {
		rc = msg_fail(RC_DATA,
		    "%s: pages of %u bytes in a set with "
		    "pages of %u",
		    in->path, h.page_size, info->page_size);
		goto out;
	}
	if (fstat(file_fd(f), &st) != 0) {
		rc = msg_errno(in->path);
		goto out;
	}
	in->frames = h.frames;
	in->size_after = h.size_after;
	in->later = h.layout == SEG_LATER;
	info->page_size = h.page_size;
	info->size_after = h.size_after;
	memcpy(info->id, h.id, SEG_ID);
	info->mode &= st.st_mode | S_IWUSR | S_IRUSR;
	info->frames += h.frames;
	info->bytes += seg_size(&h);
out:
	file_close(&f);
	return rc;
}

enum rc
merge_check(struct merge *m, bool from_start, struct merge_info *info)
{
	uint32_t cutoff = UINT32_MAX;
	enum rc rc, bad = RC_OK;

	if (m->n == 0)
		return msg_fail(RC_DATA, "no segment in the set");
	sort_inputs(m);
	rc = check_ranges(m, from_start);
	if (rc)
		return rc;
	m->info.mode = file_default_mode();
	for (size_t i = 0; i < m->n; i++) {
		rc = check_header(m, &m->in[i]);
		bad = rc_max(bad, rc);
	}
	if (bad)
		return bad;
	/* A version is cut off by any later size, also if the database grew
	 * again after it. */
	for (size_t i = m->n; i-- > 0;) {
		if (m->in[i].size_after < cutoff)
			cutoff = m->in[i].size_after;
		m->in[i].cutoff = cutoff;
	}
	m->info.least_size = cutoff;
	m->info.segments = m->n;
	m->last_path = xstrdup(m->in[m->n - 1].path);
	m->info.last_path = m->last_path;
	m->info.name.key = m->in[m->n - 1].key;
	m->info.name.key.start = m->in[0].key.start;
	*info = m->info;
	return RC_OK;
}

/* ---- runs: frames in page order in a scratch file ---- */

/* A sink that makes one of what it gets. */
struct run_writer {
	struct coalesce *out;
	size_t frame_size;
	struct input *run;
};

static enum rc
run_frame(void *arg, uint32_t page_no, const uint8_t *frame)
{
	struct run_writer *w = arg;

	(void)page_no;
	w->run->frames++;
	w->run->crc = checksum_crc32(w->run->crc, frame, w->frame_size);
	return coalesce_add(w->out, frame, w->frame_size);
}

static enum rc
run_settle(void *arg)
{
	struct run_writer *w = arg;

	return coalesce_settle(w->out);
}

static void
run_begin(struct run_writer *w, struct input *run, struct file *scratch)
{
	*run = (struct input){
	    .scratch = scratch,
	    .offset = coalesce_offset(w->out),
	    .cutoff = UINT32_MAX,
	};
	w->run = run;
}

/* ---- LATER segments ---- */

/* One of them, while it is brought into page order.  What lies side by side in
 * the file is read in one piece. */
struct later {
	struct file *file;
	struct seg_header header;
	const struct input *in;
	struct run_writer *out;
	uint8_t *piece;
	size_t room;     /* frames */
	uint32_t *pages; /* of the frames that wait to be copied */
	size_t n;
	uint32_t position; /* of the first of them */
};

static enum rc
later_copy(struct later *l)
{
	size_t size = seg_frame_size(&l->header);
	uint64_t at = SEG_HEADER_LATER + l->position * (uint64_t)size;
	struct seg_frame f = {0};
	uint8_t *p = l->piece;
	enum rc rc;

	if (l->n == 0)
		return RC_OK;
	rc = file_read(l->file, p, l->n * size, at);
	for (size_t i = 0; rc == RC_OK && i < l->n; i++, p += size) {
		if (seg_frame_decode(&f, &l->header, p) ||
		    f.page_no != l->pages[i])
			return msg_fail(RC_DATA,
			    "%s: changed while it was read", l->in->path);
		/* The OLD header goes where the LATER one ended. */
		seg_frame_encode(
		    p + SEG_FRAME_LATER - SEG_FRAME, f.page_no, f.frame_no);
		rc = run_frame(
		    l->out, f.page_no, p + SEG_FRAME_LATER - SEG_FRAME);
	}
	l->n = 0;
	return rc ? rc : run_settle(l->out);
}

static enum rc
later_page(void *arg, uint32_t page, uint32_t position)
{
	struct later *l = arg;
	enum rc rc = RC_OK;

	if (page > l->in->cutoff)
		return RC_OK;
	if (l->n == l->room || position != l->position + l->n)
		rc = later_copy(l);
	if (l->n == 0)
		l->position = position;
	l->pages[l->n++] = page;
	return rc;
}

static enum rc
order_later(const struct merge *m, struct input *in, struct run_writer *w)
{
	struct later l = {.in = in, .out = w};
	struct input run;
	enum rc rc;

	rc = open_segment(&l.file, in, &l.header, NULL);
	if (rc)
		goto out;
	l.room = PIECE_MAX / seg_frame_size(&l.header);
	l.piece = xcalloc(l.room, seg_frame_size(&l.header));
	l.pages = xcalloc(l.room, sizeof(*l.pages));
	run_begin(w, &run, m->ordered);
	rc = segstream_each_page(l.file, &in->key, later_page, &l, &l.header);
	if (rc == RC_OK)
		rc = later_copy(&l);
	if (rc)
		goto out;
	report(m, seg_size(&l.header));
	free(in->path);
	*in = run;
out:
	w->run = NULL; /* it was this function's */
	free(l.pages);
	free(l.piece);
	file_close(&l.file);
	return rc;
}

/* All of the set that have the LATER layout become runs. */
static enum rc
order_all_later(struct merge *m)
{
	struct run_writer w = {.frame_size = SEG_FRAME + m->info.page_size};
	enum rc rc = RC_OK, bad = RC_OK;

	for (size_t i = 0; i < m->n; i++) {
		if (!m->in[i].later)
			continue;
		if (!w.out) {
			rc = file_scratch(&m->ordered);
			if (rc)
				return rc;
			w.out = coalesce_new(m->ordered, 0);
		}
		rc = order_later(m, &m->in[i], &w);
		bad = rc_max(bad, rc);
	}
	if (w.out && bad == RC_OK)
		bad = coalesce_flush(w.out);
	coalesce_free(w.out);
	return bad;
}

/* ---- one pass ---- */

/* An input that is being read.  next points into piece at the next frame. */
struct source {
	const struct input *in;
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
	const struct merge *m;
	const struct merge_sink *sink;
	struct source *src;
	size_t n;
	size_t frame_size;
	size_t piece_frames;
	uint8_t *pieces;
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
	return s->in->path ? s->in->path : "a scratch file";
}

/* After the last frame: the file's own checksum, or what was written. */
static enum rc
check_end(struct source *s, const uint8_t *footer)
{
	uint32_t want = s->in->path ? le32(footer) : s->in->crc;

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
	footer = n == s->unread && s->in->path ? SEG_FOOTER : 0;
	rc = file_read(s->file, s->piece, len + footer, s->offset);
	if (rc)
		return rc;
	s->crc = checksum_crc32(s->crc, s->piece, len);
	s->offset += len;
	s->unread -= (uint32_t)n;
	s->loaded = n;
	s->next = s->piece;
	if (s->in->path)
		report(p->m, len);
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
source_open(struct pass *p, struct source *s, const struct input *in)
{
	enum rc rc;

	s->in = in;
	s->unread = in->frames;
	if (in->path) {
		rc = open_segment(&s->file, in, &s->header, &s->crc);
		if (rc)
			return rc;
		if (s->header.frames != in->frames ||
		    s->header.page_size != p->m->info.page_size ||
		    s->header.layout != SEG_OLD)
			return msg_fail(
			    RC_DATA, "%s: changed while it was read", in->path);
		file_sequential(s->file);
		s->offset = SEG_HEADER;
	} else {
		s->file = in->scratch;
		s->offset = in->offset;
		s->header.layout = SEG_OLD;
		s->header.page_size = p->m->info.page_size;
		s->header.key = p->m->info.name.key;
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
			if (s->in->path)
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
piece_frames(const struct merge *m, size_t n)
{
	size_t frame = SEG_FRAME + m->info.page_size, piece = m->memory / n;

	if (piece > PIECE_MAX)
		piece = PIECE_MAX;
	return piece < frame ? 1 : piece / frame;
}

static enum rc
pass(const struct merge *m, const struct input *in, size_t n,
    const struct merge_sink *sink)
{
	struct pass p = {.m = m, .sink = sink, .n = n};
	size_t piece;
	enum rc rc = RC_OK;

	p.frame_size = SEG_FRAME + m->info.page_size;
	p.piece_frames = piece_frames(m, n);
	piece = p.piece_frames * p.frame_size + SEG_FOOTER;
	p.src = xcalloc(n, sizeof(*p.src));
	p.heap = xcalloc(n, sizeof(*p.heap));
	p.pieces = xcalloc(n, piece);
	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		p.src[i].piece = p.pieces + i * piece;
		rc = source_open(&p, &p.src[i], &in[i]);
	}
	if (rc == RC_OK)
		rc = merge_sources(&p);
	for (size_t i = 0; i < n; i++)
		if (p.src[i].in && p.src[i].in->path)
			file_close(&p.src[i].file);
	free(p.src);
	free(p.heap);
	free(p.pieces);
	return rc;
}

/* ---- passes ---- */

/* How many sources one pass can have. */
static size_t
most_sources(const struct merge *m)
{
	size_t files = fd_raise_limit(), piece = PIECE_MIN, most;

	if (m->sources > 0)
		return m->sources < 2 ? 2 : m->sources;
	if (piece < SEG_FRAME + m->info.page_size)
		piece = SEG_FRAME + m->info.page_size;
	most = m->memory / piece;
	files = files > 2 * FILES_RESERVED ? files - FILES_RESERVED : files / 2;
	if (most > files)
		most = files;
	return most < 2 ? 2 : most;
}

/* Merge neighbours, so that there are only groups inputs. */
static enum rc
merge_groups(struct merge *m, size_t groups)
{
	struct input *runs = xcalloc(groups, sizeof(*runs));
	struct run_writer w = {.frame_size = SEG_FRAME + m->info.page_size};
	struct merge_sink sink = {
	    .frame = run_frame,
	    .settle = run_settle,
	    .arg = &w,
	};
	size_t from, to = 0;
	enum rc rc;

	rc = file_scratch(&m->written);
	if (rc)
		goto out;
	w.out = coalesce_new(m->written, 0);
	for (size_t i = 0; rc == RC_OK && i < groups; i++) {
		from = to;
		to = (size_t)((uint64_t)m->n * (i + 1) / groups);
		run_begin(&w, &runs[i], m->written);
		rc = pass(m, m->in + from, to - from, &sink);
	}
	if (rc == RC_OK)
		rc = coalesce_flush(w.out);
	if (rc)
		goto out;
	inputs_free(m->in, m->n);
	m->in = runs;
	m->n = groups;
	runs = NULL;
out:
	free(runs);
	coalesce_free(w.out);
	return rc;
}

enum rc
merge_run(struct merge *m, const struct merge_sink *sink)
{
	size_t most = most_sources(m);
	enum rc rc;

	rc = order_all_later(m);
	while (rc == RC_OK && m->n > most) {
		msg_info("%zu segments are too many for one pass", m->n);
		rc = merge_groups(m, (m->n + most - 1) / most);
		file_close(&m->read);
		m->read = m->written;
		m->written = NULL;
	}
	return rc ? rc : pass(m, m->in, m->n, sink);
}

/* ---- into a segment ---- */

static enum rc
segment_frame(void *arg, uint32_t page_no, const uint8_t *frame)
{
	(void)page_no;
	return segwriter_borrow(arg, frame);
}

static enum rc
segment_settle(void *arg)
{
	return segwriter_settle(arg);
}

enum rc
merge_to_segment(struct merge *m, const char *dir, struct seg_header *header)
{
	const struct merge_info *info = &m->info;
	struct merge_sink sink = {segment_frame, segment_settle, NULL};
	struct segwriter *w = NULL;
	enum rc rc;

	rc = segwriter_new(&w, dir, &info->name, info->page_size, info->mode);
	if (rc)
		return rc;
	sink.arg = w;
	rc = merge_run(m, &sink);
	if (rc == RC_OK)
		rc = segwriter_finish(w, info->size_after, info->id);
	if (rc == RC_OK)
		rc = segwriter_commit(w, header);
	segwriter_free(w);
	return rc;
}
