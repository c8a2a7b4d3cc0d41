/* s3_lock: see s3_lock.h. */

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/time.h"
#include "store/s3_answer.h"
#include "store/s3_digest.h"
#include "store/s3_keep.h"
#include "store/s3_lock.h"
#include "store/s3_send.h"

/* ---- buckets ---- */

static bool
take_enabled(void *arg, const char *path, const char *text, size_t len)
{
	bool *enabled = arg;

	(void)len;
	if (strcmp(path, "ObjectLockConfiguration/ObjectLockEnabled") == 0)
		*enabled = strcmp(text, "Enabled") == 0;
	return true;
}

/*
 * GetObjectLockConfiguration.  A bucket without one is a 404, of which s3_answer
 * makes RC_ABSENT if it is not said of the bucket itself: hence another name.
 * Where the question is not known, the answer may be a listing.
 */
static enum rc
ask_bucket(struct s3 *s, char why[S3_WHY_MAX])
{
	static const int expected[] = {400, 403, 405, 501, 0};
	struct s3_request r = {.expected = expected, .xml = true};
	char *name = xasprintf("%s?object-lock", s->name);
	bool enabled = false;
	enum rc rc;

	if (s->lock != S3_LOCK_UNASKED)
		goto out;
	rc = s3_do(s, &r, "GET", NULL, "object-lock=", name);
	s3_answer_describe(&r, why);
	if (rc == RC_OK && r.http.status < 300)
		(void)s3xml_parse(
		    r.http.body.data, r.http.body.len, take_enabled, &enabled);
	if (rc == RC_OK || rc == RC_ABSENT)
		s->lock = enabled                ? S3_LOCK
			  : r.http.status == 403 ? S3_LOCK_MAYBE
						 : S3_LOCK_NONE;
	s3_request_release(&r);
	if (rc && rc != RC_ABSENT) {
		free(name);
		return rc;
	}
out:
	free(name);
	return RC_OK;
}

enum rc
s3_must_lock(struct s3 *s)
{
	char why[S3_WHY_MAX] = "";
	enum rc rc = ask_bucket(s, why);

	if (rc || s->lock == S3_LOCK)
		return rc;
	if (s->lock == S3_LOCK_MAYBE)
		return msg_fail(RC_USAGE,
		    "%s: --lock: it does not say whether it can lock objects "
		    "(s3:GetBucketObjectLockConfiguration): %s",
		    s->name, why);
	return msg_fail(RC_USAGE,
	    "%s: --lock: it cannot lock objects; only a bucket that was made "
	    "for that can (seg-upload --create --lock makes one)",
	    s->name);
}

enum rc
s3_may_retain(struct s3 *s, bool *may)
{
	char why[S3_WHY_MAX];
	enum rc rc = ask_bucket(s, why);

	*may = s->lock != S3_LOCK_NONE;
	return rc;
}

/* ---- objects ---- */

static bool
take_until(void *arg, const char *path, const char *text, size_t len)
{
	uint64_t *until = arg;

	(void)len;
	if (strcmp(path, "Retention/RetainUntilDate") == 0 &&
	    !time_parse(text, until))
		*until = STORE_UNKNOWN;
	return true;
}

/* GetObjectRetention was answered; one that has none is a 404 or, in a bucket
 * that cannot lock, a 400. */
static void
told(struct s3_request *r, enum rc rc)
{
	struct s3_op *op = (struct s3_op *)r;

	if (rc == RC_OK && r->http.status == 200 &&
	    !s3xml_parse(r->http.body.data, r->http.body.len, take_until,
		&op->xfer->retained))
		rc = msg_fail(RC_DATA,
		    "%s: the answer about its retention is not one",
		    op->xfer->object);
	if (rc == RC_ABSENT)
		rc = RC_OK;
	if (rc == RC_OK)
		op->s3->shows_retention = true;
	s3_op_end(op, rc);
}

/*
 * The answer to a HEAD has it in its headers, but only for who may ask: one that
 * has none is believed when it is known that we may.
 */
void
s3_retention(struct s3_op *op)
{
	static const int expected[] = {400, 0};
	const struct http_request *h = &op->req.http;
	struct store_xfer *x = op->xfer;

	x->retained = 0;
	if (strcasecmp(h->legal_hold, "ON") == 0 ||
	    (h->retained[0] && !time_parse(h->retained, &x->retained)))
		x->retained = STORE_UNKNOWN;
	if (x->retained || op->s3->shows_retention) {
		s3_op_end(op, RC_OK);
		return;
	}
	op->req.prepare = NULL;
	op->req.expected = expected;
	op->req.xml = true;
	op->req.done = told;
	s3_send(op->s3, &op->req, "GET", x->object, "retention=", x->object);
}

/* ---- locked afterwards ---- */

static void
locked(struct s3_request *r, enum rc rc)
{
	struct s3_locking *l = (struct s3_locking *)r;

	if (rc == RC_ABSENT)
		rc = msg_fail(
		    RC_SYSTEM, "%s: gone before it was locked", l->object);
	l->done(l->arg, rc);
}

static void
prepare_lock(struct s3_request *r)
{
	const struct s3_locking *l = (struct s3_locking *)r;

	http_header(&r->http, "Content-Type: application/xml");
	s3_header_sha256(r, &l->digest);
	s3_header_md5(r, &l->digest);
	r->kept = S3_KEEP_LOCK;
}

static void
put_retention(struct s3_locking *l)
{
	struct s3 *s = l->req.s3;
	char until[TIME_TEXT_MAX];

	buf_addf(&l->body,
	    "<Retention><Mode>COMPLIANCE</Mode>"
	    "<RetainUntilDate>%s</RetainUntilDate></Retention>",
	    time_text(time_now() + s->keep.lock, until));
	(void)s3_digest(
	    s, NULL, l->body.data, 0, l->body.len, NULL, NULL, &l->digest);
	l->req.prepare = prepare_lock;
	l->req.xml = true;
	l->req.done = locked;
	l->req.http.bytes = l->body.data;
	l->req.http.length = l->body.len;
	s3_send(s, &l->req, "PUT", l->object, "retention=", l->object);
}

static void
seen(struct s3_request *r, enum rc rc)
{
	struct s3_locking *l = (struct s3_locking *)r;

	if (rc == RC_OK && !r->http.retained[0])
		put_retention(l);
	else
		locked(r, rc);
}

void
s3_lock_surely(struct s3_locking *l, struct s3 *s, const char *object,
    void (*done)(void *, enum rc), void *arg)
{
	l->object = object;
	l->done = done;
	l->arg = arg;
	l->req.done = seen;
	s3_send(s, &l->req, "HEAD", object, NULL, object);
}

void
s3_locking_release(struct s3_locking *l)
{
	s3_request_release(&l->req);
	buf_release(&l->body);
}
