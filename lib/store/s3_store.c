/*
 * s3_store: a store in a bucket.
 *
 * A transfer is one request; but a PUT of a large file is s3_multipart.c's, and
 * DELETEs are s3_delete.c's.  Whatever ends waits in a list for store_wait() to
 * tell done().  Listings are s3_list.c's.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/s3_bucket.h"
#include "store/s3_along.h"
#include "store/s3_delete.h"
#include "store/s3_digest.h"
#include "store/s3_list.h"
#include "store/s3_multipart.h"
#include "store/s3_send.h"
#include "store/s3_store.h"

enum {
	ROUNDS = 8, /* of looking and putting without conditional writes */
	BUF_LIMIT = 64 << 20,
	BEYOND_END = 416,
	/* What is written to files at once, for all transfers together and for
	 * each: libcurl hands out much smaller pieces. */
	PIECES = 16 << 20,
	PIECE_MAX = 256 << 10
};

struct s3_store {
	struct s3 *s3;
	unsigned active; /* transfers that done() was not told of */
	struct s3_deletes deletes;
	struct s3_along *along;
	struct op *ended, **ended_tail;
};

/* A transfer on its way. */
struct op {
	struct s3_request req; /* first */
	struct s3_store *store;
	struct store_xfer *xfer;
	struct op *next;
	enum rc rc;
	/* GET */
	bool begun;
	uint64_t want, got; /* bytes of the object */
	uint64_t skip;      /* to be passed over: the whole object came */
	struct buf piece;   /* what came last, not yet in the file */
	/* PUT */
	struct s3_digest digest;
	uint64_t size;
	unsigned rounds;
};

static struct op *
op_new(struct s3_store *s, struct store_xfer *x)
{
	struct op *op = xcalloc(1, sizeof(*op));

	op->store = s;
	op->xfer = x;
	return op;
}

static void
op_end(struct op *op, enum rc rc)
{
	op->rc = rc;
	op->next = NULL;
	*op->store->ended_tail = op;
	op->store->ended_tail = &op->next;
}

static void
op_send(struct op *op, const char *method)
{
	s3_send(op->store->s3, &op->req, method, op->xfer->object, NULL,
	    op->xfer->object);
}

/* ---- GET, HEAD ---- */

static void
prepare_get(struct s3_request *r)
{
	struct op *op = (struct op *)r;
	const struct store_xfer *x = op->xfer;
	uint64_t from = x->offset + op->got;

	s3_header_sha256(r, NULL);
	if (x->length)
		http_header(&r->http, "Range: bytes=%llu-%llu",
		    (unsigned long long)from,
		    (unsigned long long)(x->offset + x->length - 1));
	else if (from)
		http_header(
		    &r->http, "Range: bytes=%llu-", (unsigned long long)from);
	if (x->etag[0])
		http_header(&r->http, "If-Match: %s", x->etag);
}

/* The size of the whole object that the answer is from. */
static enum rc
answer_size(struct op *op, uint64_t from, uint64_t *size)
{
	const struct http_request *h = &op->req.http;

	op->skip = 0;
	*size = h->content_length;
	if (h->status != 206) { /* all of it, whatever was asked for */
		if (*size == HTTP_UNKNOWN)
			return msg_fail(RC_DATA,
			    "%s: the server does not say how long it is",
			    h->name);
		op->skip = from;
		return RC_OK;
	}
	*size = h->total;
	if (h->first != from || (h->content_length != HTTP_UNKNOWN &&
				    h->content_length != h->last - from + 1))
		return msg_fail(RC_DATA,
		    "%s: the server sends another part than was asked for",
		    h->name);
	return RC_OK;
}

/* A weak one cannot be asked for again. */
static const char *
usable_etag(const struct http_request *h)
{
	return h->etag[0] == '"' ? h->etag : "";
}

/* The first answer fixes what the object is; later ones must agree. */
static enum rc
identify(struct store_xfer *x, const struct http_request *h, bool first,
    uint64_t size)
{
	const char *etag = usable_etag(h);

	if ((!first && size != x->size) ||
	    (x->etag[0] && *etag && strcmp(x->etag, etag) != 0))
		return msg_fail(RC_DATA, "%s: changed meanwhile", h->name);
	x->size = size;
	if (!x->etag[0])
		memcpy(x->etag, etag, strlen(etag) + 1);
	return RC_OK;
}

static enum rc
begin_get(struct http_request *h)
{
	struct op *op = (struct op *)h;
	struct store_xfer *x = op->xfer;
	uint64_t size, limit = x->limit ? x->limit : BUF_LIMIT;
	enum rc rc = answer_size(op, x->offset + op->got, &size);

	if (rc == RC_OK)
		rc = identify(x, h, !op->begun, size);
	if (rc)
		return rc;
	op->begun = true;
	if (x->offset > size || x->length > size - x->offset)
		return store_too_short(x, h->name);
	op->want = x->length ? x->length : size - x->offset;
	if (x->buf && op->want > limit)
		return msg_fail(RC_DATA, "%s: too large", h->name);
	return RC_OK;
}

static size_t
piece_room(const struct op *op)
{
	size_t room = PIECES / op->store->s3->parallel;

	return room < PIECE_MAX ? room : PIECE_MAX;
}

static enum rc
write_piece(struct op *op)
{
	struct store_xfer *x = op->xfer;
	struct buf *p = &op->piece;
	enum rc rc = RC_OK;

	if (x->sink)
		rc = x->sink(x->arg, p->data, p->len);
	if (rc == RC_OK)
		rc = file_write(
		    x->file, p->data, p->len, x->offset + op->got - p->len);
	buf_clear(p);
	return rc;
}

static enum rc
take_piece(struct op *op, const char *data, size_t len)
{
	struct store_xfer *x = op->xfer;
	enum rc rc = RC_OK;

	store_count(x->store, len);
	if (x->file)
		buf_add(&op->piece, data, len);
	else if (x->sink)
		rc = x->sink(x->arg, data, len);
	else
		buf_add(x->buf, data, len);
	op->got += len;
	if (rc == RC_OK && op->piece.len >= piece_room(op))
		rc = write_piece(op);
	return rc;
}

static enum rc
take_get(struct http_request *h, const char *data, size_t len)
{
	struct op *op = (struct op *)h;
	size_t n = len;

	if (op->skip > 0) {
		if (n > op->skip)
			n = (size_t)op->skip;
		op->skip -= n;
		data += n;
		len -= n;
	}
	if (len > op->want - op->got)
		len = (size_t)(op->want - op->got);
	return len ? take_piece(op, data, len) : RC_OK;
}

static void
got(struct s3_request *r, enum rc rc)
{
	struct op *op = (struct op *)r;
	struct store_xfer *x = op->xfer;

	if (op->piece.len > 0)
		rc = rc_max(rc, write_piece(op));
	if (rc == RC_OK && r->http.status == BEYOND_END)
		rc = store_too_short(x, x->object);
	if (rc == RC_OK && op->got < op->want) {
		if (s3_again(r, "short body"))
			return;
		rc = msg_fail(RC_SYSTEM, "%s: short body; given up", x->object);
	}
	op_end(op, rc);
}

static void
looked(struct s3_request *r, enum rc rc)
{
	struct op *op = (struct op *)r;
	const struct http_request *h = &r->http;

	if (rc == RC_OK && h->content_length == HTTP_UNKNOWN)
		rc = msg_fail(RC_DATA,
		    "%s: the server does not say how long it is", h->name);
	if (rc == RC_OK)
		rc = identify(op->xfer, h, true, h->content_length);
	op_end(op, rc);
}

static void
start_get(struct op *op)
{
	static const int beyond[] = {BEYOND_END, 0};

	op->req.expected = beyond;
	op->req.prepare = prepare_get;
	op->req.http.begin = begin_get;
	op->req.http.take = take_get;
	op->req.done = got;
	op_send(op, "GET");
}

static void
start_head(struct op *op)
{
	op->req.done = looked;
	op_send(op, "HEAD");
}

/* ---- PUT ---- */

/*
 * With conditional writes one request, whatever becomes of its answer: a second
 * attempt is told that the object is there, and the caller compares.  Without,
 * a HEAD before each attempt.  What may replace needs neither.
 */
static void put_or_look(struct op *, bool look);

static bool
must_look(const struct op *op)
{
	return !op->xfer->replace && !s3_takes_condition(op->store->s3);
}

static void
prepare_put(struct s3_request *r)
{
	struct op *op = (struct op *)r;

	/* An attempt that may have done it: look before putting again. */
	if (r->ambiguous && must_look(op)) {
		r->http.method = "HEAD";
		r->http.length = 0;
		s3_header_sha256(r, NULL);
		return;
	}
	http_header(&r->http, "Content-Type: application/octet-stream");
	s3_header_sha256(r, &op->digest);
	s3_header_crc(r, &op->digest);
	if (!op->xfer->replace)
		s3_header_new(r);
}

static void
put_failed(struct op *op)
{
	op_end(op, msg_fail(RC_SYSTEM, "%s: %d %s", op->xfer->object,
		       op->req.http.status, op->req.error.code));
}

static void
put_done(struct s3_request *r, enum rc rc)
{
	struct op *op = (struct op *)r;
	bool looked_only = strcmp(r->http.method, "HEAD") == 0;

	/* A 200 may be anybody's; the service's has an ETag. */
	if (rc == RC_OK && !looked_only && r->http.status < 300 &&
	    !r->http.etag[0])
		rc =
		    msg_fail(RC_DATA, "%s: the answer to its upload is not one",
			op->xfer->object);

	if (looked_only && rc == RC_ABSENT) {
		if (++op->rounds < ROUNDS)
			put_or_look(op, false);
		else
			put_failed(op);
		return;
	}
	if (rc == RC_ABSENT)
		rc = msg_fail(
		    RC_SYSTEM, "%s: 404 %s", op->xfer->object, r->error.code);
	if (rc == RC_OK && r->http.status == 501) {
		if (s3_concede(r))
			put_or_look(op, must_look(op));
		else
			put_failed(op);
		return;
	}
	op->xfer->existed = looked_only || r->http.status == 412;
	if (rc == RC_OK && !op->xfer->existed) {
		store_count(op->xfer->store, op->size);
		s3_confirmed(r, &op->digest);
	}
	op_end(op, rc);
}

static void
put_or_look(struct op *op, bool look)
{
	static const int expected[] = {501, 412, 0}, replacing[] = {501, 0};
	struct store_xfer *x = op->xfer;

	op->req.expected = x->replace ? replacing : expected;
	op->req.xml = true;
	op->req.done = put_done;
	op->req.prepare = look ? NULL : prepare_put;
	op->req.http.file = x->file;
	op->req.http.bytes = x->file ? NULL : x->buf->data;
	op->req.http.length = look ? 0 : op->size;
	op_send(op, look ? "HEAD" : "PUT");
}

static void
multipart_moved(void *arg, uint64_t bytes)
{
	struct op *op = arg;

	store_count(op->xfer->store, bytes);
}

static void
multipart_done(void *arg, enum rc rc, bool existed)
{
	struct op *op = arg;

	op->xfer->existed = existed;
	op_end(op, rc);
}

static void
start_put(struct op *op)
{
	struct store_xfer *x = op->xfer;
	struct s3 *s = op->store->s3;
	enum rc rc = RC_OK;

	x->existed = false;
	op->size = x->file ? 0 : x->buf->len;
	if (x->file)
		rc = file_size(x->file, &op->size);
	if (rc == RC_OK && x->file && op->size > S3_MULTIPART_FROM) {
		s3_multipart_start(s, x->object, x->file, op->size,
		    multipart_moved, multipart_done, op);
		return;
	}
	if (rc == RC_OK)
		rc = s3_digest(s, x->file, x->file ? NULL : x->buf->data, 0,
		    op->size, x->crc, &op->digest);
	if (rc)
		op_end(op, rc);
	else
		put_or_look(op, must_look(op));
}

/* ---- the queue ---- */

static void
delete_done(void *arg, struct store_xfer *x, enum rc rc)
{
	op_end(op_new(arg, x), rc);
}

static void
s3_start(void *impl, struct store_xfer *x)
{
	struct s3_store *s = impl;

	s->active++;
	if (!store_object_is_plain(x->object)) {
		op_end(op_new(s, x),
		    msg_fail(RC_DATA, "%s: not a path in a store", x->object));
		return;
	}
	switch (x->verb) {
	case STORE_GET:
		start_get(op_new(s, x));
		break;
	case STORE_HEAD:
		start_head(op_new(s, x));
		break;
	case STORE_PUT:
		start_put(op_new(s, x));
		break;
	case STORE_DELETE:
		s3_delete_start(&s->deletes, x);
		break;
	}
}

static void
tell_ended(struct s3_store *s)
{
	struct op *op;

	while ((op = s->ended)) {
		struct store_xfer *x = op->xfer;
		enum rc rc = op->rc;

		s->ended = op->next;
		if (!s->ended)
			s->ended_tail = &s->ended;
		s->active--;
		s3_request_release(&op->req);
		buf_release(&op->piece);
		free(op);
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
	return s3_list(((struct s3_store *)impl)->s3, prefix, delimited, limit,
	    entry, arg);
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

	return s3_list_along(s->s3, &s->along, root, prefix, entry, arg);
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

	s->ended_tail = &s->ended;
	s->deletes =
	    (struct s3_deletes){.s3 = s->s3, .done = delete_done, .arg = s};
	if (rc == RC_OK && opts->create)
		rc = s3_make_bucket(s->s3);
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
    .free = s3_free,
};
