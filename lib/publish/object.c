/*
 * object: see object.h.
 *
 * The data of a segment that is to be put compressed, or may be there so, is
 * looked for in the form in which it is not put; then it is put, unless it was
 * found; then compared, if it was there.  Each of these reads the file once, and
 * what is to be checked is checked by that reading.
 */

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "publish/object.h"
#include "segment/segpair.h"

struct object {
	struct object_what what;
	struct object_end end;
	char *name; /* of the object that is asked for */
	struct file *file, *idx;
	struct segpair pair; /* of what is checked */
	uint64_t size, at;   /* of the file; what of it is compared */
	struct store_xfer xfer;
	struct content content; /* what is there of the data, */
	struct content_object known;
	struct compress_job job;
	bool put;
	bool done;
	enum rc rc;
};

static void put(struct object *);

static bool
is_data(const struct object *o)
{
	return o->what.part == PART_SEGMENT;
}

/* In which it is put; and which it would be there in beside that. */
static enum content_form
own_form(const struct object *o)
{
	return o->what.compress ? CONTENT_ZSTD : CONTENT_PLAIN;
}

static enum content_form
other_form(const struct object *o)
{
	return o->what.compress ? CONTENT_PLAIN : CONTENT_ZSTD;
}

static void
set_name(struct object *o, enum content_form form)
{
	free(o->name);
	o->name =
	    is_data(o)
		? content_name(o->what.cluster, &o->what.name, form)
		: name_object(o->what.cluster, &o->what.name, o->what.part);
}

static void
finish(struct object *o, enum rc rc)
{
	o->rc = rc;
	o->done = true;
	segpair_release(&o->pair);
	file_close(&o->file);
	file_close(&o->idx);
	file_close(&o->job.to);
	content_object_release(&o->known);
}

/* NULL: it is not checked. */
static const struct file_check *
check_of(const struct object *o)
{
	return o->idx ? &o->pair.check : NULL;
}

/* What did not come to the end of its check. */
static bool
is_unchecked(const struct object *o)
{
	return check_of(o) && !o->pair.whole;
}

static void
transfer(struct object *o, enum store_verb verb,
    void (*done)(struct store_xfer *, enum rc))
{
	o->xfer = (struct store_xfer){
	    .verb = verb,
	    .object = o->name,
	    .kind = is_data(o) ? STORE_DATA : STORE_INDEX,
	    .done = done,
	    .arg = o,
	};
	++*o->what.running;
}

/* ---- compared with what is there ---- */

/* Unless it is the file that is bad, which says more. */
static enum rc
say_other(struct object *o)
{
	const struct file_check *check = check_of(o);
	enum rc rc = check ? file_check(o->file, check) : RC_OK;

	if (rc)
		return rc;
	if (is_data(o))
		set_name(o, o->known.form);
	return msg_fail(RC_DATA, "%s: exists with other content", o->name);
}

static enum rc
compare_piece(void *arg, const void *data, size_t len)
{
	struct object *o = arg;
	const struct file_check *check = check_of(o);
	uint64_t all = is_data(o) ? o->content.size : o->xfer.size;
	char *local;
	enum rc rc = RC_OK;

	if ((all != CONTENT_SIZE_UNKNOWN && all != o->size) ||
	    len > o->size - o->at)
		return say_other(o);
	local = xmalloc(len + 1);
	if (check && o->at == 0)
		rc = check->begin(check->arg);
	if (rc == RC_OK)
		rc = file_read(o->file, local, len, o->at);
	if (rc == RC_OK && check)
		rc = check->feed(check->arg, local, len);
	if (rc == RC_OK && memcmp(local, data, len) != 0)
		rc = say_other(o);
	o->at += len;
	free(local);
	return rc;
}

static void
compared(struct object *o, enum rc rc)
{
	const struct file_check *check = check_of(o);

	--*o->what.running;
	if (rc == RC_ABSENT && !o->put && !o->what.only_compared) {
		put(o);
		return;
	}
	if (rc == RC_ABSENT && !o->what.only_compared)
		rc = msg_fail(
		    RC_SYSTEM, "%s: removed while it was put", o->name);
	if (rc == RC_OK && o->at != o->size)
		rc = say_other(o);
	if (rc == RC_OK && check)
		rc = o->at > 0 ? check->end(check->arg)
			       : file_check(o->file, check);
	if (rc == RC_OK) {
		set_name(o, o->known.form);
		msg_info("%s: exists, the same", o->name);
	}
	o->end = (struct object_end){true, o->known.form, o->known.stored};
	finish(o, rc);
}

static void
index_compared(struct store_xfer *x, enum rc rc)
{
	compared(x->arg, rc);
}

static void
data_compared(struct content *c, enum rc rc)
{
	compared(c->arg, rc);
}

static void
compare(struct object *o, enum content_form form)
{
	o->at = 0;
	if (!is_data(o)) {
		transfer(o, STORE_GET, index_compared);
		o->xfer.sink = compare_piece;
		store_start(o->what.store, &o->xfer);
		return;
	}
	++*o->what.running;
	o->known.form = form;
	o->content = (struct content){
	    .store = o->what.store,
	    .cluster = o->what.cluster,
	    .name = &o->what.name,
	    .object = &o->known,
	    .zstd_first = o->what.compress != NULL,
	    .compared = true,
	    .sink = compare_piece,
	    .done = data_compared,
	    .arg = o,
	};
	content_start(&o->content);
}

/* ---- put ---- */

static void
put_done(struct store_xfer *x, enum rc rc)
{
	struct object *o = x->arg;

	--*o->what.running;
	/* What answers before it has been given all cannot have it. */
	if (rc == RC_OK && (x->existed || is_unchecked(o))) {
		file_close(&o->job.to);
		compare(o, own_form(o));
		return;
	}
	if (rc == RC_OK && o->job.to && o->size > o->job.size)
		store_count(o->what.store, o->size - o->job.size);
	o->end = (struct object_end){
	    false, own_form(o), o->job.to ? o->job.size : o->size};
	finish(o, rc);
}

static void
compressed(struct compress_job *j, enum rc rc)
{
	struct object *o = j->arg;

	--*o->what.running;
	if (rc) {
		finish(o, rc);
		return;
	}
	transfer(o, STORE_PUT, put_done);
	o->xfer.file = j->to;
	o->xfer.crc = &j->crc;
	store_start(o->what.store, &o->xfer);
}

static void
put(struct object *o)
{
	o->put = true;
	set_name(o, own_form(o));
	if (is_data(o) && o->what.compress) {
		++*o->what.running;
		o->job = (struct compress_job){.from = o->file,
		    .check = check_of(o),
		    .done = compressed,
		    .arg = o};
		compress_start(o->what.compress, &o->job);
		return;
	}
	transfer(o, STORE_PUT, put_done);
	o->xfer.file = o->file;
	o->xfer.crc = o->what.crc;
	o->xfer.spare = o->what.spare;
	o->xfer.check = check_of(o);
	store_start(o->what.store, &o->xfer);
}

/* ---- looked for ---- */

static void
look(struct object *o, enum content_form form,
    void (*done)(struct store_xfer *, enum rc))
{
	set_name(o, form);
	transfer(o, STORE_HEAD, done);
	store_start(o->what.store, &o->xfer);
}

static void
other_looked_for(struct store_xfer *x, enum rc rc)
{
	struct object *o = x->arg;

	--*o->what.running;
	if (rc == RC_OK)
		compare(o, other_form(o));
	else if (rc == RC_ABSENT)
		put(o);
	else
		finish(o, rc);
}

/* The file is gone, and it is in neither form. */
static void
gone_looked_for(struct store_xfer *x, enum rc rc)
{
	struct object *o = x->arg;
	bool first = o->end.form == own_form(o);

	--*o->what.running;
	if (rc == RC_ABSENT && first && is_data(o)) {
		o->end.form = other_form(o);
		look(o, o->end.form, gone_looked_for);
		return;
	}
	if (rc == RC_ABSENT)
		rc = msg_fail(RC_DATA, "%s: no such file", o->what.path);
	o->end.existed = rc == RC_OK;
	o->end.stored = x->size;
	finish(o, rc);
}

/* ---- all of it ---- */

static enum rc
open_files(struct object *o)
{
	const struct object_what *what = &o->what;
	enum rc rc = what->idx_path ? segpair_open(&o->file, &o->idx,
					  what->path, what->idx_path)
				    : file_open(&o->file, what->path);

	o->pair = (struct segpair){.seg = o->file,
	    .idx = o->idx,
	    .key = what->name.key,
	    .frames = what->frames};
	segpair_init(&o->pair);
	return rc;
}

struct object *
object_put(const struct object_what *what)
{
	struct object *o = xcalloc(1, sizeof(*o));
	enum rc rc;

	o->what = *what;
	rc = open_files(o);
	o->end.form = own_form(o);
	set_name(o, own_form(o));
	if (rc == RC_OK)
		rc = file_size(o->file, &o->size);
	if (rc == RC_ABSENT)
		look(o, own_form(o), gone_looked_for);
	else if (rc)
		finish(o, rc);
	else if (what->listed)
		compare(o, CONTENT_UNKNOWN);
	else if (is_data(o) && (what->look || what->compress))
		look(o, other_form(o), other_looked_for);
	else
		put(o);
	return o;
}

enum rc
object_wait(struct object **out, struct object_end *end)
{
	struct object *o = *out;
	enum rc rc;

	while (!o->done)
		compress_step(o->what.compress, o->what.store);
	rc = o->rc;
	*end = o->end;
	object_free(o);
	*out = NULL;
	return rc;
}

void
object_free(struct object *o)
{
	if (!o)
		return;
	segpair_release(&o->pair);
	file_close(&o->file);
	file_close(&o->idx);
	file_close(&o->job.to);
	free(o->name);
	free(o->what.path);
	free(o->what.idx_path);
	free(o);
}

enum rc
object_look(struct store *store, const char *name)
{
	struct store_xfer x = {.verb = STORE_HEAD, .object = name};

	return store_do(store, &x);
}

enum rc
object_look_data(
    struct store *store, const char *cluster, const struct name *name)
{
	const enum content_form forms[] = {CONTENT_PLAIN, CONTENT_ZSTD};
	enum rc rc = RC_ABSENT;

	for (size_t i = 0; rc == RC_ABSENT && i < 2; i++) {
		char *object = content_name(cluster, name, forms[i]);

		rc = object_look(store, object);
		free(object);
	}
	return rc;
}
