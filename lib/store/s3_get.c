/* s3_get: see s3_get.h. */

#include <stdlib.h>
#include <string.h>

#include "store/s3_digest.h"
#include "store/s3_get.h"
#include "store/s3_lock.h"
#include "store/s3_send.h"

enum {
	BUF_LIMIT = 64 << 20,
	BEYOND_END = 416,
	/* What is written to files at once, for all transfers together and for
	 * each: libcurl hands out much smaller pieces. */
	PIECES = 16 << 20,
	PIECE_MAX = 256 << 10
};

static void
prepare_get(struct s3_request *r)
{
	struct s3_op *op = (struct s3_op *)r;
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
answer_size(struct s3_op *op, uint64_t from, uint64_t *size)
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
	struct s3_op *op = (struct s3_op *)h;
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
piece_room(const struct s3_op *op)
{
	size_t room = PIECES / op->s3->parallel;

	return room < PIECE_MAX ? room : PIECE_MAX;
}

static enum rc
write_piece(struct s3_op *op)
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
take_piece(struct s3_op *op, const char *data, size_t len)
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
	struct s3_op *op = (struct s3_op *)h;
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
	struct s3_op *op = (struct s3_op *)r;
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
	if (rc == RC_OK && op->s3->keep.lock && x->kind != STORE_CLAIM &&
	    !r->http.retained[0])
		msg_warn("%s: was there already, and no lock of it is seen",
		    x->object);
	s3_op_end(op, rc);
}

/* ---- HEAD ---- */

static void
looked(struct s3_request *r, enum rc rc)
{
	struct s3_op *op = (struct s3_op *)r;
	const struct http_request *h = &r->http;

	if (rc == RC_OK && h->content_length == HTTP_UNKNOWN)
		rc = msg_fail(RC_DATA,
		    "%s: the server does not say how long it is", h->name);
	if (rc == RC_OK)
		rc = identify(op->xfer, h, true, h->content_length);
	if (rc == RC_OK && op->xfer->retention)
		s3_retention(op);
	else
		s3_op_end(op, rc);
}

/* ---- requests ---- */

/* Of the object, or of that version of it. */
static void
send(struct s3_op *op)
{
	const char *found = op->oldest.version;
	const char *version = found ? found : op->xfer->version;
	struct buf query = {0};

	if (*version)
		s3_query(&query, "versionId", version);
	s3_send(op->s3, &op->req, op->xfer->verb == STORE_HEAD ? "HEAD" : "GET",
	    op->xfer->object, query.data, op->xfer->object);
	buf_release(&query);
}

static void
found_oldest(void *arg, enum rc rc)
{
	struct s3_op *op = arg;
	char *version = op->xfer->version;

	if (rc) {
		s3_op_end(op, rc);
		return;
	}
	if (strlen(op->oldest.version) < sizeof(op->xfer->version))
		strcpy(version, op->oldest.version);
	send(op);
}

static void
start(struct s3_op *op)
{
	if (op->s3->hidden && !op->xfer->version[0])
		s3_oldest_start(
		    &op->oldest, op->s3, op->xfer->object, found_oldest, op);
	else
		send(op);
}

void
s3_get_start(struct s3_op *op)
{
	static const int beyond[] = {BEYOND_END, 0};

	op->req.expected = beyond;
	op->req.prepare = prepare_get;
	op->req.http.begin = begin_get;
	op->req.http.take = take_get;
	op->req.done = got;
	start(op);
}

void
s3_head_start(struct s3_op *op)
{
	op->req.done = looked;
	start(op);
}
