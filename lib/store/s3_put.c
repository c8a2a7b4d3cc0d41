/* s3_put: see s3_put.h. */

#include <string.h>

#include "store/s3_answer.h"
#include "store/s3_digest.h"
#include "store/s3_keep.h"
#include "store/s3_multipart.h"
#include "store/s3_put.h"
#include "store/s3_send.h"

enum {
	ROUNDS = 8, /* of looking and putting without conditional writes */
	KEPT_MOST = 16 << 20 /* bytes of small files, of all transfers */
};

/*
 * With conditional writes one request, whatever becomes of its answer: a second
 * attempt is told that the object is there, and the caller compares.  Without,
 * a HEAD before each attempt.  What may replace needs neither.
 */
static void put_or_look(struct s3_op *, bool look);

static bool
must_look(const struct s3_op *op)
{
	return !op->xfer->replace && !s3_takes_condition(op->s3);
}

static void
prepare_put(struct s3_request *r)
{
	struct s3_op *op = (struct s3_op *)r;

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
	s3_header_md5(r, &op->digest);
	s3_keep_headers(r, op->xfer->kind);
	if (!op->xfer->replace)
		s3_header_new(r);
}

static void
put_failed(struct s3_op *op)
{
	s3_op_end(op, msg_fail(RC_SYSTEM, "%s: %d %s", op->xfer->object,
			  op->req.http.status, op->req.error.code));
}

static void
put_done(struct s3_request *r, enum rc rc)
{
	struct s3_op *op = (struct s3_op *)r;
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
		if (!s3_keep_blamed(r) && s3_concede(r))
			put_or_look(op, must_look(op));
		else if (r->kept)
			s3_op_end(op, s3_answer_refuse(r));
		else
			put_failed(op);
		return;
	}
	op->xfer->existed = looked_only || r->http.status == 412;
	if (rc == RC_OK && !op->xfer->existed)
		rc = s3_keep_check(r);
	if (rc == RC_OK && !op->xfer->existed) {
		store_count(op->xfer->store, op->size);
		s3_confirmed(r, &op->digest);
	}
	s3_op_end(op, rc);
}

static void
put_or_look(struct s3_op *op, bool look)
{
	static const int expected[] = {501, 412, 0}, replacing[] = {501, 0};
	struct store_xfer *x = op->xfer;

	op->req.expected = x->replace ? replacing : expected;
	op->req.xml = true;
	op->req.done = put_done;
	op->req.prepare = look ? NULL : prepare_put;
	op->req.http.file = op->kept ? NULL : x->file;
	op->req.http.bytes = x->file ? op->kept : x->buf->data;
	op->req.http.length = look ? 0 : op->size;
	op->req.http.check = x->check;
	s3_send(op->s3, &op->req, look ? "HEAD" : "PUT", x->object, NULL,
	    x->object);
}

static void
multipart_moved(void *arg, uint64_t bytes)
{
	struct s3_op *op = arg;

	store_count(op->xfer->store, bytes);
}

static void
multipart_done(void *arg, enum rc rc, bool existed)
{
	struct s3_op *op = arg;

	op->xfer->existed = existed;
	s3_op_end(op, rc);
}

/* What would be read before it is sent is read once, if there is room. */
static enum rc
keep_small(struct s3_op *op)
{
	struct s3 *s = op->s3;

	if (op->size > KEPT_MOST - s->kept ||
	    !s3_digest_reads(s, op->xfer->crc))
		return RC_OK;
	op->kept = xmalloc((size_t)op->size + 1);
	s->kept += op->size;
	return file_read(op->xfer->file, op->kept, (size_t)op->size, 0);
}

void
s3_put_start(struct s3_op *op)
{
	struct store_xfer *x = op->xfer;
	struct s3 *s = op->s3;
	enum rc rc = RC_OK;

	x->existed = false;
	op->size = x->file ? 0 : x->buf->len;
	if (x->file)
		rc = file_size(x->file, &op->size);
	if (rc == RC_OK && x->file && op->size > S3_MULTIPART_FROM) {
		s3_multipart_start(s, x->object, x->kind, x->file, op->size,
		    x->check, multipart_moved, multipart_done, op);
		return;
	}
	if (rc == RC_OK && x->file)
		rc = keep_small(op);
	if (rc == RC_OK)
		rc = s3_digest(s, x->file, x->file ? op->kept : x->buf->data, 0,
		    op->size, x->crc, NULL, &op->digest);
	if (rc)
		s3_op_end(op, rc);
	else
		put_or_look(op, must_look(op));
}
