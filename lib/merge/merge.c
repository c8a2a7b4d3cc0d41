/*
 * merge: see merge.h.
 *
 * A set is an array of inputs, oldest first.  merge_run() turns them into fewer
 * inputs, which are runs, until one pass can read them all.
 */

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/directory.h"
#include "base/file.h"
#include "base/number.h"
#include "merge/merge.h"
#include "merge/merge_later.h"
#include "merge/merge_pass.h"
#include "segment/segwriter.h"

enum { MEMORY = 32 << 20 };

struct merge {
	struct merge_input *in;
	size_t n, cap;
	char **dirs; /* of the files */
	size_t n_dirs;
	struct merge_info info;
	char *last_path; /* info's: the inputs do not last */
	struct merge_reading reading;
	size_t sources; /* in one pass; 0: as many as can be open */
	/* Scratch files: of LATER segments, and of the last two passes. */
	struct file *ordered, *read, *written;
};

struct merge *
merge_new(void)
{
	struct merge *m = xcalloc(1, sizeof(*m));

	m->reading.memory = MEMORY;
	return m;
}

void
merge_free(struct merge *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n_dirs; i++)
		free(m->dirs[i]);
	free(m->dirs);
	free(m->in);
	free(m->last_path);
	free(m->reading.pieces);
	file_close(&m->ordered);
	file_close(&m->read);
	file_close(&m->written);
	free(m);
}

void
merge_limit(struct merge *m, size_t memory, size_t sources)
{
	if (memory > 0)
		m->reading.memory = memory;
	m->sources = sources;
}

void
merge_on_progress(
    struct merge *m, void (*progress)(void *arg, uint64_t bytes), void *arg)
{
	m->reading.progress = progress;
	m->reading.progress_arg = arg;
}

/* ---- the set ---- */

/* The directory of a file, which it mostly shares with the one before. */
static const char *
directory_of(struct merge *m, const char *path)
{
	size_t len = (size_t)(path_base(path) - path);
	const char *last = m->n_dirs ? m->dirs[m->n_dirs - 1] : NULL;

	if (last && strlen(last) == len && memcmp(last, path, len) == 0)
		return last;
	m->dirs = xreallocarray(m->dirs, m->n_dirs + 1, sizeof(*m->dirs));
	return m->dirs[m->n_dirs++] = xstrndup(path, len);
}

enum rc
merge_add(struct merge *m, const char *path, const struct name *name)
{
	struct merge_input *in;

	if (m->n == 0)
		m->info.name = *name;
	else if (strcmp(m->info.name.namespace, name->namespace) != 0)
		return msg_fail(RC_DATA, "%s: a segment of %s in a set of %s",
		    path, name->namespace, m->info.name.namespace);
	if (m->n == m->cap) {
		m->cap = m->cap ? 2 * m->cap : 16;
		m->in = xreallocarray(m->in, m->cap, sizeof(*m->in));
	}
	in = &m->in[m->n++];
	*in = (struct merge_input){.dir = directory_of(m, path)};
	in->key = name->key;
	return RC_OK;
}

static int
input_cmp(const void *a, const void *b)
{
	const struct merge_input *x = a, *y = b;

	return key_cmp(&x->key, &y->key);
}

/* Frame order, each once.  They mostly come so, and qsort() takes as much
 * memory again. */
static void
sort_inputs(struct merge *m)
{
	size_t n = 1;

	while (n < m->n && input_cmp(&m->in[n - 1], &m->in[n]) < 0)
		n++;
	if (n == m->n)
		return;
	qsort(m->in, m->n, sizeof(*m->in), input_cmp);
	n = 0;
	for (size_t i = 0; i < m->n; i++)
		if (n == 0 || input_cmp(&m->in[n - 1], &m->in[i]) != 0)
			m->in[n++] = m->in[i];
	m->n = n;
}

static enum rc
missing(const struct merge *m, uint64_t from, uint64_t to)
{
	char text[FRAMES_TEXT_MAX];

	return msg_fail(RC_DATA, "%s: %s", m->info.name.namespace,
	    frames_missing(from, to, text));
}

static enum rc
overlap(const struct merge_input *a, const struct merge_input *b)
{
	char *a_path = merge_input_path(a), *b_path = merge_input_path(b);

	msg_fail(RC_DATA, "%s: overlaps %s: frames %llu-%llu and %llu-%llu",
	    b_path, a_path, (unsigned long long)b->key.start,
	    (unsigned long long)b->key.end, (unsigned long long)a->key.start,
	    (unsigned long long)a->key.end);
	free(a_path);
	free(b_path);
	return RC_DATA;
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
			return overlap(&m->in[i - 1], &m->in[i]);
		if (k->start - 1 != prev->end)
			return missing(m, prev->end + 1, k->start - 1);
	}
	return RC_OK;
}

static enum rc
check_header(struct merge *m, struct merge_input *in)
{
	struct merge_info *info = &m->info;
	struct file *f = NULL;
	struct seg_header h;
	struct secrecy secrecy;
	enum rc rc;

	rc = merge_input_open(in, &f, &h, NULL);
	if (rc)
		goto out;
	if (info->page_size != 0 && info->page_size != h.page_size) {
		rc = msg_fail(RC_DATA,
		    "%s: pages of %u bytes in a set with "
		    "pages of %u",
		    file_name(f), h.page_size, info->page_size);
		goto out;
	}
	rc = file_secrecy(f, &secrecy);
	if (rc)
		goto out;
	in->frames = h.frames;
	in->cutoff = h.size_after; /* so far */
	in->later = h.layout == SEG_LATER;
	info->page_size = h.page_size;
	info->size_after = h.size_after;
	memcpy(info->id, h.id, SEG_ID);
	secrecy_add(&info->secrecy, &secrecy);
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
	m->info.secrecy = (struct secrecy){0};
	for (size_t i = 0; i < m->n; i++) {
		rc = check_header(m, &m->in[i]);
		bad = rc_max(bad, rc);
	}
	if (bad)
		return bad;
	/* A version is cut off by any later size, also if the database grew
	 * again after it. */
	for (size_t i = m->n; i-- > 0;) {
		if (m->in[i].cutoff < cutoff)
			cutoff = m->in[i].cutoff;
		m->in[i].cutoff = cutoff;
	}
	m->info.least_size = cutoff;
	m->info.segments = m->n;
	m->last_path = merge_input_path(&m->in[m->n - 1]);
	m->info.last_path = m->last_path;
	m->info.name.key = m->in[m->n - 1].key;
	m->info.name.key.start = m->in[0].key.start;
	*info = m->info;
	return RC_OK;
}

/* ---- passes ---- */

/* How many sources one pass can have. */
static size_t
most_sources(const struct merge *m)
{
	size_t files = fd_room(1, 0), piece = MERGE_PIECE_MIN, most;

	if (m->sources > 0)
		return m->sources < 2 ? 2 : m->sources;
	if (piece < SEG_FRAME + m->info.page_size)
		piece = SEG_FRAME + m->info.page_size;
	most = m->reading.memory / piece;
	if (most > files)
		most = files;
	return most < 2 ? 2 : most;
}

/* All of the set that have the LATER layout become runs. */
static enum rc
order_all_later(struct merge *m)
{
	struct merge_runs w = {0};
	enum rc rc = RC_OK, bad = RC_OK;

	for (size_t i = 0; i < m->n; i++) {
		if (!m->in[i].later)
			continue;
		if (!w.out) {
			rc = file_scratch(&m->ordered);
			if (rc)
				return rc;
			merge_runs_begin(&w, m->ordered, m->info.page_size);
		}
		rc = merge_later(&m->reading, &m->in[i], &w);
		bad = rc_max(bad, rc);
	}
	return w.out ? merge_runs_end(&w, bad) : bad;
}

/* Merge neighbours, so that there are only groups inputs. */
static enum rc
merge_groups(struct merge *m, size_t groups)
{
	struct merge_input *runs = xcalloc(groups, sizeof(*runs));
	struct merge_runs w;
	const struct merge_sink sink = {
	    .frame = merge_runs_frame,
	    .settle = merge_runs_settle,
	    .arg = &w,
	};
	size_t from, to = 0;
	enum rc rc = file_scratch(&m->written);

	if (rc)
		goto out;
	merge_runs_begin(&w, m->written, m->info.page_size);
	for (size_t i = 0; rc == RC_OK && i < groups; i++) {
		from = to;
		to = (size_t)((uint64_t)m->n * (i + 1) / groups);
		merge_runs_next(&w, &runs[i]);
		rc = merge_pass(&m->reading, m->in + from, to - from, &sink);
	}
	rc = merge_runs_end(&w, rc);
	if (rc)
		goto out;
	free(m->in);
	m->in = runs;
	m->n = groups;
	runs = NULL;
out:
	free(runs);
	return rc;
}

enum rc
merge_run(struct merge *m, const struct merge_sink *sink)
{
	size_t most = most_sources(m);
	enum rc rc;

	m->reading.page_size = m->info.page_size;
	m->reading.key = m->info.name.key;
	rc = order_all_later(m);
	while (rc == RC_OK && m->n > most) {
		msg_info("%zu segment%s: too many for one pass", m->n,
		    number_s(m->n));
		rc = merge_groups(m, (m->n + most - 1) / most);
		file_close(&m->read);
		m->read = m->written;
		m->written = NULL;
	}
	return rc ? rc : merge_pass(&m->reading, m->in, m->n, sink);
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

	rc = segwriter_new(
	    &w, dir, &info->name, info->page_size, &info->secrecy);
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
