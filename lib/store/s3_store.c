/*
 * s3_store: a store in a bucket.
 *
 * Transfers are s3_op.h's, but DELETEs s3_delete.c's; whatever ends waits in a
 * list for store_wait() to tell done().  Listings are s3_list.c's.
 */

#include <stdlib.h>

#include "store/s3_along.h"
#include "store/s3_bucket.h"
#include "store/s3_delete.h"
#include "store/s3_get.h"
#include "store/s3_list.h"
#include "store/s3_lock.h"
#include "store/s3_multipart.h"
#include "store/s3_op.h"
#include "store/s3_put.h"
#include "store/s3_send.h"
#include "store/s3_store.h"
#include "store/s3_versions.h"

struct s3_store {
	struct s3 *s3;
	unsigned active; /* transfers that done() was not told of */
	struct s3_deletes deletes;
	struct s3_along *along;
	struct s3_ended ended;
};

/* ---- the queue ---- */

static void
delete_done(void *arg, struct store_xfer *x, enum rc rc)
{
	struct s3_store *s = arg;

	s3_op_end(s3_op_new(s->s3, &s->ended, x), rc);
}

static void
s3_start(void *impl, struct store_xfer *x)
{
	struct s3_store *s = impl;

	s->active++;
	if (!store_object_is_plain(x->object)) {
		s3_op_end(s3_op_new(s->s3, &s->ended, x),
		    msg_fail(RC_DATA, "%s: not a path in a store", x->object));
		return;
	}
	switch (x->verb) {
	case STORE_GET:
		s3_get_start(s3_op_new(s->s3, &s->ended, x));
		break;
	case STORE_HEAD:
		s3_head_start(s3_op_new(s->s3, &s->ended, x));
		break;
	case STORE_PUT:
		s3_put_start(s3_op_new(s->s3, &s->ended, x));
		break;
	case STORE_DELETE:
		s3_delete_start(&s->deletes, x);
		break;
	}
}

static void
tell_ended(struct s3_store *s)
{
	struct s3_op *op;

	while ((op = s->ended.first)) {
		struct store_xfer *x = op->xfer;
		enum rc rc = op->rc;

		s->ended.first = op->next;
		if (!op->next)
			s->ended.tail = &s->ended.first;
		s->active--;
		s3_op_free(op);
		x->done(x, rc);
	}
}

static void
s3_wait(void *impl, unsigned max, int fd)
{
	struct s3_store *s = impl;

	tell_ended(s);
	while (s->active > max && !fd_readable(fd)) {
		s3_delete_flush(&s->deletes);
		s3_step(s->s3, fd);
		tell_ended(s);
	}
}

static bool
s3_is_exclusive(const void *impl)
{
	return s3_takes_condition(((const struct s3_store *)impl)->s3);
}

static unsigned
s3_running(const void *impl)
{
	return ((const struct s3_store *)impl)->active;
}

/* ---- opening ---- */

static enum rc
list(void *impl, const char *prefix, bool delimited, unsigned limit,
    enum rc (*entry)(void *, const struct store_entry *), void *arg)
{
	struct s3 *s = ((struct s3_store *)impl)->s3;

	return s->hidden ? s3_versions_list(s, prefix, delimited, entry, arg)
			 : s3_list(s, prefix, delimited, limit, entry, arg);
}

static bool
s3_is_missing(const void *impl)
{
	return ((const struct s3_store *)impl)->s3->missing;
}

static enum rc
list_along(void *impl, const char *root, const char *prefix,
    enum rc (*entry)(void *, const struct store_entry *), void *arg)
{
	struct s3_store *s = impl;

	if (s->s3->hidden)
		return list(impl, prefix, false, 0, entry, arg);
	return s3_list_along(s->s3, &s->along, root, prefix, entry, arg);
}

static enum rc
retains(void *impl, bool *may)
{
	return s3_may_retain(((struct s3_store *)impl)->s3, may);
}

static void
s3_free(void *impl)
{
	struct s3_store *s = impl;

	if (s->s3->multiparts)
		s3_multipart_give_up(s->s3);
	s3_along_free(s->along);
	s3_close(s->s3);
	free(s);
}

enum rc
store_s3_open(void **impl, const char *where, const struct store_opts *opts)
{
	struct s3_store *s = xcalloc(1, sizeof(*s));
	enum rc rc = s3_open(&s->s3, where, opts);

	s->ended.tail = &s->ended.first;
	s->deletes =
	    (struct s3_deletes){.s3 = s->s3, .done = delete_done, .arg = s};
	if (rc == RC_OK && opts->create)
		rc = s3_make_bucket(s->s3);
	if (rc == RC_OK && opts->keep.lock)
		rc = s3_must_lock(s->s3);
	if (rc) {
		s3_close(s->s3);
		free(s);
		s = NULL;
	}
	*impl = s;
	return rc;
}

const struct store_ops store_s3_ops = {
    .list = list,
    .list_along = list_along,
    .start = s3_start,
    .wait = s3_wait,
    .running = s3_running,
    .is_exclusive = s3_is_exclusive,
    .is_missing = s3_is_missing,
    .retains = retains,
    .free = s3_free,
};
