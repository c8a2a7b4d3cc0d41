/* http_request: see http_request.h. */

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/number.h"
#include "base/time.h"
#include "http/curl.h"
#include "http/http_request.h"

enum {
	WAITING = 128 << 10,  /* bytes in the system, not yet sent */
	EXPECT_FROM = 1 << 20 /* libcurl's threshold */
};

/* ---- a request ---- */

void
http_header(struct http_request *r, const char *fmt, ...)
{
	struct curl_slist *list;
	char *line = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&line, fmt, ap);
	va_end(ap);
	list = n >= 0 ? curl.slist_append(r->headers, line) : NULL;
	free(n >= 0 ? line : NULL);
	if (!list) {
		msg_fail(RC_SYSTEM, "%s: out of memory", r->name);
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
http_encode(struct buf *b, const char *text, const char *also)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz0123456789-_.~";

	for (; *text; text++) {
		if (strchr(plain, *text) || strchr(also, *text))
			buf_addc(b, *text);
		else
			buf_addf(b, "%%%02X", (unsigned char)*text);
	}
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

void
attempt_forget(struct http_request *r)
{
	r->status = 0;
	r->content_length = HTTP_UNKNOWN;
	r->first = r->last = r->total = HTTP_UNKNOWN;
	r->etag[0] = r->region[0] = r->crc32[0] = 0;
	r->sse[0] = r->retained[0] = r->legal_hold[0] = 0;
	r->too_long = false;
	buf_clear(&r->body);
}

static bool
is_success(const struct http_request *r)
{
	return r->status >= 200 && r->status < 300;
}

/* Headers that are kept as they are. */
static bool
take_text(struct http_request *r, const char *line, size_t len)
{
	const struct {
		const char *name;
		char *value;
		size_t room;
	} known[] = {
	    {"x-amz-bucket-region", r->region, sizeof(r->region)},
	    {"x-amz-checksum-crc32", r->crc32, sizeof(r->crc32)},
	    {"x-amz-server-side-encryption", r->sse, sizeof(r->sse)},
	    {"x-amz-object-lock-retain-until-date", r->retained,
		sizeof(r->retained)},
	    {"x-amz-object-lock-legal-hold", r->legal_hold,
		sizeof(r->legal_hold)},
	    {"etag", r->etag, sizeof(r->etag)},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (header_is(line, len, known[i].name, known[i].value,
			known[i].room))
			return true;
	return false;
}

static size_t
on_header(char *line, size_t one, size_t len, void *arg)
{
	struct http_request *r = arg;
	char value[256];
	long status = 0;
	enum rc rc;

	(void)one;
	r->active = time_monotonic();
	if (len > 5 && strncmp(line, "HTTP/", 5) == 0)
		attempt_forget(r);
	else if (header_is(line, len, "content-length", value, sizeof(value)))
		number_u64(value, strlen(value), &r->content_length);
	else if (header_is(line, len, "content-range", value, sizeof(value)))
		parse_range(r, value);
	else if (take_text(r, line, len))
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
	r->active = time_monotonic();
	r->received += len;
	if (r->take && is_success(r)) {
		rc = r->take(r, data, len);
		return rc ? stop(r, rc) : len;
	}
	if (len > (r->body_max ? r->body_max : HTTP_BODY_MAX) - r->body.len) {
		r->too_long = true;
		return 0;
	}
	buf_add(&r->body, data, len);
	return len;
}

/* The next n bytes of the body.  The last of one that is to be checked leave us
 * when all of it has been found good. */
static enum rc
give(const struct http_request *r, char *to, size_t n)
{
	const struct file_check *c = r->check;
	enum rc rc = RC_OK;

	if (r->file)
		rc = file_read(r->file, to, n, r->offset + r->sent);
	else
		memcpy(to, r->bytes + r->sent, n);
	if (rc == RC_OK && c && r->sent == 0)
		rc = c->begin(c->arg);
	if (rc == RC_OK && c)
		rc = c->feed(c->arg, to, n);
	if (rc == RC_OK && c && r->sent + n == r->length)
		rc = c->end(c->arg);
	return rc;
}

static size_t
on_send(char *to, size_t one, size_t room, void *arg)
{
	struct http_request *r = arg;
	uint64_t left = r->length - r->sent;
	enum rc rc;

	room *= one;
	r->active = time_monotonic();
	if (room > left)
		room = (size_t)left;
	rc = room > 0 ? give(r, to, room) : RC_OK;
	if (rc) {
		stop(r, rc);
		return CURL_READFUNC_ABORT;
	}
	r->sent += room;
	return room;
}

/* libcurl begins anew where a connection that it had kept was closed. */
static int
on_rewind(void *arg, curl_off_t offset, int origin)
{
	struct http_request *r = arg;

	if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > r->length ||
	    (r->check && offset != 0))
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

/* ---- an attempt begins ---- */

/*
 * "Expect: 100-continue" goes with large bodies alone: libcurl sends it with
 * every PUT of its own, but with a POST only above EXPECT_FROM.  So a small PUT
 * is a POST by another name.  (It cannot be kept from it by a header: that would
 * be signed wrongly.)
 */
static void
set_method(CURL *e, const struct http_request *r)
{
	bool put = strcmp(r->method, "PUT") == 0;

	if (strcmp(r->method, "HEAD") == 0) {
		curl.easy_setopt(e, CURLOPT_NOBODY, 1L);
	} else if (put && r->length > EXPECT_FROM) {
		curl.easy_setopt(e, CURLOPT_UPLOAD, 1L);
		curl.easy_setopt(
		    e, CURLOPT_INFILESIZE_LARGE, (curl_off_t)r->length);
	} else if (put || strcmp(r->method, "POST") == 0) {
		curl.easy_setopt(e, CURLOPT_POST, 1L);
		curl.easy_setopt(
		    e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->length);
	}
	if (put || strcmp(r->method, "DELETE") == 0)
		curl.easy_setopt(e, CURLOPT_CUSTOMREQUEST, r->method);
}

/* Before HTTP/1.1 there was no Expect. */
static void
set_version(CURL *e, struct http_request *r, bool no_expect)
{
	r->expects = r->length > EXPECT_FROM && !no_expect;
	curl.easy_setopt(e, CURLOPT_HTTP_VERSION,
	    r->length > EXPECT_FROM && no_expect ? (long)CURL_HTTP_VERSION_1_0
						 : (long)CURL_HTTP_VERSION_1_1);
}

static void
set_service(CURL *e, const struct http_service *s, bool is_signed)
{
	if (s->ca_bundle)
		curl.easy_setopt(e, CURLOPT_CAINFO, s->ca_bundle);
	if (s->direct)
		curl.easy_setopt(e, CURLOPT_PROXY, "");
	curl.easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)s->timeout_ms);
	if (!s->sigv4 || is_signed)
		return;
	/* Not CURLOPT_USERPWD, which would split at the first ":". */
	curl.easy_setopt(e, CURLOPT_AWS_SIGV4, s->sigv4);
	curl.easy_setopt(e, CURLOPT_USERNAME, s->user);
	curl.easy_setopt(e, CURLOPT_PASSWORD, s->password);
}

void
attempt_prepare(struct http_request *r, const struct attempt_opts *o)
{
	CURL *e = r->easy;

	curl.easy_setopt(e, CURLOPT_PRIVATE, r);
	curl.easy_setopt(e, CURLOPT_URL, r->url);
	curl.easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl.easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
	curl.easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl.easy_setopt(e, CURLOPT_USERAGENT, "segtools");
	curl.easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl.easy_setopt(e, CURLOPT_FRESH_CONNECT, (long)r->once);
	curl.easy_setopt(e, CURLOPT_ERRORBUFFER, r->error);
	curl.easy_setopt(e, CURLOPT_BUFFERSIZE, o->buffer);
	curl.easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE, o->buffer);
	curl.easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)o->connect_ms);
	set_service(e, o->service, r->is_signed);
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
	set_version(e, r, o->no_expect);
}

/* ---- an attempt ends ---- */

/* What of libcurl's failures will not mend by itself. */
static bool
is_hopeless(int code)
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

void
attempt_classify(struct http_request *r, int code)
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
		r->result = HTTP_TOO_LONG;
		return;
	}
	/* HTTP/0.9, which is not spoken, comes as an unknown protocol too. */
	r->result = is_hopeless(code) && r->received == 0 &&
			    !(code == CURLE_UNSUPPORTED_PROTOCOL &&
				r->attempt && strstr(r->error, "0.9"))
			? HTTP_REFUSED
			: HTTP_FAILED;
	if (!r->error[0])
		snprintf(r->error, sizeof(r->error), "%s",
		    curl.easy_strerror((CURLcode)code));
}
