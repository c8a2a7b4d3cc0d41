/* keys_http: see keys_http.h. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aws/keys_http.h"
#include "base/signals.h"
#include "http/http.h"

enum { TIMEOUT_MS = 10000 };

struct call {
	struct http_request http; /* first */
	const struct keys_request *request;
	struct keys_ask *ask;
	struct http *on;
	bool ended;
	enum rc rc;
};

static bool
is_temporary(const struct http_request *h)
{
	if (h->result != HTTP_ANSWERED)
		return h->result == HTTP_FAILED;
	return h->status == 408 || h->status == 429 ||
	       (h->status >= 500 && h->status != 501);
}

static void
answered(struct http_request *h)
{
	struct call *c = (struct call *)h;
	unsigned tries = c->request->tries;
	char why[HTTP_ERROR_MAX];

	if (h->result == HTTP_ANSWERED)
		snprintf(why, sizeof(why), "%d %s", h->status,
		    http_reason(h->status));
	else if (h->result == HTTP_TOO_LONG)
		snprintf(why, sizeof(why), "the answer is too long");
	else
		snprintf(why, sizeof(why), "%s", h->error);
	if (is_temporary(h)) {
		if ((!tries || h->attempt < tries) && http_again(c->on, h, why))
			return;
		c->rc = keys_fail(c->ask, RC_SYSTEM, "%s: %s", h->name, why);
	} else if (h->result != HTTP_ANSWERED) {
		c->rc = keys_fail(c->ask, RC_USAGE, "%s: %s", h->name, why);
	}
	c->ended = true;
}

static enum rc
drive(struct call *c)
{
	http_start(c->on, &c->http);
	while (!c->ended) {
		http_step(c->on, -1);
		/* Whose caller gives up what it began, and ends. */
		if (!c->ended && signals_caught()) {
			http_drop(c->on, 0);
			return keys_fail(
			    c->ask, RC_SYSTEM, "%s: interrupted", c->http.name);
		}
	}
	return c->rc;
}

enum rc
keys_http(struct keys_ask *ask, const struct keys_request *r, int *status,
    struct buf *body)
{
	const struct http_service service = {.sigv4 = r->sigv4,
	    .user = r->sigv4 ? r->by->id : NULL,
	    .password = r->sigv4 ? r->by->secret : NULL,
	    .ca_bundle = ask->aws->ca_bundle,
	    .direct = r->direct,
	    .timeout_ms = r->timeout_ms ? r->timeout_ms : TIMEOUT_MS};
	const struct http_opts opts = {
	    .parallel = 1, .retry_for = ask->retry_for, .service = &service};
	struct call c = {.request = r, .ask = ask};
	enum rc rc = http_new(&c.on, &opts);

	*status = 0;
	buf_clear(&ask->why);
	if (rc) /* reported */
		return rc;
	c.http = (struct http_request){.method = r->method,
	    .url = r->url,
	    .name = r->name,
	    .hidden = true,
	    .body_max = KEYS_ANSWER_MAX,
	    .bytes = r->body,
	    .length = r->body ? strlen(r->body) : 0,
	    .done = answered};
	for (unsigned i = 0; i < 4 && r->headers[i]; i++)
		http_header(&c.http, "%s", r->headers[i]);
	rc = drive(&c);
	if (rc == RC_OK) {
		*status = c.http.status;
		buf_clear(body);
		buf_add(body, c.http.body.data, c.http.body.len);
		buf_adds(body, "");
	}
	http_free(c.on);
	http_request_release(&c.http);
	return rc;
}

enum rc
keys_refused(struct keys_ask *ask, const char *name, int status)
{
	return keys_fail(ask, RC_USAGE, "%s: %d %s%s", name, status,
	    http_reason(status),
	    status >= 300 && status < 400 ? ", which is not followed" : "");
}

/* ---- files ---- */

static enum rc
read_all(struct keys_ask *ask, const char *path, int fd, struct buf *b)
{
	ssize_t n;

	buf_clear(b);
	do {
		n = read(fd, buf_reserve(b, 4096), 4096);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return keys_fail(ask, rc_of_errno(errno), "%s: %s",
			    path, strerror(errno));
		b->len += (size_t)n;
		if (b->len > KEYS_ANSWER_MAX)
			return keys_fail(
			    ask, RC_USAGE, "%s: too long for a token", path);
	} while (n != 0);
	while (b->len > 0 && strchr(" \t\r\n", b->data[b->len - 1]))
		b->len--;
	buf_adds(b, "");
	b->data[b->len] = 0;
	for (size_t i = 0; i < b->len; i++)
		if ((unsigned char)b->data[i] < 0x20 || b->data[i] == 0x7f)
			return keys_fail(ask, RC_USAGE,
			    "%s: a control character in the token", path);
	return b->len ? RC_OK
		      : keys_fail(ask, RC_USAGE, "%s: no token in it", path);
}

enum rc
keys_file(struct keys_ask *ask, const char *path, struct buf *b)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	enum rc rc;

	if (fd < 0)
		return keys_fail(
		    ask, RC_USAGE, "%s: %s", path, strerror(errno));
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		rc = read_all(ask, path, fd, b);
	else
		rc = keys_fail(ask, RC_USAGE, "%s: not a file", path);
	close(fd);
	return rc;
}
