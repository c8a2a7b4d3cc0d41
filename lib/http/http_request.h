/*
 * http_request: a request, and one attempt at it: what libcurl is told, and
 * what it tells.  When there is an attempt, and another, is http.c's.
 */
#ifndef SEGTOOLS_HTTP_REQUEST_H
#define SEGTOOLS_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/msg.h"

struct curl_slist;

/* Who is asked, and as whom; the strings are borrowed. */
struct http_service {
	const char *sigv4;     /* "aws:amz:REGION:s3", or NULL: not signed */
	const char *user;      /* access key id */
	const char *password;  /* secret */
	const char *ca_bundle; /* file, or NULL */
	bool direct;           /* no proxy */
	unsigned timeout_ms;   /* of an attempt as a whole; 0: none */
};

enum http_result {
	HTTP_ANSWERED, /* see status; the body is complete */
	HTTP_FAILED,   /* no whole answer; trying again makes sense */
	HTTP_REFUSED,  /* it will not work: certificate, CA bundle, URL */
	HTTP_TOO_LONG, /* what would have been kept in body */
	HTTP_STOPPED /* begin(), take(), the body's file or check failed: rc */
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
	/* Of the body, or NULL: what fails it is not sent to its end. */
	const struct file_check *check;
	bool is_signed; /* by itself: not by libcurl */
	bool hidden;    /* the URL may be a secret: the name is traced */
	bool once; /* on a connection of its own: over a kept one that breaks
		    * libcurl sends a request again unasked */

	/*
	 * Called when an attempt begins, if not NULL: its headers.
	 */
	void (*prepare)(struct http_request *);

	/*
	 * The answer.  begin(), if not NULL, is called when the headers of a
	 * 2xx are there; then take() for each piece of its body.  Without
	 * take(), and if the status is another, up to body_max bytes are
	 * kept in body.  Both report what they fail with.
	 */
	enum rc (*begin)(struct http_request *);
	enum rc (*take)(struct http_request *, const char *data, size_t len);
	void (*done)(struct http_request *);
	size_t body_max; /* 0: HTTP_BODY_MAX */
	enum http_result result;
	enum rc rc;
	int status;
	uint64_t content_length;     /* or HTTP_UNKNOWN */
	uint64_t first, last, total; /* Content-Range, or HTTP_UNKNOWN */
	char etag[HTTP_ETAG_MAX];    /* or empty */
	char region[64];             /* x-amz-bucket-region, or empty */
	char crc32[16];              /* x-amz-checksum-crc32, or empty */
	char sse[16];                /* x-amz-server-side-encryption */
	char retained[40];           /* x-amz-object-lock-retain-until-date */
	char legal_hold[8];          /* x-amz-object-lock-legal-hold */
	char error[HTTP_ERROR_MAX];  /* HTTP_FAILED, HTTP_REFUSED */
	struct buf body;

	/* http's own. */
	struct http_request *next;
	void *easy;
	uint64_t trouble;     /* ms: first failure since progress; 0: none */
	uint64_t due;         /* ms: not before */
	uint64_t active;      /* ms: when a byte last moved */
	uint64_t began;       /* ms: this attempt */
	uint64_t received;    /* bytes of body in this attempt */
	uint64_t sent;        /* bytes of body in this attempt */
	uint64_t retry_after; /* s, of the answer */
	unsigned attempt;
	bool too_long;
	bool expects; /* the attempt has "Expect: 100-continue" */
};

/* Add a header; forget them all; and the answer's body too. */
void http_header(struct http_request *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void http_headers_clear(struct http_request *);
void http_request_release(struct http_request *);

/* Add text percent-encoded as libcurl signs it and every server understands it
 * alike, all but letters, digits, "-_.~" and what is in also. */
void http_encode(struct buf *, const char *text, const char *also);

struct attempt_opts {
	const struct http_service *service;
	long buffer; /* bytes */
	uint64_t connect_ms;
	bool no_expect; /* see http_forgo_expect() */
};

/* All that r->easy, a fresh handle, has to know. */
void attempt_prepare(struct http_request *r, const struct attempt_opts *);
/* No answer is there yet (any more). */
void attempt_forget(struct http_request *);
/* The attempt is over with that CURLcode: result, rc and error. */
void attempt_classify(struct http_request *, int code);

#endif
