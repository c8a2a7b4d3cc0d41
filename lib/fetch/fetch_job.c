/* fetch_job: see fetch_job.h. */

#include <stdlib.h>

#include "base/buf.h"
#include "base/directory.h"
#include "base/file.h"
#include "fetch/fetch_job.h"
#include "format/index.h"
#include "segment/segindex.h"
#include "segment/segpair.h"

enum { TRIES = 2 /* transfers from the start of what does not verify */ };

/* An index is a few bytes a page; what claims more than this is none. */
#define INDEX_MAX (UINT64_C(4) << 30)

/* ---- verifying ---- */

/* The FST of an index is read from front to back. */
static enum rc
check_index(struct fetch_job *j, struct file *f)
{
	struct file_map map;
	struct fst fst;
	struct fst_iter iter;
	uint32_t page;
	uint64_t value;
	enum rc rc = file_map(&map, f, INDEX_MAX);

	if (rc)
		return rc;
	rc = index_open(&fst, j->index.object, map.data, map.len);
	if (rc == RC_OK) {
		j->bytes = REC_UNKNOWN;
		j->pages = fst.count;
		fst_iter_init(&iter, &fst);
		while ((rc = fst_iter_next(&iter, &page, &value)) == RC_OK)
			;
		if (rc == RC_ABSENT)
			rc = RC_OK;
	}
	file_unmap(&map);
	return rc;
}

static void
note_header(struct fetch_job *j, const struct seg_header *header)
{
	j->pages = header->frames;
	j->bytes = seg_size(header);
}

/* *bad_index: the data is good, the index is not, or not there. */
static enum rc
check_local(
    struct fetch_job *j, struct file *data, struct file *index, bool *bad_index)
{
	struct seg_header header;
	enum rc rc;

	if (j->shared->o->index_only)
		return check_index(j, index);
	rc = segpair_check(data, index, &j->name.key, &header, bad_index);
	if (rc == RC_OK)
		note_header(j, &header);
	return rc;
}

enum rc
fetch_job_rebuild(struct fetch_job *j)
{
	enum rc rc;

	msg_info("%s: made from the data", j->index.path);
	msg_hush(true);
	rc = segindex_rebuild(j->data.path, j->index.path, &j->name.key, NULL);
	msg_hush(false);
	if (rc == RC_DATA && !file_exists(j->data.path))
		return RC_ABSENT;
	if (rc == RC_DATA)
		msg_fail(RC_DATA, "%s: changed while its index was made",
		    j->data.path);
	return rc;
}

/* Is it there already?  RC_ABSENT: it has to be fetched. */
static enum rc
find_local(struct fetch_job *j)
{
	struct file *data = NULL, *index = NULL;
	bool bad_index = false;
	enum rc rc = RC_OK;

	if (!j->shared->o->index_only)
		rc = file_open(&data, j->data.path);
	if (rc == RC_OK) {
		rc = file_open(&index, j->index.path);
		if (rc == RC_ABSENT && data)
			rc = RC_OK;
	}
	if (rc)
		goto out;
	msg_hush(true);
	rc = check_local(j, data, index, &bad_index);
	msg_hush(false);
	if (rc == RC_DATA) {
		msg_info("%s: bad, fetched again", j->data.path);
		rc = RC_ABSENT;
	} else if (rc == RC_OK && bad_index) {
		rc = fetch_job_rebuild(j);
	}
out:
	file_close(&data);
	file_close(&index);
	return rc;
}

/* ---- the data, as it arrives ---- */

static bool
is_last_try(const struct fetch_job *j)
{
	return !j->resumed && j->tries + 1 >= TRIES;
}

static void
stream_release(struct fetch_job *j)
{
	segstream_free(j->stream);
	j->stream = NULL;
	file_unmap(&j->map);
}

/* In the form that it has in the store, as soon as that is known. */
static void
name_data(struct fetch_job *j)
{
	free(j->data.object);
	j->data.object =
	    content_name(j->shared->o->cluster, &j->name, j->known.form);
}

/*
 * What is bad is called by its name in the store: these files get no name.  An
 * index that could not be had is as good as a wrong one.  have: so much of the
 * data is there.
 */
static enum rc
stream_begin(struct fetch_job *j, uint64_t have)
{
	const char *index = j->index.rc ? NULL : j->index.object;
	enum rc rc = RC_OK;

	if (index)
		rc = file_map(&j->map, j->index.file, INDEX_MAX);
	if (rc)
		return rc;
	name_data(j);
	j->stream = segstream_new(j->data.object, &j->name.key, j->content.size,
	    index, j->map.data, j->map.len, false);
	return segstream_feed_file(j->stream, j->data.file, have);
}

/* Room on the disk is made once the beginning has shown that this is the
 * segment, and so long. */
static enum rc
data_arrives(void *arg, const void *data, size_t len)
{
	struct fetch_job *j = arg;
	bool first = !j->stream;
	bool was = msg_hush(!is_last_try(j));
	enum rc rc = first ? stream_begin(j, j->content.offset) : RC_OK;

	if (rc == RC_OK)
		rc = segstream_feed(j->stream, data, len);
	msg_hush(was);
	if (rc == RC_OK && first && j->content.size != CONTENT_SIZE_UNKNOWN)
		rc = file_reserve(j->data.file, j->content.size);
	return rc;
}

/* All of it is there; have: where nothing has come, so much was before. */
static enum rc
stream_end(struct fetch_job *j, uint64_t have, bool *bad_index)
{
	struct seg_header header;
	enum rc rc;

	msg_hush(!is_last_try(j));
	rc = j->stream ? RC_OK : stream_begin(j, have);
	if (rc == RC_OK)
		rc = segstream_end(j->stream, &header, bad_index);
	msg_hush(false);
	if (rc == RC_OK)
		note_header(j, &header);
	return rc;
}

/* ---- transfers ---- */

/* What arrived is for those whom the object is for. */
static enum rc
open_up(struct fetch_part *p)
{
	return p->file ? file_chmod(p->file, &p->secrecy) : RC_OK;
}

static void
job_end(struct fetch_job *j, enum rc rc)
{
	stream_release(j);
	if (rc == RC_OK)
		rc = open_up(&j->data);
	if (rc == RC_OK)
		rc = open_up(&j->index);
	j->state = rc ? FETCH_DONE : FETCH_READY;
	j->rc = rc;
	if (rc == RC_OK) {
		j->shared->ready++;
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

static void index_done(struct store_xfer *, enum rc);
static void data_done(struct content *, enum rc);

static void
index_start(struct fetch_job *j)
{
	j->index.rc = RC_OK;
	j->index_xfer = (struct store_xfer){
	    .verb = STORE_GET,
	    .object = j->index.object,
	    .file = j->index.file,
	    .done = index_done,
	    .arg = j,
	};
	j->shared->running++;
	store_start(j->shared->o->store, &j->index_xfer);
}

/* What an attempt found out of the object is for that one alone, but for its
 * form. */
static void
data_start(struct fetch_job *j, uint64_t offset)
{
	enum content_form form = j->known.form;

	content_object_release(&j->known);
	j->known.form = form;
	j->data.rc = RC_OK;
	j->content = (struct content){
	    .store = j->shared->o->store,
	    .cluster = j->shared->o->cluster,
	    .name = &j->name,
	    .object = &j->known,
	    .file = j->data.file,
	    .zstd_first = j->zstd_first,
	    .quiet = !is_last_try(j),
	    .offset = offset,
	    .sink = data_arrives,
	    .done = data_done,
	    .arg = j,
	};
	j->shared->running++;
	content_start(&j->content);
}

/*
 * Something did not verify: transfer it from the start, once more than what a
 * resumed one gets for nothing.  What the store refused it would refuse again.
 */
static bool
try_again(struct fetch_job *j, struct fetch_part *p)
{
	enum rc rc;

	if (j->resumed && p == &j->data)
		j->resumed = false;
	else if ((j->content.refused && p == &j->data) || ++j->tries >= TRIES)
		return false;
	msg_info("%s: does not verify, fetched once more", p->object);
	stream_release(j);
	rc = file_truncate(p->file, 0);
	if (rc)
		job_end(j, rc);
	else if (p == &j->data)
		data_start(j, 0);
	else
		index_start(j);
	return true;
}

/* What was found of the contents; of the index alone with index_only. */
static void
job_verified(struct fetch_job *j, enum rc rc, bool bad_index)
{
	bool index_only = j->shared->o->index_only;

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

/* The index alone is asked for, or has come once more for data that is good. */
static void
check_files(struct fetch_job *j)
{
	bool bad_index = false;
	uint64_t size;
	enum rc rc;

	if (j->shared->o->index_only) {
		msg_hush(!is_last_try(j));
		rc = check_index(j, j->index.file);
		msg_hush(false);
	} else {
		rc = file_size(j->data.file, &size);
		if (rc == RC_OK)
			rc = stream_end(j, size, &bad_index);
	}
	job_verified(j, rc, bad_index);
}

static void
index_arrived(struct fetch_job *j)
{
	bool index_only = j->shared->o->index_only;
	enum rc rc = j->index.rc;

	if (rc == RC_ABSENT && index_only)
		rc = msg_fail(RC_DATA, "%s: not in the store", j->index.object);
	if (rc && (index_only || (rc != RC_ABSENT && rc != RC_DATA)))
		job_end(j, rc);
	else if (index_only || j->data_good)
		check_files(j);
	else
		/* The last byte is fetched again, so that there is one. */
		data_start(j, j->resumed ? j->have - 1 : 0);
}

static void
data_arrived(struct fetch_job *j)
{
	enum rc rc = j->data.rc;
	bool bad_index = false;

	if (rc == RC_ABSENT) {
		job_end(j,
		    msg_fail(RC_DATA, "%s: not in the store", j->data.object));
		return;
	}
	if (rc == RC_OK)
		rc = stream_end(j, j->content.offset, &bad_index);
	job_verified(j, rc, bad_index);
}

static void
index_done(struct store_xfer *x, enum rc rc)
{
	struct fetch_job *j = x->arg;

	j->shared->running--;
	j->index.rc = rc;
	j->index.secrecy = x->secrecy;
	index_arrived(j);
}

static void
data_done(struct content *c, enum rc rc)
{
	struct fetch_job *j = c->arg;

	j->shared->running--;
	j->data.rc = rc;
	j->data.secrecy = c->secrecy;
	name_data(j);
	data_arrived(j);
}

/* ---- beginning ---- */

/*
 * FILE_KEEP for the index too, though it is never resumed: making a file without
 * it would sweep away what is to be resumed.
 */
static enum rc
create_files(struct fetch_job *j)
{
	const int flags = FILE_KEEP | FILE_REPLACE | FILE_PRIVATE;
	enum rc rc = dir_make_below(j->shared->o->dir, j->name.namespace);

	if (rc == RC_OK)
		rc = file_create(&j->index.file, j->index.path, flags);
	if (rc == RC_OK)
		rc = file_truncate(j->index.file, 0);
	if (rc || j->shared->o->index_only)
		return rc;
	rc = file_create(&j->data.file, j->data.path, flags);
	return rc ? rc : file_size(j->data.file, &j->have);
}

void
fetch_job_begin(struct fetch_job *j)
{
	enum rc rc = find_local(j);

	if (rc != RC_ABSENT) {
		j->state = FETCH_DONE;
		j->rc = rc;
		if (j->bytes != REC_UNKNOWN)
			store_count(j->shared->o->store, j->bytes);
		return;
	}
	j->wrote = true;
	rc = create_files(j);
	if (rc) {
		job_end(j, rc);
		return;
	}
	j->resumed = j->have > 1;
	if (j->resumed) {
		msg_info("%s: resumed at byte %llu", j->data.object,
		    (unsigned long long)j->have - 1);
		store_count(j->shared->o->store, j->have - 1);
	}
	index_start(j);
}

struct fetch_job *
fetch_job_new(
    struct fetch_shared *shared, const struct name *name, bool zstd_first)
{
	const struct fetch_opts *o = shared->o;
	struct fetch_job *j = xcalloc(1, sizeof(*j));

	j->shared = shared;
	j->name = *name;
	j->zstd_first = zstd_first;
	j->data.object = name_object(o->cluster, name, PART_SEGMENT);
	j->index.object = name_object(o->cluster, name, PART_INDEX);
	j->data.path = name_path(o->dir, name, PART_SEGMENT);
	j->index.path = name_path(o->dir, name, PART_INDEX);
	return j;
}

static void
part_release(struct fetch_part *p)
{
	file_close(&p->file);
	free(p->object);
	free(p->path);
}

void
fetch_job_free(struct fetch_job *j)
{
	stream_release(j);
	content_object_release(&j->known);
	part_release(&j->data);
	part_release(&j->index);
	free(j);
}
