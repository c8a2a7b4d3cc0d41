/* object: see object.h. */

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "work/object.h"

static enum rc
say_other(const struct object *o)
{
	return msg_fail(RC_DATA, "%s: exists with other content", o->name);
}

static enum rc
compare_piece(void *arg, const void *data, size_t len)
{
	struct object *o = arg;
	char *local;
	enum rc rc;

	if (o->xfer.size != o->size || len > o->size - o->at)
		return say_other(o);
	local = xmalloc(len + 1);
	rc = file_read(o->file, local, len, o->at);
	if (rc == RC_OK && memcmp(local, data, len) != 0)
		rc = say_other(o);
	o->at += len;
	free(local);
	return rc;
}

static void transfer_done(struct store_xfer *, enum rc);

static void
transfer(struct object *o, enum store_verb verb)
{
	o->xfer = (struct store_xfer){
	    .verb = verb, .object = o->name, .done = transfer_done, .arg = o};
	o->xfer.kind = o->kind;
	o->at = 0;
	if (verb == STORE_PUT) {
		o->put = true;
		o->xfer.file = o->file;
		o->xfer.crc = o->crc;
		o->xfer.spare = o->spare;
	} else if (verb == STORE_GET) {
		o->xfer.sink = compare_piece;
	}
	++*o->running;
	store_start(o->store, &o->xfer);
}

static void
finish(struct object *o, enum rc rc)
{
	o->rc = rc;
	o->done = true;
	file_close(&o->file);
}

static void
looked(struct object *o, enum rc rc)
{
	if (rc == RC_ABSENT)
		rc = msg_fail(RC_DATA, "%s: no such file", o->path);
	o->existed = rc == RC_OK;
	finish(o, rc);
}

static void
transfer_done(struct store_xfer *x, enum rc rc)
{
	struct object *o = x->arg;

	--*o->running;
	if (x->verb == STORE_HEAD) {
		looked(o, rc);
	} else if (rc == RC_OK && x->verb == STORE_PUT && x->existed) {
		transfer(o, STORE_GET);
	} else if (rc == RC_ABSENT && !o->put) {
		transfer(o, STORE_PUT);
	} else if (rc == RC_ABSENT) {
		finish(o, msg_fail(RC_SYSTEM, "%s: removed while it was put",
			      o->name));
	} else if (rc == RC_OK && x->verb == STORE_GET && o->at != o->size) {
		finish(o, say_other(o));
	} else {
		if (rc == RC_OK && x->verb == STORE_GET)
			msg_info("%s: exists, the same", o->name);
		o->existed = x->verb == STORE_GET;
		finish(o, rc);
	}
}

struct object *
object_put(struct store *store, unsigned *running, char *name, char *path,
    enum store_kind kind, const uint32_t *crc,
    const struct handover_stamp *spare, bool listed)
{
	struct object *o = xcalloc(1, sizeof(*o));
	enum rc rc = file_open(&o->file, path);

	o->store = store;
	o->running = running;
	o->name = name;
	o->path = path;
	o->kind = kind;
	o->crc = crc;
	o->spare = spare;
	o->listed = listed;
	if (rc == RC_OK)
		rc = file_size(o->file, &o->size);
	if (rc == RC_OK)
		transfer(o, listed ? STORE_GET : STORE_PUT);
	else if (rc == RC_ABSENT)
		transfer(o, STORE_HEAD);
	else
		finish(o, rc);
	return o;
}

enum rc
object_wait(struct object **out, bool *existed)
{
	struct object *o = *out;
	enum rc rc;

	while (!o->done)
		store_step(o->store);
	rc = o->rc;
	*existed = o->existed;
	object_free(o);
	*out = NULL;
	return rc;
}

void
object_free(struct object *o)
{
	if (!o)
		return;
	file_close(&o->file);
	free(o->name);
	free(o->path);
	free(o);
}

enum rc
object_look(struct store *store, const char *name)
{
	struct store_xfer x = {.verb = STORE_HEAD, .object = name};

	return store_do(store, &x);
}
