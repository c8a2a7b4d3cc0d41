/* s3: see s3.h. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nettle/base16.h>
#include <nettle/sha2.h>
#include <nettle/version.h>

#include "base/signals.h"
#include "format/checksum.h"
#include "store/s3.h"

/* Of nothing. */
#define EMPTY_SHA256 \
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

enum { PIECE = 256 << 10 };

/* ---- opening ---- */

/* Lower-case letters, digits, ".", "-" (and, in other services than AWS, "_"
 * and upper case): what needs no encoding in a URL or a host name. */
static bool
bucket_valid(const char *name)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyz0123456789.-_"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	size_t n = strlen(name);

	return n >= 1 && n <= 255 && name[strspn(name, good)] == 0 &&
	       strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* "/a/b/" means "a/b/". */
static char *
prefix_of(const char *text)
{
	size_t n;

	text += strspn(text, "/");
	for (n = strlen(text); n > 0 && text[n - 1] == '/'; n--)
		;
	return n ? xasprintf("%.*s/", (int)n, text) : xstrdup("");
}

static enum rc
parse_where(struct s3 *s, const char *where)
{
	size_t n = strcspn(where, "/");

	s->bucket = xstrndup(where, n);
	s->prefix = prefix_of(where + n);
	s->name = xasprintf("s3://%s", s->bucket);
	if (!bucket_valid(s->bucket))
		return msg_fail(RC_USAGE, "s3://%s: not a valid bucket", where);
	if (!store_path_is_plain(s->prefix))
		return msg_fail(RC_USAGE, "s3://%s: not a valid prefix", where);
	return RC_OK;
}

/*
 * Path style with an endpoint; else AWS's virtual-host style, but for names
 * with dots, which its certificates do not cover.
 */
static void
choose_base(struct s3 *s)
{
	const struct aws *a = &s->aws;
	const char *suffix = strncmp(a->region, "cn-", 3) == 0
				 ? "amazonaws.com.cn"
				 : "amazonaws.com";

	if (a->endpoint)
		s->base = xasprintf("%s/%s", a->endpoint, s->bucket);
	else if (strchr(s->bucket, '.'))
		s->base = xasprintf(
		    "https://s3.%s.%s/%s", a->region, suffix, s->bucket);
	else
		s->base = xasprintf(
		    "https://%s.s3.%s.%s", s->bucket, a->region, suffix);
	s->sigv4 = xasprintf("aws:amz:%s:s3", a->region);
	s->sign_bodies =
	    strncmp(s->base, "http://", 7) == 0 && !a->checksums_when_required;
}

enum rc
s3_open(struct s3 **out, const char *where, const struct store_opts *opts)
{
	struct s3 *s = xcalloc(1, sizeof(*s));
	struct http_opts http = {.parallel = opts->parallel,
	    .retry_for = opts->retry_for,
	    .counts = opts->counts};
	enum rc rc = parse_where(s, where);

	if (rc == RC_OK)
		rc = aws_load(&s->aws);
	if (rc == RC_OK) {
		choose_base(s);
		s->parallel = opts->parallel ? opts->parallel : 1;
		http.sigv4 = s->sigv4;
		http.user = s->aws.key_id;
		http.password = s->aws.secret;
		http.ca_bundle = s->aws.ca_bundle;
		rc = http_new(&s->http, &http);
	}
	if (rc) {
		s3_close(s);
		s = NULL;
	}
	*out = s;
	return rc;
}

void
s3_close(struct s3 *s)
{
	if (!s)
		return;
	http_free(s->http);
	aws_release(&s->aws);
	free(s->bucket);
	free(s->prefix);
	free(s->name);
	free(s->base);
	free(s->sigv4);
	free(s);
}

/* ---- URLs ---- */

/* What libcurl signs as it is, and every server understands alike. */
static void
add_encoded(struct buf *b, const char *text, const char *also)
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

void
s3_query(struct buf *b, const char *name, const char *value)
{
	if (b->len > 0)
		buf_addc(b, '&');
	buf_adds(b, name);
	buf_addc(b, '=');
	add_encoded(b, value, "");
}

static char *
url_of(const struct s3 *s, const char *object, const char *query)
{
	struct buf b = {0};

	buf_adds(&b, s->base);
	buf_addc(&b, '/');
	if (object) {
		add_encoded(&b, s->prefix, "/");
		add_encoded(&b, object, "/");
	}
	if (query) {
		buf_addc(&b, '?');
		buf_adds(&b, query);
	}
	return b.data;
}

/* ---- headers ---- */

void
s3_header_sha256(struct s3_request *r, const struct s3_digest *d)
{
	const char *value = r->http.length == 0 ? EMPTY_SHA256
			    : d && d->sha256[0] ? d->sha256
						: "UNSIGNED-PAYLOAD";

	http_header(&r->http, "x-amz-content-sha256: %s", value);
}

void
s3_header_crc(struct s3_request *r, const struct s3_digest *d)
{
	if (s3_takes_checksum(r->s3))
		http_header(&r->http, "x-amz-checksum-crc32: %s", d->crc);
}

bool
s3_confirmed(struct s3_request *r, const struct s3_digest *d)
{
	bool same =
	    s3_takes_checksum(r->s3) && strcmp(r->http.crc32, d->crc) == 0;

	r->s3->checks_crc = r->s3->checks_crc || same;
	return same;
}

void
s3_header_new(struct s3_request *r)
{
	if (s3_takes_condition(r->s3))
		http_header(&r->http, "If-None-Match: *");
}

bool
s3_takes_condition(const struct s3 *s)
{
	return s->level < S3_NO_CONDITION;
}

bool
s3_takes_checksum(const struct s3 *s)
{
	return !s->aws.checksums_when_required &&
	       (s->level == S3_ALL || s->level == S3_NO_CONDITION);
}

bool
s3_concede(struct s3_request *r)
{
	struct s3 *s = r->s3;

	/* Another request may have found out meanwhile. */
	if (r->level == s->level) {
		/* It is not the checksum where that was confirmed. */
		if (s->level == (s->checks_crc ? S3_NO_CONDITION : S3_NEITHER))
			return false;
		s->level = s->checks_crc ? S3_NO_CONDITION : s->level + 1;
		msg_info("%s: 501; tried without %s", s->name,
		    s->level == S3_NO_CHECKSUM    ? "checksums"
		    : s->level == S3_NO_CONDITION ? "conditional writes"
						  : "both");
	}
	return true;
}

static void
set_headers(struct s3_request *r)
{
	http_headers_clear(&r->http);
	r->level = r->s3->level;
	if (r->s3->aws.token)
		http_header(
		    &r->http, "x-amz-security-token: %s", r->s3->aws.token);
	if (r->prepare)
		r->prepare(r);
	else
		s3_header_sha256(r, NULL);
}

/* ---- digests ---- */

static void
crc_text(uint32_t crc, char text[S3_CRC_MAX])
{
	static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	uint64_t bits = (uint64_t)crc << 4; /* 36 of them, in sixes */

	for (int i = 0; i < 6; i++)
		text[i] = digit[bits >> (30 - 6 * i) & 63];
	memcpy(text + 6, "==", 3);
}

struct digester {
	bool sum, sign;
	uint32_t crc;
	struct sha256_ctx sha256;
};

static void
digester_feed(struct digester *d, const void *data, size_t len)
{
	if (d->sum)
		d->crc = checksum_crc32(d->crc, data, len);
	if (d->sign)
		sha256_update(&d->sha256, len, data);
}

static void
sha256_text(struct sha256_ctx *ctx, char text[S3_SHA256_MAX])
{
	uint8_t digest[SHA256_DIGEST_SIZE];

#if NETTLE_VERSION_MAJOR < 4
	sha256_digest(ctx, sizeof(digest), digest);
#else
	sha256_digest(ctx, digest);
#endif
	base16_encode_update(text, sizeof(digest), digest);
	text[BASE16_ENCODE_LENGTH(sizeof(digest))] = 0;
}

static enum rc
digest_file(struct digester *d, struct file *f, uint64_t at, uint64_t end)
{
	char *piece = xmalloc(PIECE);
	enum rc rc = RC_OK;
	size_t n;

	for (; rc == RC_OK && at < end; at += n) {
		n = end - at < PIECE ? (size_t)(end - at) : PIECE;
		rc = file_read(f, piece, n, at);
		if (rc == RC_OK)
			digester_feed(d, piece, n);
	}
	free(piece);
	return rc;
}

enum rc
s3_digest(const struct s3 *s, struct file *f, const char *bytes,
    uint64_t offset, uint64_t length, const uint32_t *crc,
    struct s3_digest *out)
{
	struct digester d = {.sum = !crc,
	    .sign = s->sign_bodies && !(f && s->checks_crc),
	    .crc = crc ? *crc : 0};
	enum rc rc = RC_OK;

	sha256_init(&d.sha256);
	if (!f)
		digester_feed(&d, bytes, (size_t)length);
	else if (d.sum || d.sign)
		rc = digest_file(&d, f, offset, offset + length);
	crc_text(d.crc, out->crc);
	out->sha256[0] = 0;
	if (d.sign)
		sha256_text(&d.sha256, out->sha256);
	return rc;
}

/* ---- what an answer means ---- */

static bool
is_expected(const struct s3_request *r)
{
	for (const int *e = r->expected; e && *e; e++)
		if (r->http.status == *e)
			return true;
	return false;
}

/* Codes of the service for what will pass, whatever status they come with; the
 * last three for a body that was changed on its way. */
static bool
code_is_temporary(const char *code)
{
	static const char *const known[] = {"InternalError", "SlowDown",
	    "ServiceUnavailable", "RequestTimeout", "OperationAborted",
	    "ConditionalRequestConflict", "BadDigest",
	    "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(code, known[i]) == 0)
			return true;
	return false;
}

/* "503 Service Unavailable", with the service's own code if it gave one. */
static void
describe(const struct s3_request *r, char *text, size_t room)
{
	const struct http_request *h = &r->http;

	if (h->result != HTTP_ANSWERED)
		snprintf(text, room, "%s", h->error);
	else if (r->error.code[0])
		snprintf(text, room, "%d %s%s%s", h->status, r->error.code,
		    r->error.message[0] ? ": " : "", r->error.message);
	else
		snprintf(
		    text, room, "%d %s", h->status, http_reason(h->status));
}

static enum rc
refuse_region(const struct s3_request *r)
{
	const char *region =
	    r->error.region[0] ? r->error.region : r->http.region;
	char why[512];

	describe(r, why, sizeof(why));
	if (*region)
		return msg_fail(RC_USAGE,
		    "%s: wrong region %s, the bucket's is %s (AWS_REGION); %s",
		    r->s3->name, r->s3->aws.region, region, why);
	return msg_fail(RC_USAGE,
	    "%s: the server redirects: wrong region (%s) or endpoint; %s",
	    r->s3->name, r->s3->aws.region, why);
}

/* What will not mend by itself. */
static enum rc
refuse(struct s3_request *r)
{
	int status = r->http.status;
	bool of_bucket = strcmp(r->http.name, r->s3->name) == 0;
	char why[512];

	describe(r, why, sizeof(why));
	if (strcmp(r->error.code, "NoSuchBucket") == 0 ||
	    (status == 404 && of_bucket && !r->error.code[0])) {
		if (r->s3->missing) /* said once is enough */
			return RC_USAGE;
		r->s3->missing = true;
		return msg_fail(RC_USAGE,
		    "%s: no such bucket (seg-upload --create makes it)",
		    r->s3->name);
	}
	if (status == 404 && !of_bucket)
		return RC_ABSENT;
	if (status >= 300 && status < 400)
		return refuse_region(r);
	if (strcmp(r->error.code, "AuthorizationHeaderMalformed") == 0 &&
	    r->error.region[0])
		return refuse_region(r);
	/* 404 with a code of its own: versitygw's for a key it does not know.
	 */
	if (status == 400 || status == 401 || status == 403 || status == 404 ||
	    strcmp(r->error.code, "AccessDenied") == 0) /* in a 200 */
		return msg_fail(RC_USAGE,
		    "%s: %s (credentials from %s, region %s)", r->http.name,
		    why, r->s3->aws.source, r->s3->aws.region);
	if (status == 412)
		return msg_fail(RC_DATA, "%s: changed meanwhile", r->http.name);
	if (status == 416)
		return msg_fail(RC_DATA, "%s: too short", r->http.name);
	return msg_fail(RC_SYSTEM, "%s: %s", r->http.name, why);
}

/* The <Error> in an answer; with a 2xx only where a document is expected. */
static void
find_error(struct s3_request *r)
{
	r->error = (struct s3xml_error){0};
	if (r->http.result != HTTP_ANSWERED ||
	    (r->http.status < 300 && !r->xml))
		return;
	if (!s3xml_error(&r->error, &r->http.body))
		r->error = (struct s3xml_error){0};
}

/* Does the answer leave no doubt that nothing was done? */
static void
note_ambiguity(struct s3_request *r)
{
	if (r->http.result == HTTP_FAILED || http_is_temporary(r->http.status))
		r->ambiguous = true;
}

bool
s3_again(struct s3_request *r, const char *why)
{
	note_ambiguity(r);
	set_headers(r);
	return http_again(r->s3->http, &r->http, why);
}

static void
answered(struct http_request *h)
{
	struct s3_request *r = (struct s3_request *)h;
	char why[512];
	enum rc rc;

	find_error(r);
	describe(r, why, sizeof(why));
	if (h->result == HTTP_STOPPED) {
		rc = h->rc;
	} else if (h->result == HTTP_REFUSED) {
		rc = msg_fail(RC_USAGE, "%s: %s", h->name, why);
	} else if (h->result == HTTP_FAILED || http_is_temporary(h->status) ||
		   code_is_temporary(r->error.code)) {
		if (s3_again(r, why))
			return;
		rc = msg_fail(RC_SYSTEM, "%s: %s; given up", h->name, why);
	} else if (is_expected(r) || (h->status < 300 && !r->error.code[0])) {
		rc = RC_OK;
	} else {
		rc = refuse(r);
	}
	r->done(r, rc);
}

/* ---- sending ---- */

void
s3_send(struct s3 *s, struct s3_request *r, const char *method,
    const char *object, const char *query, const char *name)
{
	free(r->url);
	r->s3 = s;
	r->url = url_of(s, object, query);
	r->http.method = method;
	r->http.url = r->url;
	r->http.name = name;
	r->http.done = answered;
	r->ambiguous = false;
	set_headers(r);
	http_start(s->http, &r->http);
}

void
s3_request_release(struct s3_request *r)
{
	http_request_release(&r->http);
	free(r->url);
	r->url = NULL;
}

struct alone {
	bool ended;
	enum rc rc;
};

static void
alone_done(struct s3_request *r, enum rc rc)
{
	struct alone *a = r->arg;

	a->ended = true;
	a->rc = rc;
}

enum rc
s3_do(struct s3 *s, struct s3_request *r, const char *method,
    const char *object, const char *query, const char *name)
{
	struct alone a = {0};

	r->done = alone_done;
	r->arg = &a;
	s3_send(s, r, method, object, query, name);
	while (!a.ended)
		s3_step(s, -1);
	r->arg = NULL;
	return a.rc;
}

void
s3_step(struct s3 *s, int fd)
{
	http_step(s->http, fd);
	if (s->multiparts && signals_caught()) {
		s->give_up(s);
		signals_die();
	}
}

/* ---- the bucket ---- */

/* By a listing, which nobody else can answer. */
static enum rc
find_bucket(struct s3 *s, bool *there)
{
	static const int missing[] = {404, 0};
	struct s3_request r = {.expected = missing, .xml = true};
	struct s3xml_page page;
	enum rc rc =
	    s3_do(s, &r, "GET", NULL, "list-type=2&max-keys=1", s->name);

	*there = r.http.status != 404;
	if (rc == RC_OK && *there && !s3xml_page(&page, &r.http.body))
		rc = msg_fail(RC_DATA, "%s: its listing is not one", s->name);
	s3_request_release(&r);
	return rc;
}

static enum rc
put_bucket(struct s3 *s)
{
	static const int taken[] = {409, 0};
	struct s3_request r = {.expected = taken, .xml = true};
	struct buf body = {0};
	enum rc rc;

	/* AWS wants to be told where, but for its first region. */
	if (!s->aws.endpoint && strcmp(s->aws.region, "us-east-1") != 0) {
		buf_addf(&body,
		    "<CreateBucketConfiguration><LocationConstraint>%s"
		    "</LocationConstraint></CreateBucketConfiguration>",
		    s->aws.region);
		r.http.bytes = body.data;
		r.http.length = body.len;
	}
	rc = s3_do(s, &r, "PUT", NULL, NULL, s->name);
	/* Somebody else made it in between, or it is another user's: the next
	 * request will tell. */
	if (rc == RC_OK && r.http.status == 409)
		msg_info("%s: exists", s->name);
	else if (rc == RC_OK)
		msg_info("%s: made", s->name);
	s3_request_release(&r);
	buf_release(&body);
	return rc;
}

enum rc
s3_make_bucket(struct s3 *s)
{
	bool there;
	enum rc rc = find_bucket(s, &there);

	if (rc || there)
		return rc;
	rc = put_bucket(s);
	if (rc == RC_OK)
		rc = find_bucket(s, &there);
	if (rc == RC_OK && !there)
		rc = msg_fail(
		    RC_SYSTEM, "%s: was made, but is not there", s->name);
	return rc;
}
