/*
 * keys_http: one question to a service that gives keys, through http.h: no
 * redirect is followed, the answer is at most 64 KiB, it is waited for.
 */
#ifndef SEGTOOLS_KEYS_HTTP_H
#define SEGTOOLS_KEYS_HTTP_H

#include "aws/keys.h"

enum { KEYS_ANSWER_MAX = 64 << 10 };

struct keys_request {
	const char *method, *url;
	const char *name;       /* for messages: URLs may be secrets */
	const char *headers[4]; /* lines, until NULL */
	const char *body;       /* or NULL */
	const char *sigv4;      /* NULL: it is not signed */
	const struct keys *by;  /* with sigv4: with which it is */
	bool direct;            /* no proxy is asked */
	unsigned timeout_ms;    /* of an attempt; 0: ten seconds */
	unsigned tries;         /* 0: as ask.retry_for says */
};

/* RC_OK: some answer that is not to be tried again, body ends in NUL.
 * RC_SYSTEM, RC_USAGE: none, said in why. */
enum rc keys_http(struct keys_ask *, const struct keys_request *, int *status,
    struct buf *body);

/* "NAME: 403 Forbidden", of an answer that was not hoped for. */
enum rc keys_refused(struct keys_ask *, const char *name, int status);

/* The text of a small file without the space at its end, for a header. */
enum rc keys_file(struct keys_ask *, const char *path, struct buf *);

#endif
