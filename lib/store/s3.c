/* s3: see s3.h. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/s3.h"

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

void
s3_use_keys(struct s3 *s)
{
	const struct keys *k = credentials_keys(s->credentials);

	s->service = (struct http_service){.sigv4 = s->sigv4,
	    .user = k->id,
	    .password = k->secret,
	    .ca_bundle = s->aws.ca_bundle};
}

enum rc
s3_open(struct s3 **out, const char *where, const struct store_opts *opts)
{
	struct s3 *s = xcalloc(1, sizeof(*s));
	const struct http_opts http = {.parallel = opts->parallel,
	    .retry_for = opts->retry_for,
	    .service = &s->service,
	    .counts = opts->counts};
	enum rc rc = parse_where(s, where);

	if (rc == RC_OK)
		rc = aws_load(&s->aws);
	if (rc == RC_OK)
		rc = credentials_new(&s->credentials, &s->aws, opts->retry_for);
	if (rc == RC_OK) {
		choose_base(s);
		s->parallel = opts->parallel ? opts->parallel : 1;
		s->keep = opts->keep;
		s->hidden = opts->hidden;
		s3_use_keys(s);
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
	credentials_free(s->credentials);
	aws_release(&s->aws);
	free(s->bucket);
	free(s->prefix);
	free(s->name);
	free(s->base);
	free(s->sigv4);
	free(s);
}

/* ---- URLs ---- */

void
s3_query(struct buf *b, const char *name, const char *value)
{
	if (b->len > 0)
		buf_addc(b, '&');
	buf_adds(b, name);
	buf_addc(b, '=');
	http_encode(b, value, "");
}

char *
s3_url(const struct s3 *s, const char *object, const char *query)
{
	struct buf b = {0};

	buf_adds(&b, s->base);
	buf_addc(&b, '/');
	if (object) {
		http_encode(&b, s->prefix, "/");
		http_encode(&b, object, "/");
	}
	if (query) {
		buf_addc(&b, '?');
		buf_adds(&b, query);
	}
	return b.data;
}

/* ---- what a service takes ---- */

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
