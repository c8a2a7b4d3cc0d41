/*
 * http: requests on libcurl's multi interface: many at a time over reused
 * connections, in the caller's thread, signed by libcurl, bodies streamed.
 *
 * A request is made by one attempt or more: what an attempt came to is told to
 * done(), and done() alone decides what of that is a failure that may pass
 * (s3_answer.c for all requests to a bucket) and asks with http_again() for
 * another attempt.  When that is, and when it is too late for one, is decided
 * here: after exponential backoff with jitter, or as Retry-After says; no more
 * retry_for seconds after the first failure since the last success, of this
 * request or of all of them, whichever is earlier.
 *
 * With SEG_TRACE=1 each attempt is logged to stderr: method, URL and status;
 * never a header.
 */
#ifndef SEGTOOLS_HTTP_H
#define SEGTOOLS_HTTP_H

#include <stdbool.h>

#include "base/counts.h"
#include "base/msg.h"
#include "http/http_request.h"

struct http;

struct http_opts {
	/* Requests at a time, those that wait to be tried again included. */
	unsigned parallel;
	unsigned retry_for; /* seconds */
	/* Borrowed; as it is when an attempt begins. */
	const struct http_service *service;
	struct request_counts *counts; /* or NULL */
};

enum rc http_new(struct http **, const struct http_opts *);
void http_free(struct http *); /* after http_drop() */

/* Queue it.  done() is called by http_step() alone. */
void http_start(struct http *, struct http_request *);
/* From done(): send it once more, before all that wait. */
void http_repeat(struct http *, struct http_request *);
/*
 * From done(): what it came to was a failure; queue it once more, unless the
 * time is up.  why is said under -v.
 */
bool http_again(struct http *, struct http_request *, const char *why);

/* Move on until a request ended, or fd (if >= 0) is readable, a signal arrived
 * or a second passed. */
void http_step(struct http *, int fd);
/* Large bodies go without "Expect: 100-continue" from now on, at the price of
 * HTTP/1.0: for who answered it with 417. */
void http_forgo_expect(struct http *);
/* Forget all requests, done() not called.  Those that come now get so many
 * seconds to be tried again. */
void http_drop(struct http *, unsigned retry_for);

/* The version of a libcurl that signs "+" in a query wrongly (curl issue
 * 20543), or NULL. */
const char *http_plus_fault(void);
/* "Service Unavailable" for 503; "" if not known. */
const char *http_reason(int status);

#endif
