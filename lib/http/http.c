/* http: see http.h. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/number.h"
#include "base/time.h"
#include "http/curl.h"
#include "http/http.h"

enum {
	CONNECT_MS = 10000,
	STALL_MS = 30000, /* no byte for so long */
	BACKOFF_MS = 100, /* doubled each time */
	BACKOFF_MAX_MS = 10000,
	/* Bytes after which a failure is one of its own: a long download over a
	 * bad line fails now and then. */
	PROGRESS = 1 << 20,
	/* libcurl's buffers, for all transfers together and for each. */
	BUFFERS = 16 << 20,
	BUFFER_MIN = 16 << 10,
	BUFFER_MAX = 512 << 10
};

struct http {
	struct http_opts o;
	CURLM *multi;
	CURL **spare; /* easy handles at rest */
	size_t n_spare;
	struct http_request *queue, **queue_tail;
	struct http_request *waiting; /* to be tried again */
	struct http_request *running;
	unsigned busy;    /* waiting and running */
	uint64_t trouble; /* ms: first failure since the last success; or 0 */
	bool failed; /* the attempt that ended last, as http_again() was told */
	bool no_expect;
	long buffer;
	bool trace;
	unsigned seed;
};

/* ---- opening ---- */

enum rc
http_new(struct http **out, const struct http_opts *o)
{
	const char *trace = getenv("SEG_TRACE");
	struct http *h;
	enum rc rc = curl_begin();

	*out = NULL;
	if (rc)
		return rc;
	/* Else every request would fail, one by one. */
	if (o->service->ca_bundle && access(o->service->ca_bundle, R_OK) != 0) {
		msg_errno(o->service->ca_bundle);
		return RC_USAGE;
	}
	h = xcalloc(1, sizeof(*h));
	h->o = *o;
	if (h->o.parallel == 0)
		h->o.parallel = 1;
	h->queue_tail = &h->queue;
	h->trace = trace && *trace && strcmp(trace, "0") != 0;
	h->seed = (unsigned)(time_now() ^ (uint64_t)getpid() << 16);
	h->buffer = BUFFERS / (long)h->o.parallel;
	if (h->buffer > BUFFER_MAX)
		h->buffer = BUFFER_MAX;
	if (h->buffer < BUFFER_MIN)
		h->buffer = BUFFER_MIN;
	h->multi = curl.multi_init();
	if (!h->multi) {
		free(h);
		return msg_fail(RC_SYSTEM, "libcurl cannot be used");
	}
	curl.multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)h->o.parallel);
	*out = h;
	return RC_OK;
}

void
http_drop(struct http *h, unsigned retry_for)
{
	for (struct http_request *r = h->running; r; r = r->next) {
		curl.multi_remove_handle(h->multi, r->easy);
		curl.easy_cleanup(r->easy);
		r->easy = NULL;
	}
	h->running = h->waiting = h->queue = NULL;
	h->queue_tail = &h->queue;
	h->busy = 0;
	h->trouble = 0;
	h->o.retry_for = retry_for;
}

void
http_free(struct http *h)
{
	if (!h)
		return;
	http_drop(h, 0);
	for (size_t i = 0; i < h->n_spare; i++)
		curl.easy_cleanup(h->spare[i]);
	curl.multi_cleanup(h->multi);
	free(h->spare);
	free(h);
}

/* ---- attempts ---- */

void
http_start(struct http *h, struct http_request *r)
{
	r->next = NULL;
	r->trouble = 0;
	r->attempt = 0;
	*h->queue_tail = r;
	h->queue_tail = &r->next;
}

void
http_repeat(struct http *h, struct http_request *r)
{
	r->trouble = 0;
	r->attempt = 0;
	r->next = h->queue;
	if (!h->queue)
		h->queue_tail = &r->next;
	h->queue = r;
}

/* When there is no point in going on with this request; 0: no failure yet. */
static uint64_t
deadline(const struct http *h, const struct http_request *r)
{
	uint64_t since = r->trouble;

	if (h->trouble && (!since || h->trouble < since))
		since = h->trouble;
	return since ? since + (uint64_t)h->o.retry_for * 1000 : 0;
}

/*
 * How long nothing may happen: less than usual where the time to try again
 * is less, so that this is kept.
 */
static uint64_t
patience(const struct http *h, const struct http_request *r, uint64_t most)
{
	uint64_t end = deadline(h, r), left = (uint64_t)h->o.retry_for * 1000;

	if (left == 0)
		return most;
	if (end)
		left = end > r->began ? end - r->began : 0;
	if (left < 1000)
		left = 1000;
	return left < most ? left : most;
}

static void
trace(const struct http *h, const struct http_request *r, const char *outcome)
{
	if (h->trace)
		msg_trace("%s %s %s, %llu bytes sent, %llu received, %llu ms",
		    r->method, r->hidden ? r->name : r->url, outcome,
		    (unsigned long long)r->sent,
		    (unsigned long long)r->received,
		    (unsigned long long)(time_monotonic() - r->began));
}

static void
attempt_begin(struct http *h, struct http_request *r)
{
	struct attempt_opts opts = {.service = h->o.service,
	    .buffer = h->buffer,
	    .no_expect = h->no_expect};
	CURL *e = h->n_spare ? h->spare[--h->n_spare] : curl.easy_init();

	r->easy = e;
	r->attempt++;
	if (h->o.counts) {
		h->o.counts->requests++;
		h->o.counts->retries += r->attempt > 1;
	}
	r->result = HTTP_ANSWERED;
	r->rc = RC_OK;
	r->error[0] = 0;
	r->received = r->sent = 0;
	r->retry_after = 0;
	r->began = r->active = time_monotonic();
	attempt_forget(r);
	if (r->prepare)
		r->prepare(r);
	opts.connect_ms = patience(h, r, CONNECT_MS);
	if (e)
		attempt_prepare(r, &opts);
	if (!e || curl.multi_add_handle(h->multi, e) != CURLM_OK) {
		msg_fail(RC_SYSTEM, "%s: libcurl is out of memory", r->name);
		exit(RC_SYSTEM);
	}
	r->next = h->running;
	h->running = r;
}

static void
attempt_end(struct http *h, struct http_request *r, CURLcode code)
{
	struct http_request **p = &h->running;
	char outcome[32];
	curl_off_t after = 0;

	while (*p != r)
		p = &(*p)->next;
	*p = r->next;
	r->next = NULL;
	h->busy--;
	attempt_classify(r, (int)code);
	curl.easy_getinfo(r->easy, CURLINFO_RETRY_AFTER, &after);
	r->retry_after = after > 0 ? (uint64_t)after : 0;
	curl.multi_remove_handle(h->multi, r->easy);
	/* It must not write into what is the request's. */
	curl.easy_reset(r->easy);
	h->spare = xreallocarray(h->spare, h->n_spare + 1, sizeof(CURL *));
	h->spare[h->n_spare++] = r->easy;
	r->easy = NULL;
	snprintf(outcome, sizeof(outcome), "%d", r->status);
	trace(h, r,
	    r->result == HTTP_ANSWERED || r->result == HTTP_STOPPED ? outcome
								    : r->error);
	h->failed = false;
	r->done(r); /* and r may be gone */
	if (!h->failed)
		h->trouble = 0;
}

/* ---- trying again ---- */

bool
http_again(struct http *h, struct http_request *r, const char *why)
{
	uint64_t now = time_monotonic(), end, wait = BACKOFF_MS;

	h->failed = true;
	/* One that made good progress before it failed ends the trouble. */
	if (r->received >= PROGRESS)
		h->trouble = r->trouble = 0;
	if (!r->trouble)
		r->trouble = now;
	if (!h->trouble)
		h->trouble = now;
	end = deadline(h, r);
	if (now >= end || r->retry_after * 1000 > end - now)
		return false;
	for (unsigned i = 1; i < r->attempt && wait < BACKOFF_MAX_MS; i++)
		wait *= 2;
	if (wait > BACKOFF_MAX_MS)
		wait = BACKOFF_MAX_MS;
	wait = wait / 2 + (uint64_t)rand_r(&h->seed) % (wait / 2 + 1);
	if (wait > end - now)
		wait = end - now; /* a last attempt when the time is up */
	if (wait < r->retry_after * 1000)
		wait = r->retry_after * 1000;
	msg_info("%s: %s; trying again in %.1f s", r->name, why,
	    (double)wait / 1000);
	r->due = now + wait;
	r->next = h->waiting;
	h->waiting = r;
	h->busy++;
	return true;
}

/* ---- moving on ---- */

/* Begin what may begin; when the next of those that wait is due, or 0. */
static uint64_t
begin_due(struct http *h)
{
	struct http_request **p = &h->waiting, *r;
	uint64_t now = time_monotonic(), next = 0;

	while ((r = *p)) {
		if (r->due <= now) {
			*p = r->next;
			attempt_begin(h, r);
			continue;
		}
		if (!next || r->due < next)
			next = r->due;
		p = &r->next;
	}
	while ((r = h->queue) && h->busy < h->o.parallel) {
		h->queue = r->next;
		if (!h->queue)
			h->queue_tail = &h->queue;
		h->busy++;
		attempt_begin(h, r);
	}
	return next;
}

static bool
end_finished(struct http *h)
{
	struct http_request *r;
	bool any = false;
	CURLMsg *m;
	int left;

	while ((m = curl.multi_info_read(h->multi, &left))) {
		CURLcode code = m->data.result;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl.easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &r);
		attempt_end(h, r, code);
		any = true;
	}
	return any;
}

static bool
end_stalled(struct http *h)
{
	struct http_request *r, *next;
	uint64_t now = time_monotonic(), most, seconds;
	bool any = false;

	for (r = h->running; r; r = next) {
		next = r->next;
		most = patience(h, r, STALL_MS);
		seconds = (most + 500) / 1000;
		if (now - r->active < most)
			continue;
		snprintf(r->error, sizeof(r->error),
		    "nothing arrived for %llu second%s",
		    (unsigned long long)seconds, number_s(seconds));
		attempt_end(h, r, CURLE_OPERATION_TIMEDOUT);
		any = true;
		break; /* done() may have changed the list */
	}
	return any;
}

void
http_step(struct http *h, int fd)
{
	struct curl_waitfd extra = {.fd = fd, .events = CURL_WAIT_POLLIN};
	uint64_t due = begin_due(h), now = time_monotonic();
	int running, timeout = 1000;
	CURLMcode code = curl.multi_perform(h->multi, &running);

	if (code == CURLM_OK && (end_finished(h) || end_stalled(h)))
		return;
	if (due && due < now + (uint64_t)timeout)
		timeout = due > now ? (int)(due - now) : 0;
	if (code == CURLM_OK)
		code = curl.multi_poll(
		    h->multi, &extra, fd >= 0 ? 1 : 0, timeout, NULL);
	if (code == CURLM_OK)
		return;
	/* Out of memory, or a bug. */
	msg_fail(RC_SYSTEM, "libcurl: %s", curl.multi_strerror(code));
	exit(RC_SYSTEM);
}

void
http_forgo_expect(struct http *h)
{
	h->no_expect = true;
}

const char *
http_plus_fault(void)
{
	const curl_version_info_data *v = curl.version_info(CURLVERSION_NOW);

	return v->version_num >= 0x080e00 && v->version_num < 0x081300
		   ? v->version
		   : NULL;
}

const char *
http_reason(int status)
{
	static const struct {
		int status;
		const char *text;
	} known[] = {
	    {301, "Moved Permanently"},
	    {302, "Found"},
	    {307, "Temporary Redirect"},
	    {308, "Permanent Redirect"},
	    {400, "Bad Request"},
	    {401, "Unauthorized"},
	    {403, "Forbidden"},
	    {404, "Not Found"},
	    {405, "Method Not Allowed"},
	    {408, "Request Timeout"},
	    {409, "Conflict"},
	    {411, "Length Required"},
	    {412, "Precondition Failed"},
	    {416, "Range Not Satisfiable"},
	    {417, "Expectation Failed"},
	    {429, "Too Many Requests"},
	    {431, "Request Header Fields Too Large"},
	    {500, "Internal Server Error"},
	    {501, "Not Implemented"},
	    {502, "Bad Gateway"},
	    {503, "Service Unavailable"},
	    {504, "Gateway Timeout"},
	    {507, "Insufficient Storage"},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].status == status)
			return known[i].text;
	return "";
}
