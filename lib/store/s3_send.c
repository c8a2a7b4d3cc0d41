/* s3_send: see s3_send.h. */

#include <stdlib.h>

#include "base/signals.h"
#include "store/s3_answer.h"
#include "store/s3_digest.h"
#include "store/s3_keep.h"
#include "store/s3_send.h"
#include "store/s3_sign.h"

static void
set_headers(struct http_request *h)
{
	struct s3_request *r = (struct s3_request *)h;
	const struct keys *k = credentials_keys(r->s3->credentials);

	http_headers_clear(h);
	h->is_signed = false;
	r->kept = 0;
	r->level = r->s3->level;
	r->generation = credentials_generation(r->s3->credentials);
	if (k->token)
		http_header(h, "x-amz-security-token: %s", k->token);
	if (r->prepare)
		r->prepare(r);
	else
		s3_header_sha256(r, NULL);
	if (r->kept & S3_KEEP_KEY)
		s3_sign(r);
}

bool
s3_again(struct s3_request *r, const char *why)
{
	r->ambiguous = r->ambiguous || s3_answer_is_doubtful(r);
	if (r->http.status == 417)
		http_forgo_expect(r->s3->http);
	return http_again(r->s3->http, &r->http, why);
}

/*
 * What it came to is that the keys have expired: once for each request it is
 * sent again with others, if there are.  False: the answer holds.
 */
static bool
renewed(struct s3_request *r)
{
	struct s3 *s = r->s3;
	enum rc rc;

	if (r->renewed || !s3_answer_is_expired(r))
		return false;
	rc = credentials_expired(s->credentials, r->generation);
	if (rc == RC_ABSENT)
		return false;
	if (rc) {
		r->done(r, rc);
		return true;
	}
	r->renewed = true;
	s3_use_keys(s);
	http_repeat(s->http, &r->http);
	return true;
}

static void
answered(struct http_request *h)
{
	struct s3_request *r = (struct s3_request *)h;
	char why[S3_WHY_MAX];
	enum rc rc;

	s3_answer_read(r);
	if (renewed(r))
		return;
	if (s3_answer_may_pass(r)) {
		s3_answer_describe(r, why);
		if (s3_again(r, why))
			return;
		rc = msg_fail(RC_SYSTEM, "%s: %s; given up", h->name, why);
	} else {
		rc = s3_answer_rc(r);
		if (rc == RC_OK)
			credentials_taken(r->s3->credentials, r->generation);
	}
	r->done(r, rc);
}

void
s3_send(struct s3 *s, struct s3_request *r, const char *method,
    const char *object, const char *query, const char *name)
{
	free(r->url);
	r->s3 = s;
	r->url = s3_url(s, object, query);
	r->http.method = method;
	r->http.url = r->url;
	r->http.name = name;
	r->http.prepare = set_headers;
	r->http.done = answered;
	r->ambiguous = r->renewed = false;
	http_start(s->http, &r->http);
}

void
s3_request_release(struct s3_request *r)
{
	http_request_release(&r->http);
	free(r->url);
	r->url = NULL;
}

struct alone {
	bool ended;
	enum rc rc;
};

static void
alone_done(struct s3_request *r, enum rc rc)
{
	struct alone *a = r->arg;

	a->ended = true;
	a->rc = rc;
}

enum rc
s3_do(struct s3 *s, struct s3_request *r, const char *method,
    const char *object, const char *query, const char *name)
{
	struct alone a = {0};

	r->done = alone_done;
	r->arg = &a;
	s3_send(s, r, method, object, query, name);
	while (!a.ended)
		s3_step(s, -1);
	r->arg = NULL;
	return a.rc;
}

void
s3_step(struct s3 *s, int fd)
{
	credentials_refresh(s->credentials);
	s3_use_keys(s);
	http_step(s->http, fd);
	if (s->multiparts && signals_caught()) {
		s->give_up(s);
		signals_die();
	}
}
