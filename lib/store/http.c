/* http: see http.h. */

#include <curl/curl.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/number.h"
#include "base/time.h"
#include "store/http.h"
#include "store/store.h"

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
	BUFFER_MAX = 512 << 10,
	WAITING = 128 << 10 /* bytes in the system, not yet sent */
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
	uint64_t trouble_was; /* before the attempt that ended last */
	long buffer;
	bool trace;
	unsigned seed;
};

static uint64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* ---- libcurl ---- */

/*
 * Loaded when the first bucket is opened: with all the libraries that it needs
 * itself it would take three quarters of the time that a command needs to
 * start, and those on directories have no use for it.
 */
#define CURL_FUNCTIONS(X) \
	X(global_init) \
	X(version_info) \
	X(easy_init) \
	X(easy_setopt) \
	X(easy_getinfo) \
	X(easy_reset) \
	X(easy_cleanup) \
	X(easy_strerror) \
	X(multi_init) \
	X(multi_setopt) \
	X(multi_add_handle) \
	X(multi_remove_handle) \
	X(multi_perform) \
	X(multi_poll) \
	X(multi_info_read) \
	X(multi_strerror) \
	X(multi_cleanup) \
	X(slist_append) \
	X(slist_free_all)

#define CURL_MEMBER(name) __typeof__(curl_##name) *(name);
static struct {
	CURL_FUNCTIONS(CURL_MEMBER)
} curl;

/* dlerror() tells why not. */
static bool
curl_load(void)
{
	static const char *const names[] = {
	    "libcurl.so.4", "libcurl-gnutls.so.4"};
	void *lib = dlopen(names[0], RTLD_NOW | RTLD_LOCAL);

	if (!lib)
		lib = dlopen(names[1], RTLD_NOW | RTLD_LOCAL);
	if (!lib)
		return false;
#define CURL_FIND(name) \
	*(void **)&curl.name = dlsym(lib, "curl_" #name); \
	if (!curl.name) \
		return false;
	CURL_FUNCTIONS(CURL_FIND)
	return true;
}

/* ---- opening ---- */

static enum rc
curl_begin(void)
{
	static bool begun;

	if (begun)
		return RC_OK;
	if (!curl_load())
		return msg_fail(RC_USAGE,
		    "a bucket takes libcurl.so.4 or libcurl-gnutls.so.4, "
		    "which cannot be loaded: %s",
		    dlerror());
	if (curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return msg_fail(RC_SYSTEM, "libcurl cannot be used");
	begun = true;
	return RC_OK;
}

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
	if (o->ca_bundle && access(o->ca_bundle, R_OK) != 0) {
		msg_errno(o->ca_bundle);
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

/* ---- a request ---- */

void
http_header(struct http_request *r, const char *fmt, ...)
{
	struct curl_slist *list;
	char line[4096];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	list = n > 0 && (size_t)n < sizeof(line)
		   ? curl.slist_append(r->headers, line)
		   : NULL;
	if (!list) {
		msg_fail(RC_SYSTEM, "%s: a header that is too long", r->name);
		exit(RC_SYSTEM);
	}
	r->headers = list;
}

void
http_headers_clear(struct http_request *r)
{
	curl.slist_free_all(r->headers);
	r->headers = NULL;
}

void
http_request_release(struct http_request *r)
{
	http_headers_clear(r);
	buf_release(&r->body);
}

void
http_start(struct http *h, struct http_request *r)
{
	r->http = h;
	r->next = NULL;
	*h->queue_tail = r;
	h->queue_tail = &r->next;
}

/* ---- libcurl's callbacks ---- */

static size_t
stop(struct http_request *r, enum rc rc)
{
	r->rc = rc;
	r->result = HTTP_STOPPED;
	return 0;
}

/* The value of the header, if it is this one; it ends in "\r\n". */
static bool
header_is(
    const char *line, size_t len, const char *name, char *value, size_t room)
{
	size_t n = strlen(name), end = len;

	if (len <= n || line[n] != ':' || strncasecmp(line, name, n) != 0)
		return false;
	for (n++; n < end && (line[n] == ' ' || line[n] == '\t'); n++)
		;
	while (end > n && strchr(" \t\r\n", line[end - 1]))
		end--;
	if (end - n >= room)
		return false;
	memcpy(value, line + n, end - n);
	value[end - n] = 0;
	return true;
}

/* "bytes FIRST-LAST/TOTAL" */
static void
parse_range(struct http_request *r, const char *s)
{
	size_t first, last;
	uint64_t a, b, c;

	if (strncasecmp(s, "bytes ", 6) != 0)
		return;
	s += 6;
	first = strcspn(s, "-");
	last = strcspn(s, "/");
	if (first >= last || !s[last] || !number_u64(s, first, &a) ||
	    !number_u64(s + first + 1, last - first - 1, &b) ||
	    !number_u64(s + last + 1, strlen(s + last + 1), &c) || a > b ||
	    b >= c)
		return;
	r->first = a;
	r->last = b;
	r->total = c;
}

static void
forget_answer(struct http_request *r)
{
	r->status = 0;
	r->content_length = HTTP_UNKNOWN;
	r->first = r->last = r->total = HTTP_UNKNOWN;
	r->etag[0] = r->region[0] = r->crc32[0] = 0;
	r->too_long = false;
	buf_clear(&r->body);
}

static bool
is_success(const struct http_request *r)
{
	return r->status >= 200 && r->status < 300;
}

static size_t
on_header(char *line, size_t one, size_t len, void *arg)
{
	struct http_request *r = arg;
	char value[256];
	long status = 0;
	enum rc rc;

	(void)one;
	r->active = now_ms();
	if (len > 5 && strncmp(line, "HTTP/", 5) == 0)
		forget_answer(r);
	else if (header_is(line, len, "content-length", value, sizeof(value)))
		number_u64(value, strlen(value), &r->content_length);
	else if (header_is(line, len, "content-range", value, sizeof(value)))
		parse_range(r, value);
	else if (header_is(line, len, "x-amz-bucket-region", r->region,
		     sizeof(r->region)) ||
		 header_is(line, len, "x-amz-checksum-crc32", r->crc32,
		     sizeof(r->crc32)) ||
		 header_is(line, len, "etag", r->etag, sizeof(r->etag)))
		return len;
	if (len > 2)
		return len;
	/* The empty line. */
	curl.easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
	r->status = (int)status;
	if (r->begin && is_success(r)) {
		rc = r->begin(r);
		if (rc)
			return stop(r, rc);
	}
	return len;
}

static size_t
on_body(char *data, size_t one, size_t len, void *arg)
{
	struct http_request *r = arg;
	enum rc rc;

	(void)one;
	r->active = now_ms();
	r->received += len;
	if (r->take && is_success(r)) {
		rc = r->take(r, data, len);
		return rc ? stop(r, rc) : len;
	}
	if (len > HTTP_BODY_MAX - r->body.len) {
		r->too_long = true;
		return 0;
	}
	buf_add(&r->body, data, len);
	return len;
}

static size_t
on_send(char *to, size_t one, size_t room, void *arg)
{
	struct http_request *r = arg;
	uint64_t left = r->length - r->sent;
	enum rc rc;

	room *= one;
	r->active = now_ms();
	if (room > left)
		room = (size_t)left;
	if (room > 0 && r->file) {
		rc = file_read(r->file, to, room, r->offset + r->sent);
		if (rc) {
			stop(r, rc);
			return CURL_READFUNC_ABORT;
		}
	} else if (room > 0) {
		memcpy(to, r->bytes + r->sent, room);
	}
	r->sent += room;
	return room;
}

/* libcurl begins anew where a connection that it had kept was closed. */
static int
on_rewind(void *arg, curl_off_t offset, int origin)
{
	struct http_request *r = arg;

	if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > r->length)
		return CURL_SEEKFUNC_FAIL;
	r->sent = (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

/*
 * What waits in the system to be sent is little, so that libcurl is asked for
 * more as long as something moves, however slow the line.
 */
static int
on_socket(void *arg, curl_socket_t s, curlsocktype purpose)
{
	const int waiting = WAITING;

	(void)arg;
	(void)purpose;
	(void)setsockopt(
	    s, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &waiting, sizeof(waiting));
	return CURL_SOCKOPT_OK;
}

/* ---- an attempt ---- */

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
set_method(CURL *e, const struct http_request *r)
{
	if (strcmp(r->method, "HEAD") == 0) {
		curl.easy_setopt(e, CURLOPT_NOBODY, 1L);
	} else if (strcmp(r->method, "PUT") == 0) {
		curl.easy_setopt(e, CURLOPT_UPLOAD, 1L);
		curl.easy_setopt(
		    e, CURLOPT_INFILESIZE_LARGE, (curl_off_t)r->length);
	} else if (strcmp(r->method, "POST") == 0) {
		curl.easy_setopt(e, CURLOPT_POST, 1L);
		curl.easy_setopt(
		    e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->length);
	} else if (strcmp(r->method, "GET") != 0) {
		curl.easy_setopt(e, CURLOPT_CUSTOMREQUEST, r->method);
	}
}

static void
set_options(const struct http *h, CURL *e, struct http_request *r)
{
	curl.easy_setopt(e, CURLOPT_PRIVATE, r);
	curl.easy_setopt(e, CURLOPT_URL, r->url);
	curl.easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl.easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl.easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
	curl.easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl.easy_setopt(e, CURLOPT_USERAGENT, "segtools");
	curl.easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl.easy_setopt(e, CURLOPT_FRESH_CONNECT, (long)r->once);
	curl.easy_setopt(e, CURLOPT_ERRORBUFFER, r->error);
	curl.easy_setopt(e, CURLOPT_BUFFERSIZE, h->buffer);
	curl.easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE, h->buffer);
	curl.easy_setopt(
	    e, CURLOPT_CONNECTTIMEOUT_MS, (long)patience(h, r, CONNECT_MS));
	if (h->o.ca_bundle)
		curl.easy_setopt(e, CURLOPT_CAINFO, h->o.ca_bundle);
	/* Not CURLOPT_USERPWD, which would split at the first ":". */
	curl.easy_setopt(e, CURLOPT_AWS_SIGV4, h->o.sigv4);
	curl.easy_setopt(e, CURLOPT_USERNAME, h->o.user);
	curl.easy_setopt(e, CURLOPT_PASSWORD, h->o.password);
	curl.easy_setopt(e, CURLOPT_HTTPHEADER, r->headers);
	curl.easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl.easy_setopt(e, CURLOPT_HEADERDATA, r);
	curl.easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl.easy_setopt(e, CURLOPT_WRITEDATA, r);
	curl.easy_setopt(e, CURLOPT_READFUNCTION, on_send);
	curl.easy_setopt(e, CURLOPT_READDATA, r);
	curl.easy_setopt(e, CURLOPT_SEEKFUNCTION, on_rewind);
	curl.easy_setopt(e, CURLOPT_SEEKDATA, r);
	curl.easy_setopt(e, CURLOPT_SOCKOPTFUNCTION, on_socket);
	set_method(e, r);
}

static void
trace(const struct http *h, const struct http_request *r, const char *outcome)
{
	if (h->trace)
		msg_trace("%s %s %s, %llu bytes sent, %llu received, %llu ms",
		    r->method, r->url, outcome, (unsigned long long)r->sent,
		    (unsigned long long)r->received,
		    (unsigned long long)(now_ms() - r->began));
}

static void
attempt_begin(struct http *h, struct http_request *r)
{
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
	r->began = r->active = now_ms();
	forget_answer(r);
	if (e)
		set_options(h, e, r);
	if (!e || curl.multi_add_handle(h->multi, e) != CURLM_OK) {
		msg_fail(RC_SYSTEM, "%s: libcurl is out of memory", r->name);
		exit(RC_SYSTEM);
	}
	r->next = h->running;
	h->running = r;
}

/* What of libcurl's failures will not mend by itself. */
static bool
is_hopeless(CURLcode code)
{
	switch (code) {
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_URL_MALFORMAT:
	case CURLE_NOT_BUILT_IN:
	case CURLE_SSL_ENGINE_NOTFOUND:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
	case CURLE_LOGIN_DENIED:
		return true;
	default:
		return false;
	}
}

static void
classify(struct http_request *r, CURLcode code)
{
	if (r->result == HTTP_STOPPED)
		return;
	if (code == CURLE_OK && r->status >= 200) {
		r->result = HTTP_ANSWERED;
		return;
	}
	/* A head that does not end is fine with libcurl. */
	if (code == CURLE_OK)
		code = CURLE_GOT_NOTHING;
	if (r->too_long) {
		r->result = HTTP_STOPPED;
		r->rc =
		    msg_fail(RC_DATA, "%s: the answer is too long", r->name);
		return;
	}
	/* HTTP/0.9, which is not spoken, comes as an unknown protocol too. */
	r->result = is_hopeless(code) && r->received == 0 &&
			    !(code == CURLE_UNSUPPORTED_PROTOCOL &&
				r->attempt && strstr(r->error, "0.9"))
			? HTTP_REFUSED
			: HTTP_FAILED;
	if (!r->error[0])
		snprintf(
		    r->error, sizeof(r->error), "%s", curl.easy_strerror(code));
}

/* An attempt that made good progress, or succeeded, ends the trouble. */
static void
note_trouble(struct http *h, struct http_request *r)
{
	bool failed = r->result == HTTP_FAILED || http_is_temporary(r->status);
	uint64_t now = now_ms();

	r->trouble_was = r->trouble;
	h->trouble_was = h->trouble;
	if (!failed) {
		h->trouble = r->trouble = 0;
		return;
	}
	if (r->received >= PROGRESS)
		h->trouble = r->trouble = 0;
	if (!r->trouble)
		r->trouble = now;
	if (!h->trouble)
		h->trouble = now;
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
	classify(r, code);
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
	note_trouble(h, r);
	r->done(r);
}

/* ---- trying again ---- */

bool
http_again(struct http *h, struct http_request *r, const char *why)
{
	uint64_t now = now_ms(), end, wait = BACKOFF_MS;

	/* What looked like a success was none to the caller. */
	if (!r->trouble)
		r->trouble = r->trouble_was ? r->trouble_was : now;
	if (!h->trouble)
		h->trouble = h->trouble_was ? h->trouble_was : now;
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
	uint64_t now = now_ms(), next = 0;

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
	uint64_t now = now_ms(), most;
	bool any = false;

	for (r = h->running; r; r = next) {
		next = r->next;
		most = patience(h, r, STALL_MS);
		if (now - r->active < most)
			continue;
		snprintf(r->error, sizeof(r->error),
		    "nothing arrived for %llu seconds",
		    (unsigned long long)(most + 500) / 1000);
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
	uint64_t due = begin_due(h), now = now_ms();
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

bool
http_is_temporary(int status)
{
	return status == 408 || status == 429 ||
	       (status >= 500 && status != 501 && status != 505);
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
	    {429, "Too Many Requests"},
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
