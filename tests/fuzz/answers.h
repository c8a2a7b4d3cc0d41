/*
 * http.h without a network: what a service answers is in the input.  A request
 * is answered when it is its turn, in order; an answer is five bytes, then what
 * they say that follows:
 *
 *   status     four bits; how the attempt ends: two
 *   headers    which there are: eight bits (enum below)
 *   length     of the body, two bytes, little endian
 *   number     for headers that have one
 *
 * When there are no more of them, or there were too many requests, each fails.
 */
#ifndef SEGTOOLS_FUZZ_ANSWERS_H
#define SEGTOOLS_FUZZ_ANSWERS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "http/curl.h"
#include "http/http.h"

enum {
	ANSWER_HEAD = 5,
	ANSWERS_MOST = 300, /* requests */
	ANSWERS_AGAIN = 3,  /* attempts that are made once more */
	ANSWERS_PIECE = 1000
};

enum answer_header {
	ANSWER_LENGTH = 1,
	ANSWER_RANGE = 2, /* another than was asked for */
	ANSWER_ETAG = 4,
	ANSWER_WEAK = 8,
	ANSWER_RETAINED = 16,
	ANSWER_HOLD = 32,
	ANSWER_REGION = 64,
	ANSWER_CRC = 128
};

static struct {
	const uint8_t *data;
	size_t left;
	unsigned requests, again;
} answers;

struct http {
	struct http_opts o;
	struct http_request *queue, **tail;
};

/* ---- an answer ---- */

/* What was asked for, as the headers of the request say it. */
static inline uint64_t
answer_first(const struct http_request *r)
{
	unsigned long long from = 0;

	for (const struct curl_slist *h = r->headers; h; h = h->next)
		if (sscanf(h->data, "Range: bytes=%llu-", &from) == 1)
			break;
	return from;
}

static inline void
answer_headers(struct http_request *r, unsigned which, size_t len, uint8_t n)
{
	static const char *const until[] = {
	    "2030-01-01T00:00:00Z", "1970-01-01T00:00:00.5Z", "never"};

	if (which & ANSWER_LENGTH)
		r->content_length = len + (n & 0x80 ? n : 0);
	if (r->status == 206) {
		r->first = which & ANSWER_RANGE ? n : answer_first(r);
		r->last = r->first + (len ? len - 1 : 0);
		r->total = r->last + 1 + n % 16;
	}
	if (which & ANSWER_ETAG)
		snprintf(r->etag, sizeof(r->etag), "%s\"%u\"",
		    which & ANSWER_WEAK ? "W/" : "", n % 4u);
	if (which & ANSWER_RETAINED)
		strcpy(r->retained, until[n % 3]);
	if (which & ANSWER_HOLD)
		strcpy(r->legal_hold, n % 2 ? "ON" : "OFF");
	if (which & ANSWER_REGION)
		strcpy(r->region, "eu-west-1");
	if (which & ANSWER_CRC)
		strcpy(r->crc32, n % 2 ? "AAAAAA==" : "no");
	strcpy(r->sse, n % 2 ? "AES256" : "");
}

/* As http_request.c takes it: what is not well answered goes to body. */
static inline void
answer_body(struct http_request *r, const char *p, size_t len)
{
	bool good = r->status >= 200 && r->status < 300;
	size_t most = r->body_max ? r->body_max : HTTP_BODY_MAX, n;

	if (good && r->begin && (r->rc = r->begin(r)) != RC_OK) {
		r->result = HTTP_STOPPED;
		return;
	}
	if (!good || !r->take) {
		if (len > most)
			r->result = HTTP_TOO_LONG;
		else
			buf_add(&r->body, p, len);
		return;
	}
	for (; len > 0 && r->rc == RC_OK; p += n, len -= n) {
		n = len < ANSWERS_PIECE ? len : ANSWERS_PIECE;
		r->received += n;
		r->rc = r->take(r, p, n);
	}
	if (r->rc)
		r->result = HTTP_STOPPED;
}

static inline void
answer(struct http_request *r)
{
	static const short statuses[] = {200, 200, 200, 200, 206, 204, 307, 400,
	    403, 404, 409, 412, 416, 417, 501, 503};
	static const enum http_result results[] = {
	    HTTP_ANSWERED, HTTP_ANSWERED, HTTP_FAILED, HTTP_REFUSED};
	const uint8_t *head = answers.data;
	size_t len;

	r->result = HTTP_FAILED;
	strcpy(r->error, "no answer");
	if (answers.left < ANSWER_HEAD || answers.requests++ == ANSWERS_MOST)
		return;
	answers.data += ANSWER_HEAD;
	answers.left -= ANSWER_HEAD;
	len = le16(head + 2);
	if (len > answers.left)
		len = answers.left;
	r->result = results[head[0] >> 4 & 3];
	if (r->result == HTTP_ANSWERED || r->result == HTTP_FAILED) {
		r->status = statuses[head[0] & 15];
		answer_headers(r, head[1], len, head[4]);
		answer_body(r, (const char *)answers.data, len);
	}
	answers.data += len;
	answers.left -= len;
}

/* ---- http.h ---- */

enum rc
http_new(struct http **out, const struct http_opts *o)
{
	struct http *h = xcalloc(1, sizeof(*h));

	if (curl_begin() != RC_OK) /* of headers */
		abort();
	h->o = *o;
	h->tail = &h->queue;
	*out = h;
	return RC_OK;
}

void
http_free(struct http *h)
{
	free(h);
}

void
http_start(struct http *h, struct http_request *r)
{
	r->next = NULL;
	r->attempt = 0;
	*h->tail = r;
	h->tail = &r->next;
}

void
http_repeat(struct http *h, struct http_request *r)
{
	r->next = h->queue;
	if (!h->queue)
		h->tail = &r->next;
	h->queue = r;
}

bool
http_again(struct http *h, struct http_request *r, const char *why)
{
	(void)why;
	if (answers.again == ANSWERS_AGAIN)
		return false;
	answers.again++;
	http_repeat(h, r);
	return true;
}

void
http_step(struct http *h, int fd)
{
	struct http_request *r = h->queue;

	(void)fd;
	if (!r) /* nobody waits for nothing */
		abort();
	h->queue = r->next;
	if (!h->queue)
		h->tail = &h->queue;
	r->attempt++;
	r->rc = RC_OK;
	r->received = r->sent = 0;
	attempt_forget(r);
	if (r->prepare)
		r->prepare(r);
	answer(r);
	r->done(r);
}

void
http_forgo_expect(struct http *h)
{
	(void)h;
}

void
http_drop(struct http *h, unsigned retry_for)
{
	(void)retry_for;
	h->queue = NULL;
	h->tail = &h->queue;
}

const char *
http_plus_fault(void)
{
	return NULL;
}

const char *
http_reason(int status)
{
	(void)status;
	return "reason";
}

#endif
