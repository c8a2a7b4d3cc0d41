/*
 * faultproxy: stands between the commands and an S3 service on this machine,
 * does to chosen requests what bad networks and bad servers do, and counts.
 *
 *   faultproxy UPSTREAM_PORT RULES LOG
 *
 * prints its own port on 127.0.0.1 and serves until it is killed.  Requests are
 * forwarded byte for byte (a signature covers the Host header), bodies as they
 * arrive.  Each is of a kind:
 *
 *   LIST MPLIST HEADBUCKET MKBUCKET DELETES             of a bucket
 *   GETDATA GETINDEX HEADDATA HEADINDEX PUTDATA PUTINDEX DELETE
 *   GETCLAIM PUTCLAIM                                   what is below "claims/"
 *   MPSTART MPPART MPDONE MPABORT MPPARTS               multipart uploads
 *   OTHER
 *
 * DATA is what lies below a "segments/", INDEX below an "indexes/".
 *
 * RULES is a file of lines "KIND FAULT COUNT [ARG]", read anew for each
 * request; the first line that fits and has some of its count left is obeyed.
 * KIND may be "*".  COUNT: so many, "-" for all, "N+COUNT" to let N pass
 * before.  When the file is another than before, the counting begins anew.  The
 * faults:
 *
 *   500 502 503 504 408 429        that answer; Retry-After: ARG
 *   403 signature expired expired400 nobucket nokey wrongregion moved400 501
 *                                  an error of S3; see errors[]
 *   301 307                        a redirect to ARG
 *   reset-before reset-during reset-after   RST instead of reading the request;
 *                                  after half of it; instead of the answer
 *   kill-before kill-after         the process whose id is in the file ARG dies
 *                                  instead of being read from; of being answered
 *   reset-body                     RST after half of the answer's body
 *   short                          half of the answer's body, then closed
 *   stall stall-head stall-request half of the answer, nothing, half of the
 *                                  request's body read; then nothing more
 *   slow                           bodies at ARG bytes a second
 *   hold                           the request's body goes on when there is a
 *                                  file ARG; ARG.held is made before
 *   flip                           byte ARG, or the middle one, of the answer
 *                                  changed
 *   flip-request                   the same of the request's body
 *   error200                       200 with an error in the body; that of
 *                                  MPDONE comes after a second of blanks
 *   patience                       the right answer after such a second
 *   garbage                        200, but no XML
 *   hugexml                        XML without end; ARG text, deep or keys
 *   bomb                           entities in entities
 *   foreign                        a listing with others' keys and all twice
 *   unsorted                       a listing backwards
 *   truncated-lie                  a listing that says that there is more: ARG
 *                                  repeat: the same again; empty: nothing
 *   aged                           a listing of objects put in 2020
 *   nothing-deleted                a DeleteObjects that says so
 *   nolength                       an answer that ends with the connection
 *   wrong-range                    ARG whole: all of the object (which all may
 *                                  read); shift: another range
 *   etag-change                    another ETag than the object's
 *   no-etag                        none
 *   nocondition                    501 to what has an If-None-Match alone
 *   confirm                        with the request's x-amz-checksum-crc32
 *
 * With FAULTPROXY_WINDOW in the environment no more than so many bytes are on
 * their way between a client and us: slow bodies are then slow for the client,
 * also if it has stood still meanwhile.
 *
 * LOG gets a line a request, appended before the end of its answer goes out: who
 * has the answer finds it there:
 *
 *   KIND METHOD TARGET RESULT SENT RECEIVED RANGE
 *
 * RESULT is the fault or else the status; SENT and RECEIVED are the bytes of
 * the request's and the answer's body that went through; RANGE is the request's
 * or "-".
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/number.h"

static struct {
	uint16_t upstream;
	uint16_t port;
	const char *rules;
	int log;
} proxy;

/* ---- bytes over sockets ---- */

/* What is read of a connection and not used yet. */
struct side {
	int fd;
	char data[65536];
	size_t at, len;
};

static bool
fill(struct side *s)
{
	ssize_t n;

	if (s->at < s->len)
		return true;
	do
		n = recv(s->fd, s->data, sizeof(s->data), 0);
	while (n < 0 && errno == EINTR);
	s->at = 0;
	s->len = n > 0 ? (size_t)n : 0;
	return n > 0;
}

static bool
send_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

static bool
send_text(int fd, const char *text)
{
	return send_all(fd, text, strlen(text));
}

/* A head with its blank line; at most 64 KiB. */
static bool
read_head(struct side *s, struct buf *head)
{
	buf_clear(head);
	while (head->len < 65536) {
		if (!fill(s))
			return false;
		buf_addc(head, s->data[s->at++]);
		if (head->len >= 4 &&
		    memcmp(head->data + head->len - 4, "\r\n\r\n", 4) == 0)
			return true;
	}
	return false;
}

/* The value of a field, malloced, or NULL. */
static char *
field(const char *head, const char *name)
{
	size_t len = strlen(name);
	const char *line = strstr(head, "\r\n");

	for (; line && line[2] != '\r'; line = strstr(line + 2, "\r\n")) {
		const char *value = line + 2 + len + 1;

		if (strncasecmp(line + 2, name, len) != 0 ||
		    line[2 + len] != ':')
			continue;
		value += strspn(value, " ");
		return xstrndup(value, strcspn(value, "\r"));
	}
	return NULL;
}

/* The head without a field, and with another line, if not NULL. */
static void
replace_field(struct buf *head, const char *name, const char *line)
{
	struct buf b = {0};
	size_t len = strlen(name);

	for (const char *p = head->data; *p;) {
		size_t n = strcspn(p, "\n") + 1;

		if (*p == '\r')
			break;
		if (strncasecmp(p, name, len) != 0 || p[len] != ':')
			buf_add(&b, p, n);
		p += n;
	}
	if (line)
		buf_addf(&b, "%s\r\n", line);
	buf_adds(&b, "\r\n");
	buf_release(head);
	*head = b;
}

static void
nap(unsigned ms)
{
	struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

	nanosleep(&t, NULL);
}

/* With RST instead of FIN. */
static void
reset(int fd)
{
	struct linger l = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
}

static int
dial(uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0) {
		close(fd);
		fd = -1;
	}
	if (fd >= 0)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

/* ---- requests ---- */

struct request {
	struct buf head;
	char *method, *target;
	const char *kind;
	char *range;
	uint64_t length;
	bool expects; /* 100-continue */

	const char *fault; /* NULL: none; in line */
	char line[256];
	const char *arg; /* or "" */

	char status[8]; /* of the answer that was forwarded */
	uint64_t sent, received;
	bool logged;
};

static void
request_release(struct request *r)
{
	buf_release(&r->head);
	free(r->method);
	free(r->target);
	free(r->range);
}

static bool
has_query(const char *query, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = query; *p; p += strcspn(p, "&")) {
		p++; /* the "?" or "&" */
		if (strncmp(p, name, len) == 0 &&
		    strchr("=&", p[len])) /* or the end */
			return true;
	}
	return false;
}

static const char *
kind_of_bucket(const char *m, const char *query)
{
	if (strcmp(m, "GET") == 0 && has_query(query, "list-type"))
		return "LIST";
	if (strcmp(m, "GET") == 0 && has_query(query, "uploads"))
		return "MPLIST";
	if (strcmp(m, "POST") == 0 && has_query(query, "delete"))
		return "DELETES";
	if (strcmp(m, "HEAD") == 0)
		return "HEADBUCKET";
	if (strcmp(m, "PUT") == 0 && !*query)
		return "MKBUCKET";
	return "OTHER";
}

static const char *
kind_of_object(const char *m, const char *path, const char *query)
{
	bool data = strstr(path, "/segments/"), index = !data;

	if (has_query(query, "uploads"))
		return strcmp(m, "POST") == 0 ? "MPSTART" : "OTHER";
	if (has_query(query, "uploadId"))
		return strcmp(m, "PUT") == 0      ? "MPPART"
		       : strcmp(m, "POST") == 0   ? "MPDONE"
		       : strcmp(m, "DELETE") == 0 ? "MPABORT"
						  : "MPPARTS";
	if (strcmp(m, "DELETE") == 0)
		return "DELETE";
	if (strstr(path, "/claims/"))
		return strcmp(m, "PUT") == 0 ? "PUTCLAIM" : "GETCLAIM";
	if (index && !strstr(path, "/indexes/"))
		return "OTHER";
	if (strcmp(m, "GET") == 0)
		return data ? "GETDATA" : "GETINDEX";
	if (strcmp(m, "HEAD") == 0)
		return data ? "HEADDATA" : "HEADINDEX";
	if (strcmp(m, "PUT") == 0)
		return data ? "PUTDATA" : "PUTINDEX";
	return "OTHER";
}

static bool
parse_request(struct request *r)
{
	char *p = r->head.data, *path, *slash, *value;
	const char *query;
	size_t n = strcspn(p, " ");

	r->method = xstrndup(p, n);
	if (p[n] != ' ')
		return false;
	p += n + 1;
	r->target = xstrndup(p, strcspn(p, " \r"));
	path = xstrndup(r->target, strcspn(r->target, "?"));
	query = r->target + strlen(path);
	slash = *path == '/' ? strchr(path + 1, '/') : NULL;
	if (slash && slash[1])
		r->kind = kind_of_object(r->method, slash, query);
	else
		r->kind = *path == '/' && path[1]
			      ? kind_of_bucket(r->method, query)
			      : "OTHER";
	free(path);
	r->range = field(r->head.data, "Range");
	value = field(r->head.data, "Content-Length");
	if (value)
		r->length = strtoull(value, NULL, 10);
	free(value);
	value = field(r->head.data, "Expect");
	r->expects = value != NULL;
	free(value);
	return true;
}

static void
log_request(struct request *r)
{
	struct buf b = {0};
	const char *result = r->fault ? r->fault : r->status;

	if (r->logged)
		return;
	r->logged = true;
	buf_addf(&b, "%s %s %s %s %llu %llu %s\n", r->kind, r->method,
	    r->target, *result ? result : "-", (unsigned long long)r->sent,
	    (unsigned long long)r->received, r->range ? r->range : "-");
	if (write(proxy.log, b.data, b.len) < 0)
		abort();
	buf_release(&b);
}

/* Wait until the other end has had enough; it is too late for the log then, if
 * its last bytes are stuck with what is not read. */
static void
stall(struct request *r, int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLRDHUP};

	log_request(r);
	while (poll(&p, 1, -1) < 0 && errno == EINTR)
		continue;
}

/* ---- rules ---- */

enum { MAX_RULES = 100 };

/* How many requests each line of the rules has met; for this version of the
 * file. */
static struct {
	pthread_mutex_t lock;
	struct stat version;
	uint64_t met[MAX_RULES];
	struct buf page; /* truncated-lie repeat: what is repeated */
} rules = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool
is_new_version(const struct stat *st)
{
	const struct stat *v = &rules.version;

	return st->st_ino != v->st_ino || st->st_size != v->st_size ||
	       st->st_mtim.tv_sec != v->st_mtim.tv_sec ||
	       st->st_mtim.tv_nsec != v->st_mtim.tv_nsec;
}

/* "5", "-", "3+5", "3+-" */
static bool
counts(const char *count, uint64_t met)
{
	const char *plus = strchr(count, '+');

	if (plus) {
		uint64_t pass = strtoull(count, NULL, 10);

		if (met < pass)
			return false;
		met -= pass;
		count = plus + 1;
	}
	return strcmp(count, "-") == 0 || met < strtoull(count, NULL, 10);
}

/* Does this line apply to the request?  Cuts it into words. */
static bool
rule_fits(struct request *r, unsigned n)
{
	char *condition;
	bool conditional;

	char *save = NULL;
	const char *kind = strtok_r(r->line, " \n", &save);
	const char *fault = strtok_r(NULL, " \n", &save);
	const char *count = strtok_r(NULL, " \n", &save);
	const char *arg = strtok_r(NULL, " \n", &save);

	if (!kind || !fault || !count || *kind == '#' ||
	    (strcmp(kind, "*") != 0 && strcmp(kind, r->kind) != 0) ||
	    !counts(count, rules.met[n]++))
		return false;
	condition = field(r->head.data, "If-None-Match");
	conditional = condition != NULL;
	free(condition);
	if (!conditional && strcmp(fault, "nocondition") == 0)
		return false;
	r->fault = fault;
	r->arg = arg ? arg : "";
	return true;
}

static void
choose_fault(struct request *r)
{
	FILE *f = fopen(proxy.rules, "re");
	struct stat st;

	if (!f)
		return;
	pthread_mutex_lock(&rules.lock);
	if (fstat(fileno(f), &st) == 0 && is_new_version(&st)) {
		rules.version = st;
		memset(rules.met, 0, sizeof(rules.met));
		buf_clear(&rules.page);
	}
	for (unsigned n = 0;
	     n < MAX_RULES && fgets(r->line, sizeof(r->line), f); n++)
		if (rule_fits(r, n))
			break;
	pthread_mutex_unlock(&rules.lock);
	(void)fclose(f);
}

/* ---- answers that are made here ---- */

static const struct error {
	const char *fault, *status, *code;
} errors[] = {
    {"500", "500 Internal Server Error", "InternalError"},
    {"502", "502 Bad Gateway", NULL},
    {"503", "503 Slow Down", "SlowDown"},
    {"504", "504 Gateway Timeout", NULL},
    {"408", "408 Request Timeout", "RequestTimeout"},
    {"429", "429 Too Many Requests", "TooManyRequests"},
    {"403", "403 Forbidden", "InvalidAccessKeyId"},
    {"denied", "403 Forbidden", "AccessDenied"},
    {"signature", "403 Forbidden", "SignatureDoesNotMatch"},
    {"skewed", "403 Forbidden", "RequestTimeTooSkewed"},
    {"expired", "400 Bad Request", "ExpiredToken"},
    {"timeout400", "400 Bad Request", "RequestTimeout"},
    {"nobucket", "404 Not Found", "NoSuchBucket"},
    {"nokey", "404 Not Found", "NoSuchKey"},
    {"noupload", "404 Not Found", "NoSuchUpload"},
    {"wrongregion", "400 Bad Request", "AuthorizationHeaderMalformed"},
    {"301", "301 Moved Permanently", "PermanentRedirect"},
    {"307", "307 Temporary Redirect", "TemporaryRedirect"},
    {"conflict", "409 Conflict", "ConditionalRequestConflict"},
    {"412", "412 Precondition Failed", "PreconditionFailed"},
    {"501", "501 Not Implemented", "NotImplemented"},
    {"nocondition", "501 Not Implemented", "NotImplemented"},
};

static const struct error *
find_error(const char *fault)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (strcmp(errors[i].fault, fault) == 0)
			return &errors[i];
	return NULL;
}

static void
error_body(struct buf *b, const char *code)
{
	buf_addf(b,
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s"
	    "</Code><Message>made by faultproxy</Message></Error>",
	    code);
}

static bool
is_head(const struct request *r)
{
	return strcmp(r->method, "HEAD") == 0;
}

/* Answer with a body; more is further lines of the head. */
static bool
answer(int fd, struct request *r, const char *status, const char *more,
    const struct buf *body)
{
	struct buf b = {0};
	bool good;

	buf_addf(&b, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n%s\r\n", status,
	    body->len, more);
	if (!is_head(r) && body->len > 0) {
		buf_add(&b, body->data, body->len);
		r->received += body->len;
	}
	log_request(r);
	good = send_all(fd, b.data, b.len);
	buf_release(&b);
	return good;
}

static bool
answer_error(int fd, struct request *r, const struct error *e)
{
	struct buf body = {0}, more = {0};
	bool good;

	if (e->code) {
		error_body(&body, e->code);
		buf_adds(&more, "Content-Type: application/xml\r\n");
	}
	if (e->status[0] == '3')
		buf_addf(&more, "Location: %s\r\n",
		    *r->arg ? r->arg : "http://127.0.0.1:1/elsewhere");
	else if (*r->arg)
		buf_addf(&more, "Retry-After: %s\r\n", r->arg);
	buf_adds(&more, "");
	good = answer(fd, r, e->status, more.data, &body);
	buf_release(&body);
	buf_release(&more);
	return good;
}

/* Whitespace for a second, as S3 sends it while it puts parts together, then
 * the rest; the connection is closed after it. */
static void
answer_slowly(int fd, struct request *r, const char *rest)
{
	const char *xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";

	if (strncmp(rest, "<?xml", 5) == 0)
		rest = strstr(rest, "?>") + 2;
	send_text(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n"
		      "Content-Type: application/xml\r\n\r\n");
	send_text(fd, xml);
	for (int i = 0; i < 10; i++) {
		send_text(fd, "\n");
		nap(100);
	}
	send_text(fd, rest);
	r->received = strlen(xml) + 10 + strlen(rest);
}

enum { HUGE_BYTES = 1 << 30 };

/* XML that never ends; until the other side has had enough. */
static void
answer_huge(int fd, struct request *r)
{
	bool deep = strcmp(r->arg, "deep") == 0;
	bool keys = strcmp(r->arg, "keys") == 0;
	const char *piece = deep   ? "<a>"
			    : keys ? "<Contents><Key>x/y</Key><Size>1</Size>"
				     "</Contents>"
				   : "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
	struct buf b = {0};
	bool good;

	while (b.len < 65536)
		buf_adds(&b, piece);
	log_request(r);
	good = send_text(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n"
			     "Content-Type: application/xml\r\n\r\n"
			     "<ListBucketResult>") &&
	       (keys || send_text(fd, "<Contents><Key>"));
	for (; good && r->received < HUGE_BYTES; r->received += b.len)
		good = send_all(fd, b.data, b.len);
	buf_release(&b);
}

static void
bomb_body(struct buf *b)
{
	buf_adds(b, "<?xml version=\"1.0\"?>\n<!DOCTYPE b [\n"
		    "<!ENTITY e0 \"0123456789\">\n");
	for (int i = 1; i < 12; i++) {
		buf_addf(b, "<!ENTITY e%d \"", i);
		for (int k = 0; k < 10; k++)
			buf_addf(b, "&e%d;", i - 1);
		buf_adds(b, "\">\n");
	}
	buf_adds(b, "]>\n<ListBucketResult><Contents><Key>&e11;</Key>"
		    "<Size>1</Size></Contents></ListBucketResult>");
}

/* ---- listings, changed ---- */

static void
add_contents(struct buf *b, const char *prefix, const char *key)
{
	buf_addf(b,
	    "<Contents><Key>%s%s</Key><LastModified>2026-01-01T00:00:00.000Z"
	    "</LastModified><ETag>&quot;0&quot;</ETag><Size>0</Size>"
	    "<StorageClass>STANDARD</StorageClass></Contents>",
	    prefix, key);
}

/* The text between <name> and </name>, malloced; "" if there is none. */
static char *
element(const char *xml, const char *name)
{
	char *tag = xasprintf("<%s>", name);
	const char *p = strstr(xml, tag);
	char *text =
	    p ? xstrndup(p + strlen(tag), strcspn(p + strlen(tag), "<"))
	      : xstrdup("");

	free(tag);
	return text;
}

/* The next <name>...</name> of the XML at or after p, and where it ends. */
static const char *
next_element(const char *p, const char *name, const char **end)
{
	char *open = xasprintf("<%s>", name), *close = xasprintf("</%s>", name);

	p = strstr(p, open);
	*end = p ? strstr(p, close) : NULL;
	if (*end)
		*end += strlen(close);
	free(open);
	free(close);
	return *end ? p : NULL;
}

/* Everything twice, and what is not ours in front and at the end. */
static void
make_foreign(struct buf *b, const char *xml)
{
	static const char *const keys[] = {"", "indexes/", "segments/",
	    "indexes/readme.txt", "segments/x",
	    "indexes/18446744073709551565-00000000000000000000-"
	    "00000000000000000001",
	    "indexes/18446744073709551565-00000000000000000001-"
	    "00000000000000000001/x",
	    "x/y/z"};
	char *prefix = element(xml, "Prefix");
	const char *p = xml, *e, *end;

	while ((e = next_element(p, "Contents", &end)) != NULL) {
		buf_add(b, p, (size_t)(end - p));
		buf_add(b, e, (size_t)(end - e));
		p = end;
	}
	if ((e = strstr(p, "<CommonPrefixes>")) == NULL)
		e = strstr(p, "</ListBucketResult>");
	if (!e)
		e = p + strlen(p);
	buf_add(b, p, (size_t)(e - p));
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		add_contents(b, prefix, keys[i]);
	add_contents(b, "",
	    "elsewhere/indexes/18446744073709551565-"
	    "00000000000000000001-00000000000000000001");
	p = e;
	while ((e = next_element(p, "CommonPrefixes", &end)) != NULL) {
		buf_add(b, p, (size_t)(end - p));
		buf_add(b, e, (size_t)(end - e));
		p = end;
	}
	e = strstr(p, "</ListBucketResult>");
	if (!e)
		e = p + strlen(p);
	buf_add(b, p, (size_t)(e - p));
	buf_adds(b, "<CommonPrefixes><Prefix>elsewhere/x/</Prefix>"
		    "</CommonPrefixes>");
	buf_addf(b,
	    "<CommonPrefixes><Prefix>%s./</Prefix></CommonPrefixes>"
	    "<CommonPrefixes><Prefix>%s../</Prefix></CommonPrefixes>",
	    prefix, prefix);
	buf_adds(b, e);
	free(prefix);
}

/* The entries last to first. */
static void
make_unsorted(struct buf *b, const char *xml)
{
	enum { MAX = 1100 };
	const char *start[MAX], *stop[MAX], *p = xml, *e, *end;
	size_t n = 0;

	while (n < MAX && (e = next_element(p, "Contents", &end)) != NULL) {
		start[n] = e;
		stop[n++] = p = end;
	}
	if (n == 0) {
		buf_adds(b, xml);
		return;
	}
	buf_add(b, xml, (size_t)(start[0] - xml));
	for (size_t i = n; i-- > 0;)
		buf_add(b, start[i], (size_t)(stop[i] - start[i]));
	buf_adds(b, stop[n - 1]);
}

static void
make_lie(struct buf *b, const char *xml, bool empty)
{
	const char *no = "<IsTruncated>false", *p = strstr(xml, no), *e, *end;
	struct buf page = {0};

	if (p) {
		buf_add(&page, xml, (size_t)(p - xml));
		buf_adds(&page, "<IsTruncated>true");
		buf_adds(&page, p + strlen(no));
	} else {
		buf_adds(&page, xml);
	}
	p = page.data;
	while (empty && (e = next_element(p, "Contents", &end)) != NULL) {
		buf_add(b, p, (size_t)(e - p));
		p = end;
	}
	buf_adds(b, p);
	if (!empty) {
		pthread_mutex_lock(&rules.lock);
		if (rules.page.len == 0)
			buf_adds(&rules.page, b->data);
		buf_clear(b);
		buf_adds(b, rules.page.data);
		pthread_mutex_unlock(&rules.lock);
	}
	buf_release(&page);
}

/* Every <LastModified>2... becomes one of 2020. */
static void
make_aged(struct buf *b, const char *xml)
{
	const char *tag = "<LastModified>2";
	char *p;

	buf_adds(b, xml);
	for (p = b->data; (p = strstr(p, tag)) != NULL; p++)
		if (strlen(p) > strlen(tag) + 3)
			memcpy(p + strlen(tag), "020", 3);
}

/* ---- answers from upstream ---- */

struct connection {
	struct side client, upstream;
};

static void
hang_up(struct connection *c)
{
	if (c->upstream.fd >= 0)
		close(c->upstream.fd);
	c->upstream.fd = -1;
	c->upstream.at = c->upstream.len = 0;
}

/* How the answer's body is bounded. */
struct body {
	uint64_t left; /* of it, or of the chunk */
	bool chunked, to_end;
	bool over;
};

static void
body_begin(struct body *b, const struct request *r, const char *head)
{
	char *length = field(head, "Content-Length");
	char *coding = field(head, "Transfer-Encoding");
	int status = atoi(head + strlen("HTTP/1.1 "));

	*b = (struct body){0};
	if (is_head(r) || status / 100 == 1 || status == 204 || status == 304)
		b->over = true;
	else if (coding && strcasecmp(coding, "chunked") == 0)
		b->chunked = true;
	else if (length)
		b->over = (b->left = strtoull(length, NULL, 10)) == 0;
	else
		b->to_end = true;
	free(length);
	free(coding);
}

static bool
read_line(struct side *s, char *line, size_t size)
{
	size_t n = 0;

	while (n + 1 < size && fill(s)) {
		line[n] = s->data[s->at++];
		if (line[n] == '\n') {
			line[n] = 0;
			return true;
		}
		n++;
	}
	return false;
}

/* The next bytes of the body, without the chunks' frames: how many are at
 * s->data + s->at; 0 at the end or if it was cut short (over is false then). */
static size_t
body_next(struct body *b, struct side *s)
{
	char line[64];
	size_t n;

	if (b->over)
		return 0;
	if (b->chunked && b->left == 0) {
		if (!read_line(s, line, sizeof(line)))
			return 0;
		if (*line == '\r' && !read_line(s, line, sizeof(line)))
			return 0; /* the end of the chunk before */
		b->left = strtoull(line, NULL, 16);
		if (b->left == 0) {
			b->over = read_line(s, line, sizeof(line));
			return 0;
		}
	}
	if (!fill(s)) {
		b->over = b->to_end;
		return 0;
	}
	n = s->len - s->at;
	if (!b->to_end) {
		if (n > b->left)
			n = (size_t)b->left;
		b->left -= n;
		b->over = b->left == 0 && !b->chunked;
	}
	s->at += n;
	return n;
}

static bool
read_body(struct body *b, struct side *s, struct buf *out)
{
	size_t n;

	buf_adds(out, "");
	while ((n = body_next(b, s)) > 0)
		buf_add(out, s->data + s->at - n, n);
	return b->over;
}

static bool
is_fault(const struct request *r, const char *name)
{
	return r->fault && strcmp(r->fault, name) == 0;
}

/* As it is. */
static bool
relay(struct connection *c, struct request *r, struct buf *head)
{
	struct side *up = &c->upstream;
	struct body b;
	size_t n;
	bool chunked;

	body_begin(&b, r, head->data);
	chunked = b.chunked;
	if (b.over)
		log_request(r);
	if (!send_all(c->client.fd, head->data, head->len))
		return false;
	while ((n = body_next(&b, up)) > 0) {
		char frame[32];

		r->received += n;
		if (b.over)
			log_request(r);
		if (chunked) {
			(void)snprintf(frame, sizeof(frame), "%zx\r\n", n);
			send_text(c->client.fd, frame);
		}
		if (!send_all(c->client.fd, up->data + up->at - n, n))
			return false;
		if (chunked)
			send_text(c->client.fd, "\r\n");
	}
	log_request(r);
	if (chunked && b.over)
		send_text(c->client.fd, "0\r\n\r\n");
	return b.over && !b.to_end;
}

static void
send_slowly(int fd, struct request *r, const struct buf *body)
{
	uint64_t rate = strtoull(r->arg, NULL, 10);
	size_t step = rate >= 20 ? (size_t)rate / 20 : 1;

	while (r->received < body->len) {
		size_t n = body->len - r->received;

		if (n > step)
			n = step;
		r->received += n;
		if (r->received == body->len)
			log_request(r);
		if (!send_all(fd, body->data + r->received - n, n))
			return;
		if (r->received < body->len)
			nap(50);
	}
}

static void
change_body(struct request *r, struct buf *body)
{
	struct buf made = {0};

	if (is_fault(r, "flip")) {
		size_t at =
		    *r->arg ? strtoull(r->arg, NULL, 10) : body->len / 2;

		if (at < body->len)
			body->data[at] = (char)(body->data[at] ^ 1);
		return;
	}
	if (is_fault(r, "foreign"))
		make_foreign(&made, body->data);
	else if (is_fault(r, "aged"))
		make_aged(&made, body->data);
	else if (is_fault(r, "unsorted"))
		make_unsorted(&made, body->data);
	else if (is_fault(r, "truncated-lie"))
		make_lie(&made, body->data, strcmp(r->arg, "empty") == 0);
	else
		return;
	buf_release(body);
	*body = made;
}

static void
shift_range(struct buf *head)
{
	char *value = field(head->data, "Content-Range"), *line;
	unsigned long long first, last, size;

	if (value &&
	    sscanf(value, "bytes %llu-%llu/%llu", &first, &last, &size) == 3) {
		line = xasprintf("Content-Range: bytes %llu-%llu/%llu",
		    first + 1, last + 1, size + 1);
		replace_field(head, "Content-Range", line);
		free(line);
	}
	free(value);
}

static void
confirm(const struct request *r, struct buf *head)
{
	const char *name = "x-amz-checksum-crc32";
	char *value = field(r->head.data, name);
	char *line = xasprintf("%s: %s", name, value ? value : "");

	replace_field(head, name, line);
	free(line);
	free(value);
}

static void
change_head(const struct request *r, struct buf *head, size_t len)
{
	char *line;

	if (is_fault(r, "wrong-range") && strcmp(r->arg, "shift") == 0)
		shift_range(head);
	if (is_fault(r, "etag-change"))
		replace_field(
		    head, "ETag", "ETag: \"00000000000000000000000000000000\"");
	if (is_fault(r, "no-etag"))
		replace_field(head, "ETag", NULL);
	if (is_fault(r, "confirm"))
		confirm(r, head);
	replace_field(head, "Transfer-Encoding", NULL);
	line = xasprintf("Content-Length: %zu", len);
	if (is_fault(r, "nolength"))
		replace_field(head, "Content-Length", "Connection: close");
	else if (!is_head(r))
		replace_field(head, "Content-Length", line);
	free(line);
}

/* With a fault that needs the whole of it. */
static bool
relay_changed(struct connection *c, struct request *r, struct buf *head)
{
	int fd = c->client.fd;
	struct buf body = {0};
	struct body b;
	bool good, half = is_fault(r, "short") || is_fault(r, "stall") ||
			  is_fault(r, "reset-body");

	body_begin(&b, r, head->data);
	good = read_body(&b, &c->upstream, &body) && !b.to_end;
	if (is_fault(r, "patience") && r->status[0] == '2') {
		answer_slowly(fd, r, body.data);
		buf_release(&body);
		return false;
	}
	change_body(r, &body);
	change_head(r, head, body.len);
	if (half && body.len == 0) {
		log_request(r);
		send_all(fd, head->data, head->len / 2);
	} else if (is_fault(r, "slow") && body.len > 0) {
		send_all(fd, head->data, head->len);
		send_slowly(fd, r, &body);
	} else {
		if (half)
			body.len /= 2;
		r->received = body.len;
		log_request(r);
		send_all(fd, head->data, head->len);
		send_all(fd, body.data, body.len);
	}
	if (is_fault(r, "stall"))
		stall(r, fd);
	if (is_fault(r, "reset-body"))
		reset(fd);
	buf_release(&body);
	return good && !half && !is_fault(r, "nolength");
}

/* What the upstream says to the request; interim answers go on at once. */
static bool
read_answer(
    struct connection *c, struct request *r, struct buf *head, bool *continues)
{
	*continues = false;
	if (!read_head(&c->upstream, head) || head->len < 14)
		return false;
	memcpy(r->status, head->data + strlen("HTTP/1.1 "), 3);
	*continues = r->status[0] == '1';
	return true;
}

/* ---- a request, from its head to the end of its answer ---- */

/* The piece of the request's body that begins at r->sent. */
static void
flip_piece(const struct request *r, char *piece, size_t len)
{
	uint64_t at;

	if (!is_fault(r, "flip-request"))
		return;
	at = *r->arg ? strtoull(r->arg, NULL, 10) : r->length / 2;
	if (at >= r->sent && at - r->sent < len)
		piece[at - r->sent] = (char)(piece[at - r->sent] ^ 1);
}

/* Read the rest of it, at most limit bytes; to fd too, if that is not -1. */
static bool
pass_body(struct connection *c, struct request *r, int fd, uint64_t limit)
{
	uint64_t rate = is_fault(r, "slow") ? strtoull(r->arg, NULL, 10) : 0;
	bool taken = fd >= 0;

	while (r->sent < limit) {
		size_t n;

		if (!fill(&c->client))
			return false;
		n = c->client.len - c->client.at;
		if (n > limit - r->sent)
			n = (size_t)(limit - r->sent);
		flip_piece(r, c->client.data + c->client.at, n);
		/* A server may answer before it has read all. */
		if (taken && !send_all(fd, c->client.data + c->client.at, n))
			taken = false;
		c->client.at += n;
		r->sent += n;
		if (rate > 0)
			nap((unsigned)(n * 1000 / rate));
	}
	return true;
}

/* The same of a body that waits to be asked for. */
static bool
take_body(struct connection *c, struct request *r, int fd, uint64_t limit)
{
	if (r->expects)
		send_text(c->client.fd, "HTTP/1.1 100 Continue\r\n\r\n");
	return pass_body(c, r, fd, limit);
}

/* Its id may not have been written yet. */
static void
kill_client(const struct request *r)
{
	int pid = 0;

	for (int i = 0; i < 100 && pid <= 0; i++) {
		FILE *f = fopen(r->arg, "re");

		if (f && fscanf(f, "%d", &pid) != 1)
			pid = 0;
		if (f)
			(void)fclose(f);
		if (pid <= 0)
			nap(10);
	}
	if (pid > 0)
		kill(pid, SIGKILL);
}

static void
hold(const struct request *r)
{
	char *held = xasprintf("%s.held", r->arg);
	int fd = open(held, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);

	if (fd >= 0)
		close(fd);
	free(held);
	while (access(r->arg, F_OK) != 0)
		nap(10);
}

/* Faults that need no upstream.  Sets done; returns whether the connection can
 * go on. */
static bool
serve_fault(struct connection *c, struct request *r, bool *done)
{
	int fd = c->client.fd;
	const struct error *e = r->fault ? find_error(r->fault) : NULL;
	struct buf body = {0};
	bool good = false;

	*done = true;
	if (is_fault(r, "kill-before")) {
		log_request(r);
		kill_client(r);
	}
	if (is_fault(r, "reset-before") || is_fault(r, "kill-before")) {
		reset(fd);
		return false;
	}
	if (is_fault(r, "stall-request")) {
		take_body(c, r, -1, r->length / 2);
		stall(r, fd);
		return false;
	}
	if ((e || is_fault(r, "nothing-deleted") || is_fault(r, "error200") ||
		is_fault(r, "garbage") || is_fault(r, "hugexml") ||
		is_fault(r, "bomb") || is_fault(r, "stall-head")) &&
	    !take_body(c, r, -1, r->length))
		return false;
	if (e) {
		good = answer_error(fd, r, e);
	} else if (is_fault(r, "error200")) {
		error_body(&body, *r->arg ? r->arg : "InternalError");
		if (strcmp(r->kind, "MPDONE") == 0)
			answer_slowly(fd, r, body.data);
		else
			good = answer(fd, r, "200 OK", "", &body);
	} else if (is_fault(r, "nothing-deleted")) {
		buf_adds(&body, "<DeleteResult><Error><Key>x</Key><Code>"
				"AccessDenied</Code></Error></DeleteResult>");
		good = answer(fd, r, "200 OK", "", &body);
	} else if (is_fault(r, "garbage")) {
		buf_adds(&body, "<html><p>Welcome to the network!<br></html>");
		good = answer(fd, r, "200 OK", "", &body);
	} else if (is_fault(r, "hugexml")) {
		answer_huge(fd, r);
	} else if (is_fault(r, "bomb")) {
		bomb_body(&body);
		good = answer(fd, r, "200 OK", "", &body);
	} else if (is_fault(r, "stall-head")) {
		stall(r, fd);
	} else {
		*done = false;
	}
	buf_release(&body);
	return good;
}

/* Does the server want the body?  If not, its answer has gone to the client. */
static bool
is_wanted(struct connection *c, struct request *r, struct buf *head)
{
	bool continues;

	if (!read_answer(c, r, head, &continues))
		return false;
	if (continues) {
		send_all(c->client.fd, head->data, head->len);
		return true;
	}
	/* What comes of the body would be taken for the next request. */
	replace_field(head, "Connection", "Connection: close");
	relay(c, r, head);
	shutdown(c->client.fd, SHUT_WR);
	pass_body(c, r, -1, r->length);
	return false;
}

static bool
needs_whole(const struct request *r)
{
	static const char *const whole[] = {"flip", "foreign", "aged",
	    "unsorted", "truncated-lie", "short", "stall", "reset-body", "slow",
	    "patience", "nolength", "wrong-range", "etag-change", "no-etag",
	    "confirm"};

	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
		if (is_fault(r, whole[i]))
			return true;
	return false;
}

/* Forward the request and what is answered. */
static bool
serve_forward(struct connection *c, struct request *r)
{
	struct buf head = {0};
	bool good = false, continues;
	int up;

	if (is_fault(r, "wrong-range") && strcmp(r->arg, "whole") == 0) {
		replace_field(&r->head, "Range", NULL);
		replace_field(&r->head, "Authorization", NULL);
	}
	if (c->upstream.fd < 0)
		c->upstream.fd = dial(proxy.upstream);
	up = c->upstream.fd;
	if (up < 0 || !send_all(up, r->head.data, r->head.len)) {
		/* The server is not there: neither are we. */
		reset(c->client.fd);
		goto out;
	}
	if (is_fault(r, "reset-during")) {
		take_body(c, r, up, r->length / 2);
		reset(c->client.fd);
		goto out;
	}
	if (is_fault(r, "hold"))
		hold(r);
	if (r->expects && !is_wanted(c, r, &head))
		goto out;
	if (!pass_body(c, r, up, r->length))
		goto out;
	do {
		if (!read_answer(c, r, &head, &continues)) {
			reset(c->client.fd);
			goto out;
		}
	} while (continues);
	if (is_fault(r, "kill-after")) {
		log_request(r);
		kill_client(r);
	}
	if (is_fault(r, "reset-after") || is_fault(r, "kill-after")) {
		reset(c->client.fd);
		goto out;
	}
	good = (needs_whole(r) ? relay_changed : relay)(c, r, &head);
out:
	buf_release(&head);
	return good;
}

static bool
serve(struct connection *c)
{
	struct request r = {.kind = "OTHER"};
	bool good = false, done;

	if (read_head(&c->client, &r.head) && parse_request(&r)) {
		choose_fault(&r);
		good = serve_fault(c, &r, &done);
		if (!done)
			good = serve_forward(c, &r);
		log_request(&r);
	}
	request_release(&r);
	return good;
}

static void *
connection_thread(void *arg)
{
	struct connection *c = arg;

	while (serve(c))
		continue;
	hang_up(c);
	close(c->client.fd);
	free(c);
	return NULL;
}

static void
accept_one(int listener)
{
	int one = 1, fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	struct connection *c;
	pthread_t thread;

	if (fd < 0)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	c = xcalloc(1, sizeof(*c));
	c->client.fd = fd;
	c->upstream.fd = -1;
	if (pthread_create(&thread, NULL, connection_thread, c) == 0) {
		pthread_detach(thread);
	} else {
		close(fd);
		free(c);
	}
}

static int
fail(const char *what)
{
	(void)fprintf(stderr, "faultproxy: %s: %s\n", what, strerror(errno));
	return 1;
}

int
main(int argc, char **argv)
{
	struct sockaddr_in a = {
	    .sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(a);
	uint64_t port;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const char *window = getenv("FAULTPROXY_WINDOW");
	int room = window ? atoi(window) : 0;

	if (argc != 4 || !number_u64(argv[1], strlen(argv[1]), &port) ||
	    port > 65535)
		return 2;
	proxy.upstream = (uint16_t)port;
	proxy.rules = argv[2];
	proxy.log =
	    open(argv[3], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (proxy.log < 0)
		return fail(argv[3]);
	signal(SIGPIPE, SIG_IGN);
	if (window && (setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &room,
			   sizeof(room)) != 0 ||
			  setsockopt(listener, SOL_SOCKET, SO_SNDBUF, &room,
			      sizeof(room)) != 0))
		return fail("SO_RCVBUF, SO_SNDBUF");
	if (listener < 0 ||
	    bind(listener, (struct sockaddr *)&a, sizeof(a)) != 0 ||
	    listen(listener, 128) != 0 ||
	    getsockname(listener, (struct sockaddr *)&a, &len) != 0)
		return fail("socket");
	proxy.port = ntohs(a.sin_port);
	printf("%u\n", (unsigned)proxy.port);
	if (fflush(stdout) != 0)
		return fail("stdout");
	for (;;)
		accept_one(listener);
}
