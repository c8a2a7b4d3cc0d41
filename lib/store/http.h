/*
 * http: requests on libcurl's multi interface: many at a time over reused
 * connections, in the caller's thread, signed by libcurl, bodies streamed.
 *
 * A request is made by one attempt or more: what an attempt came to is told to
 * done(), which may ask for another with http_again().  That waits (with
 * exponential backoff and jitter, or as Retry-After says) and knows when to
 * give up: retry_for seconds after the first failure since the last success,
 * of this request or of all of them, whichever is earlier.
 *
 * With SEG_TRACE=1 each attempt is logged to stderr: method, URL and status;
 * never a header.
 */
#ifndef SEGTOOLS_HTTP_H
#define SEGTOOLS_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/msg.h"

struct curl_slist;
struct http;

/* Strings are borrowed until http_free(). */
struct store_counts;

struct http_opts {
	unsigned parallel;     /* requests at a time, those that wait to be
				* tried again included */
	unsigned retry_for;    /* seconds */
	const char *sigv4;     /* "aws:amz:REGION:s3" */
	const char *user;      /* access key id */
	const char *password;  /* secret */
	const char *ca_bundle; /* file, or NULL */
	struct store_counts *counts; /* or NULL */
};

enum rc http_new(struct http **, const struct http_opts *);
void http_free(struct http *); /* after http_drop() */

enum http_result {
	HTTP_ANSWERED, /* see status; the body is complete */
	HTTP_FAILED,   /* no whole answer; trying again makes sense */
	HTTP_REFUSED,  /* it will not work: certificate, CA bundle, URL */
	HTTP_STOPPED   /* begin(), take() or the body's file failed: rc */
};

enum {
	HTTP_ETAG_MAX = 80,
	HTTP_BODY_MAX = 16 << 20, /* of an answer that is kept */
	HTTP_ERROR_MAX = 256
};
#define HTTP_UNKNOWN UINT64_MAX

/* All-zero, then what is needed. */
struct http_request {
	/* The request; all borrowed until done(). */
	const char *method; /* GET, HEAD, PUT, POST, DELETE */
	const char *url;
	const char *name; /* of the object, for messages */
	struct curl_slist *headers;
	struct file *file; /* the body, from offset; else bytes */
	uint64_t offset;
	const char *bytes;
	uint64_t length;
	bool once; /* on a connection of its own: over a kept one that breaks
		    * libcurl sends a request again unasked */

	/*
	 * The answer.  begin(), if not NULL, is called when the headers of a
	 * 2xx are there; then take() for each piece of its body.  Without
	 * take(), and if the status is another, up to HTTP_BODY_MAX bytes are
	 * kept in body.  Both report what they fail with.
	 */
	enum rc (*begin)(struct http_request *);
	enum rc (*take)(struct http_request *, const char *data, size_t len);
	void (*done)(struct http_request *);
	enum http_result result;
	enum rc rc;
	int status;
	uint64_t content_length;     /* or HTTP_UNKNOWN */
	uint64_t first, last, total; /* Content-Range, or HTTP_UNKNOWN */
	char etag[HTTP_ETAG_MAX];    /* or empty */
	char region[64];             /* x-amz-bucket-region, or empty */
	char crc32[16];              /* x-amz-checksum-crc32, or empty */
	char error[HTTP_ERROR_MAX];  /* HTTP_FAILED, HTTP_REFUSED */
	struct buf body;

	/* http's own. */
	struct http *http;
	struct http_request *next;
	void *easy;
	uint64_t trouble;     /* ms: first failure since progress; 0: none */
	uint64_t trouble_was; /* before the last attempt ended */
	uint64_t due;         /* ms: not before */
	uint64_t active;      /* ms: when a byte last moved */
	uint64_t began;       /* ms: this attempt */
	uint64_t received;    /* bytes of body in this attempt */
	uint64_t sent;        /* bytes of body in this attempt */
	uint64_t retry_after; /* s, of the answer */
	unsigned attempt;
	bool too_long;
};

/* Add a header, or forget them all and the answer's body. */
void http_header(struct http_request *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void http_headers_clear(struct http_request *);
void http_request_release(struct http_request *);

/* Queue it.  done() is called by http_step() alone. */
void http_start(struct http *, struct http_request *);
/*
 * From done(): queue it once more, unless the time is up.  why is said under
 * -v.  Headers may be set anew before.
 */
bool http_again(struct http *, struct http_request *, const char *why);

/* Move on until a request ended, or fd (if >= 0) is readable, a signal arrived
 * or a second passed. */
void http_step(struct http *, int fd);
/* Forget all requests, done() not called.  Those that come now get so many
 * seconds to be tried again. */
void http_drop(struct http *, unsigned retry_for);

/* The version of a libcurl that signs "+" in a query wrongly (curl issue
 * 20543), or NULL. */
const char *http_plus_fault(void);
/* Does trying again make sense? */
bool http_is_temporary(int status);
/* "Service Unavailable" for 503; "" if not known. */
const char *http_reason(int status);

#endif
