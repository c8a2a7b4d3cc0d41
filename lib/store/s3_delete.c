/* s3_delete: see s3_delete.h. */

#include <stdlib.h>
#include <string.h>

#include "store/s3_delete.h"
#include "store/s3_digest.h"
#include "store/s3_send.h"

enum { BATCH = 1000 }; /* objects of a DeleteObjects */

/* A DELETE under way. */
struct alone {
	struct s3_request req; /* first */
	struct s3_deletes *of;
	struct store_xfer *xfer;
};

/* The right answer is empty. */
static void
deleted(struct s3_request *r, enum rc rc)
{
	struct alone *a = (struct alone *)r;

	if (rc == RC_OK && r->http.body.len > 0)
		rc = msg_fail(RC_DATA,
		    "%s: the answer to its removal is not one", r->http.name);
	a->of->done(a->of->arg, a->xfer, rc);
	s3_request_release(r);
	free(a);
}

static void
delete_alone(struct s3_deletes *d, struct store_xfer *x)
{
	struct alone *a = xcalloc(1, sizeof(*a));

	a->of = d;
	a->xfer = x;
	a->req.xml = true;
	a->req.done = deleted;
	s3_send(d->s3, &a->req, "DELETE", x->object, NULL, x->object);
}

/* A DeleteObjects under way. */
struct batch {
	struct s3_request req; /* first */
	struct s3_deletes *of;
	struct store_xfer **xfers; /* NULL: told to be deleted */
	size_t n, next;
	struct buf body;
	struct s3_digest digest;
};

/* The server names what it deleted, mostly in the order of the request. */
static bool
take_deleted(void *arg, const char *path, const char *text, size_t len)
{
	struct batch *b = arg;
	size_t prefix = strlen(b->of->s3->prefix);

	if (strcmp(path, "DeleteResult/Deleted/Key") != 0)
		return strncmp(path, "DeleteResult", 12) == 0;
	if (len < prefix)
		return true;
	for (size_t i = 0; i < b->n; i++) {
		size_t at = (b->next + i) % b->n;
		struct store_xfer *x = b->xfers[at];

		if (x && strcmp(x->object, text + prefix) == 0) {
			b->of->done(b->of->arg, x, RC_OK);
			b->xfers[at] = NULL;
			b->next = at + 1;
			break;
		}
	}
	return true;
}

/* What is not known to be deleted is tried by itself: that tells why not. */
static void
batch_done(struct s3_request *r, enum rc rc)
{
	struct batch *b = (struct batch *)r;
	struct s3_deletes *d = b->of;
	struct s3 *s = d->s3;

	if (rc == RC_OK && r->http.status < 300 &&
	    !s3xml_parse(r->http.body.data, r->http.body.len, take_deleted, b))
		msg_info("%s: the answer to a removal is not one", s->name);
	if (rc == RC_OK && r->http.status >= 300) {
		msg_info("%s: %d %s; objects are removed one by one", s->name,
		    r->http.status, r->error.code);
		s->no_deletes = true;
	}
	for (size_t i = 0; i < b->n; i++) {
		if (!b->xfers[i])
			continue;
		if (rc == RC_OK)
			delete_alone(d, b->xfers[i]);
		else
			d->done(d->arg, b->xfers[i], rc);
	}
	s3_request_release(r);
	buf_release(&b->body);
	free(b->xfers);
	free(b);
}

static void
prepare_batch(struct s3_request *r)
{
	const struct s3_digest *d = &((struct batch *)r)->digest;

	http_header(&r->http, "Content-Type: application/xml");
	s3_header_sha256(r, d);
	/* Which this action requires. */
	http_header(&r->http, "x-amz-checksum-crc32: %s", d->crc);
}

static void
delete_many(struct s3_deletes *d, struct store_xfer **xfers, size_t n)
{
	/* Content-MD5 is missing, or the action is not known. */
	static const int expected[] = {400, 405, 411, 501, 0};
	struct batch *b = xcalloc(1, sizeof(*b));

	b->of = d;
	b->xfers = xcalloc(n, sizeof(struct store_xfer *));
	memcpy(b->xfers, xfers, n * sizeof(struct store_xfer *));
	b->n = n;
	buf_adds(&b->body, "<Delete>");
	for (size_t i = 0; i < n; i++) {
		buf_adds(&b->body, "<Object><Key>");
		s3xml_escape(&b->body, d->s3->prefix);
		s3xml_escape(&b->body, xfers[i]->object);
		buf_adds(&b->body, "</Key></Object>");
	}
	buf_adds(&b->body, "</Delete>");
	(void)s3_digest(
	    d->s3, NULL, b->body.data, 0, b->body.len, NULL, NULL, &b->digest);
	b->req.prepare = prepare_batch;
	b->req.expected = expected;
	b->req.xml = true;
	b->req.done = batch_done;
	b->req.http.bytes = b->body.data;
	b->req.http.length = b->body.len;
	s3_send(d->s3, &b->req, "POST", NULL, "delete=", d->s3->name);
}

void
s3_delete_start(struct s3_deletes *d, struct store_xfer *x)
{
	x->next = d->waiting;
	d->waiting = x;
}

void
s3_delete_flush(struct s3_deletes *d)
{
	struct store_xfer *x, *xfers[BATCH];
	size_t n = 0;

	while ((x = d->waiting)) {
		d->waiting = x->next;
		x->next = NULL;
		xfers[n++] = x;
		if (d->waiting && n < BATCH)
			continue;
		if (n == 1 || d->s3->no_deletes)
			for (size_t i = 0; i < n; i++)
				delete_alone(d, xfers[i]);
		else
			delete_many(d, xfers, n);
		n = 0;
	}
}
