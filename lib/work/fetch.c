/*
 * fetch: see fetch.h.
 *
 * A job is a segment.  Its states follow each other: RUNNING (a transfer: the
 * index, then the data, which is checked against it as it arrives), READY
 * (verified, under temporary names), DONE (has its names, or failed).  Jobs
 * stand in a queue in the order in which they came, which is the order in which
 * they are told to done().
 */

#include <stdlib.h>
#include <string.h>

#include "base/directory.h"
#include "base/file.h"
#include "base/temporary.h"
#include "format/index.h"
#include "format/segment.h"
#include "segment/segindex.h"
#include "segment/segpair.h"
#include "segment/segstream.h"
#include "work/fetch.h"

enum {
	WINDOW = 64, /* jobs at a time; each holds two open files */
	WINDOW_MAX = 256,
	TRIES = 2 /* transfers from the start of what does not verify */
};

/* An index is a few bytes a page; what claims more than this is none. */
#define INDEX_MAX (UINT64_C(4) << 30)

enum state { RUNNING, READY, DONE };

/* One of the two objects of a job. */
struct part_of {
	char *object, *path;
	struct file *file;
	struct store_xfer xfer;
	enum rc rc;
};

struct job {
	struct job *next;
	struct fetch *fetch;
	struct name name;
	struct part_of data, index;
	struct segstream *stream; /* the data, while it arrives, */
	struct file_map map;      /* and the index */
	enum state state;
	unsigned tries; /* from the start */
	uint64_t have;  /* bytes of the data that an earlier run left */
	bool resumed;
	bool data_good;
	bool rebuild; /* the index, once the data has its name */
	enum rc rc;
	uint64_t pages, bytes;
};

struct fetch {
	struct fetch_opts o;
	struct job *head, **tail;
	unsigned jobs, ready, window;
	unsigned running; /* transfers */
	char **spaces;    /* namespaces fetched to, for the sweep */
	size_t n_spaces;
};

/* ---- verifying ---- */

/* The FST of an index is read from front to back; *pages counts. */
static enum rc
check_index(struct file *f, uint64_t *pages)
{
	struct file_map map;
	struct fst fst;
	struct fst_iter iter;
	uint32_t page;
	uint64_t value;
	enum rc rc = file_map(&map, f, INDEX_MAX);

	if (rc)
		return rc;
	rc = index_open(&fst, file_name(f), map.data, map.len);
	if (rc == RC_OK) {
		*pages = fst.count;
		fst_iter_init(&iter, &fst);
		while ((rc = fst_iter_next(&iter, &page, &value)) == RC_OK)
			;
		if (rc == RC_ABSENT)
			rc = RC_OK;
	}
	file_unmap(&map);
	return rc;
}

/* *bad_index: the data is good, the index is not, or not there. */
static enum rc
check_job(struct job *j, struct file *data, struct file *index, bool *bad_index)
{
	struct seg_header header;
	enum rc rc;

	*bad_index = false;
	if (j->fetch->o.index_only) {
		j->bytes = REC_UNKNOWN;
		return check_index(index, &j->pages);
	}
	rc = segpair_check(data, index, &j->name.key, &header, bad_index);
	if (rc == RC_OK) {
		j->pages = header.frames;
		j->bytes = seg_size(&header);
	}
	return rc;
}

static enum rc
rebuild_index(struct job *j)
{
	msg_info("%s: made from the data", j->index.path);
	return segindex_rebuild(
	    j->data.path, j->index.path, &j->name.key, NULL);
}

/* Is it there already?  RC_ABSENT: it has to be fetched. */
static enum rc
find_local(struct job *j)
{
	struct file *data = NULL, *index = NULL;
	bool bad_index = false;
	enum rc rc = RC_OK;

	if (!j->fetch->o.index_only)
		rc = file_open(&data, j->data.path);
	if (rc == RC_OK) {
		rc = file_open(&index, j->index.path);
		if (rc == RC_ABSENT && data)
			rc = RC_OK;
	}
	if (rc)
		goto out;
	msg_hush(true);
	rc = check_job(j, data, index, &bad_index);
	msg_hush(false);
	if (rc == RC_DATA) {
		msg_info("%s: bad, fetched again", j->data.path);
		rc = RC_ABSENT;
	} else if (rc == RC_OK && bad_index) {
		rc = rebuild_index(j);
	}
out:
	file_close(&data);
	file_close(&index);
	return rc;
}

/* ---- the data, as it arrives ---- */

static bool
is_last_try(const struct job *j)
{
	return !j->resumed && j->tries + 1 >= TRIES;
}

static void
stream_release(struct job *j)
{
	segstream_free(j->stream);
	j->stream = NULL;
	file_unmap(&j->map);
}

/* An index that could not be had is as good as a wrong one. */
static enum rc
stream_begin(struct job *j)
{
	const struct store_xfer *x = &j->data.xfer;
	const char *index = j->index.rc ? NULL : j->index.path;
	enum rc rc = RC_OK;

	if (index)
		rc = file_map(&j->map, j->index.file, INDEX_MAX);
	if (rc)
		return rc;
	j->stream = segstream_new(j->data.path, &j->name.key, x->size, index,
	    j->map.data, j->map.len, false);
	return segstream_feed_file(j->stream, j->data.file, x->offset);
}

/* Room on the disk is made once the beginning has shown that this is the
 * segment, and so long. */
static enum rc
data_arrives(void *arg, const void *data, size_t len)
{
	struct job *j = arg;
	bool first = !j->stream;
	enum rc rc;

	msg_hush(!is_last_try(j));
	rc = first ? stream_begin(j) : RC_OK;
	if (rc == RC_OK)
		rc = segstream_feed(j->stream, data, len);
	msg_hush(false);
	if (rc == RC_OK && first)
		rc = file_reserve(j->data.file, j->data.xfer.size);
	return rc;
}

static enum rc
stream_end(struct job *j, bool *bad_index)
{
	struct seg_header header;
	enum rc rc;

	msg_hush(!is_last_try(j));
	rc = j->stream ? RC_OK : stream_begin(j); /* nothing came */
	if (rc == RC_OK)
		rc = segstream_end(j->stream, &header, bad_index);
	msg_hush(false);
	if (rc == RC_OK) {
		j->pages = header.frames;
		j->bytes = seg_size(&header);
	}
	return rc;
}

/* ---- transfers ---- */

static void
job_end(struct job *j, enum rc rc)
{
	stream_release(j);
	j->state = rc ? DONE : READY;
	j->rc = rc;
	if (rc == RC_OK) {
		j->fetch->ready++;
		/* While the others arrive. */
		if (j->data.file)
			file_write_back(j->data.file);
		return;
	}
	/* What verified so far may be resumed, if it is not bad. */
	if (rc == RC_DATA)
		file_discard(&j->data.file);
	file_close(&j->data.file);
	file_discard(&j->index.file);
}

static void part_done(struct store_xfer *, enum rc);

static void
part_start(struct job *j, struct part_of *p, uint64_t offset)
{
	p->rc = RC_OK;
	p->xfer = (struct store_xfer){
	    .verb = STORE_GET,
	    .object = p->object,
	    .file = p->file,
	    .sink = p == &j->data ? data_arrives : NULL,
	    .offset = offset,
	    .done = part_done,
	    .arg = j,
	};
	j->fetch->running++;
	store_start(j->fetch->o.store, &p->xfer);
}

/*
 * Something did not verify: transfer it from the start, once more than what a
 * resumed one gets for nothing.
 */
static bool
try_again(struct job *j, struct part_of *p)
{
	enum rc rc;

	if (j->resumed && p == &j->data)
		j->resumed = false;
	else if (++j->tries >= TRIES)
		return false;
	msg_info("%s: does not verify, fetched once more", p->object);
	stream_release(j);
	rc = file_truncate(p->file, 0);
	if (rc == RC_OK)
		part_start(j, p, 0);
	else
		job_end(j, rc);
	return true;
}

/* What was found of the contents; of the index alone with index_only. */
static void
job_verified(struct job *j, enum rc rc, bool bad_index)
{
	bool index_only = j->fetch->o.index_only;

	if (rc == RC_DATA && try_again(j, index_only ? &j->index : &j->data))
		return;
	if (rc == RC_OK && bad_index) {
		j->data_good = true;
		if (j->index.rc == RC_OK && try_again(j, &j->index))
			return;
		msg_warn("%s: %s, made from the data", j->index.object,
		    j->index.rc == RC_ABSENT ? "not in the store" : "wrong");
		j->rebuild = true;
	}
	job_end(j, rc);
}

static void
check_files(struct job *j)
{
	struct file *index = j->index.rc ? NULL : j->index.file;
	bool bad_index;
	enum rc rc;

	msg_hush(!is_last_try(j));
	rc = check_job(j, j->data.file, index, &bad_index);
	msg_hush(false);
	job_verified(j, rc, bad_index);
}

static void
index_arrived(struct job *j)
{
	bool index_only = j->fetch->o.index_only;
	enum rc rc = j->index.rc;

	if (rc == RC_ABSENT && index_only)
		rc = msg_fail(RC_DATA, "%s: not in the store", j->index.object);
	if (rc && (index_only || (rc != RC_ABSENT && rc != RC_DATA)))
		job_end(j, rc);
	else if (index_only || j->data_good)
		check_files(j);
	else
		/* The last byte is fetched again, so that there is one. */
		part_start(j, &j->data, j->resumed ? j->have - 1 : 0);
}

static void
data_arrived(struct job *j)
{
	enum rc rc = j->data.rc;
	bool bad_index = false;

	if (rc == RC_ABSENT) {
		job_end(j,
		    msg_fail(RC_DATA, "%s: not in the store", j->data.object));
		return;
	}
	if (rc == RC_OK)
		rc = stream_end(j, &bad_index);
	job_verified(j, rc, bad_index);
}

static void
part_done(struct store_xfer *x, enum rc rc)
{
	struct job *j = x->arg;

	j->fetch->running--;
	if (x == &j->index.xfer) {
		j->index.rc = rc;
		index_arrived(j);
	} else {
		j->data.rc = rc;
		data_arrived(j);
	}
}

/* ---- beginning ---- */

static void
remember_space(struct fetch *f, const char *namespace)
{
	if (f->n_spaces > 0 &&
	    strcmp(f->spaces[f->n_spaces - 1], namespace) == 0)
		return;
	f->spaces =
	    xreallocarray(f->spaces, f->n_spaces + 1, sizeof(*f->spaces));
	f->spaces[f->n_spaces++] = xstrdup(namespace);
}

/*
 * FILE_KEEP for the index too, though it is never resumed: making a file without
 * it would sweep away what is to be resumed.
 */
static enum rc
create_files(struct job *j)
{
	const int flags = FILE_KEEP | FILE_REPLACE;
	enum rc rc = dir_make_below(j->fetch->o.dir, j->name.namespace);

	if (rc == RC_OK)
		rc = file_create(&j->index.file, j->index.path, flags);
	if (rc == RC_OK)
		rc = file_truncate(j->index.file, 0);
	if (rc || j->fetch->o.index_only)
		return rc;
	rc = file_create(&j->data.file, j->data.path, flags);
	return rc ? rc : file_size(j->data.file, &j->have);
}

static void
job_begin(struct job *j)
{
	enum rc rc = find_local(j);

	if (rc != RC_ABSENT) {
		j->state = DONE;
		j->rc = rc;
		if (j->bytes != REC_UNKNOWN)
			store_count(j->fetch->o.store, j->bytes);
		return;
	}
	remember_space(j->fetch, j->name.namespace);
	rc = create_files(j);
	if (rc) {
		job_end(j, rc);
		return;
	}
	j->resumed = j->have > 1;
	if (j->resumed) {
		msg_info("%s: resumed at byte %llu", j->data.object,
		    (unsigned long long)j->have - 1);
		store_count(j->fetch->o.store, j->have - 1);
	}
	part_start(j, &j->index, 0);
}

static struct job *
job_new(struct fetch *f, const struct name *name)
{
	struct job *j = xcalloc(1, sizeof(*j));

	j->fetch = f;
	j->name = *name;
	j->data.object = name_object(f->o.cluster, name, PART_SEGMENT);
	j->index.object = name_object(f->o.cluster, name, PART_INDEX);
	j->data.path = name_path(f->o.dir, name, PART_SEGMENT);
	j->index.path = name_path(f->o.dir, name, PART_INDEX);
	return j;
}

static void
part_release(struct part_of *p)
{
	file_close(&p->file);
	free(p->object);
	free(p->path);
}

static void
job_free(struct job *j)
{
	stream_release(j);
	part_release(&j->data);
	part_release(&j->index);
	free(j);
}

/* ---- the queue ---- */

/* Give all that is verified its names, data first. */
static void
commit_ready(struct fetch *f)
{
	struct file_commit commit[2 * WINDOW_MAX];
	size_t n = 0;

	for (struct job *j = f->head; j; j = j->next) {
		if (j->state != READY)
			continue;
		if (j->data.file)
			commit[n++].file = j->data.file;
		if (j->rebuild)
			file_discard(&j->index.file);
		else
			commit[n++].file = j->index.file;
		j->data.file = j->index.file = NULL;
	}
	(void)file_commit_many(commit, n);
	n = 0;
	for (struct job *j = f->head; j; j = j->next) {
		if (j->state != READY)
			continue;
		j->state = DONE;
		if (!f->o.index_only)
			j->rc = commit[n++].rc;
		if (!j->rebuild)
			j->rc = rc_max(j->rc, commit[n++].rc);
		else if (j->rc == RC_OK)
			j->rc = rebuild_index(j);
	}
	f->ready = 0;
}

/* Tell what is done, up to the first that is not. */
static enum rc
tell_done(struct fetch *f)
{
	struct rec rec = {.is_path = true};
	struct job *j;
	enum rc rc = RC_OK;

	while ((j = f->head) && j->state == DONE) {
		rec.text = f->o.index_only ? j->index.path : j->data.path;
		rec.name = j->name;
		rec.pages = j->pages;
		rec.bytes = j->bytes;
		rc = rc_max(rc, f->o.done(f->o.arg, &rec, j->rc));
		f->head = j->next;
		if (!f->head)
			f->tail = &f->head;
		f->jobs--;
		job_free(j);
	}
	return rc;
}

/*
 * One step on: names for what is verified, if it is many (each fsync stops the
 * transfers) or all there is; then a transfer more.
 */
static enum rc
step(struct fetch *f)
{
	enum rc rc;

	if (f->ready > 0 && (f->running == 0 || f->ready >= f->window / 2))
		commit_ready(f);
	rc = tell_done(f);
	if (f->running > 0)
		store_wait(f->o.store, f->running - 1, -1);
	return rc;
}

enum rc
fetch_add(struct fetch *f, const struct name *name)
{
	struct job *j = job_new(f, name);
	enum rc rc = RC_OK;

	*f->tail = j;
	f->tail = &j->next;
	f->jobs++;
	job_begin(j);
	while (f->jobs >= f->window)
		rc = rc_max(rc, step(f));
	return rc_max(rc, tell_done(f));
}

enum rc
fetch_poll(struct fetch *f, int fd)
{
	enum rc rc = RC_OK;

	while (f->jobs > 0 && !fd_readable(fd)) {
		if (f->running > 0)
			store_wait(f->o.store, f->running - 1, fd);
		if (f->ready > 0 && !fd_readable(fd))
			commit_ready(f);
		rc = rc_max(rc, tell_done(f));
	}
	return rc;
}

enum rc
fetch_finish(struct fetch *f)
{
	enum rc rc = RC_OK;

	while (f->jobs > 0)
		rc = rc_max(rc, step(f));
	return rc;
}

struct fetch *
fetch_new(const struct fetch_opts *o)
{
	struct fetch *f = xcalloc(1, sizeof(*f));
	size_t files = fd_raise_limit();

	f->o = *o;
	f->tail = &f->head;
	f->window = 2 * store_parallel(o->store);
	if (f->window < WINDOW)
		f->window = WINDOW;
	if (f->window > WINDOW_MAX)
		f->window = WINDOW_MAX;
	if (files < 3 * f->window + 64)
		f->window = files > 160 ? (unsigned)(files - 64) / 3 : 32;
	return f;
}

void
fetch_free(struct fetch *f)
{
	char *dir;

	if (!f)
		return;
	for (struct job *j = f->head, *next; j; j = next) {
		next = j->next;
		job_free(j);
	}
	for (size_t i = 0; i < f->n_spaces; i++) {
		dir = xasprintf("%s/%s", f->o.dir, f->spaces[i]);
		temporary_sweep(dir);
		free(dir);
		free(f->spaces[i]);
	}
	free(f->spaces);
	free(f);
}
