/* aws: see aws.h. */

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "aws/aws.h"
#include "aws/profile.h"
#include "base/buf.h"

/* ---- choosing ---- */

/* The first that says something. */
static void
choose(char **to, const char *const *from, size_t n)
{
	for (size_t i = 0; i < n && !*to; i++)
		profile_set(to, from[i]);
}

static void
choose_others(struct aws *a, const struct profile *p)
{
	const char *const region[] = {aws_env("AWS_REGION"),
	    aws_env("AWS_DEFAULT_REGION"), p->region,
	    aws_env("LIBSQL_BOTTOMLESS_AWS_DEFAULT_REGION"), "us-east-1"};
	const char *const endpoint[] = {aws_env("AWS_ENDPOINT_URL_S3"),
	    aws_env("AWS_ENDPOINT_URL"), p->endpoint_s3, p->endpoint,
	    aws_env("LIBSQL_BOTTOMLESS_ENDPOINT")};
	const char *const sts[] = {aws_env("AWS_ENDPOINT_URL_STS"),
	    aws_env("AWS_ENDPOINT_URL"), p->endpoint_sts, p->endpoint};
	const char *const bundle[] = {aws_env("AWS_CA_BUNDLE"), p->ca_bundle};

	choose(&a->region, region, sizeof(region) / sizeof(region[0]));
	choose(&a->endpoint, endpoint, sizeof(endpoint) / sizeof(endpoint[0]));
	choose(&a->endpoint_sts, sts, sizeof(sts) / sizeof(sts[0]));
	choose(&a->ca_bundle, bundle, sizeof(bundle) / sizeof(bundle[0]));
}

static enum rc
choose_checksums(struct aws *a, const struct profile *p)
{
	const char *name = "AWS_REQUEST_CHECKSUM_CALCULATION";
	const char *value = aws_env(name) ? aws_env(name) : p->checksums;

	if (!value || strcasecmp(value, "when_supported") == 0)
		return RC_OK;
	a->checksums_when_required = true;
	if (strcasecmp(value, "when_required") == 0)
		return RC_OK;
	return msg_fail(RC_USAGE,
	    "%s: %s, which is neither when_supported nor when_required",
	    aws_env(name) ? name : "request_checksum_calculation", value);
}

/* ---- checking ---- */

bool
aws_is_printable(const char *s)
{
	for (; s && *s; s++)
		if ((unsigned char)*s <= 0x20 || (unsigned char)*s >= 0x7f)
			return false;
	return true;
}

static enum rc
check_endpoint(char *url)
{
	const char *host = strstr(url, "://");
	size_t len = strlen(url);

	if (!host || (strncmp(url, "https://", 8) != 0 &&
			 strncmp(url, "http://", 7) != 0))
		return msg_fail(RC_USAGE,
		    "%s: an endpoint begins with https:// or http://", url);
	host += 3;
	if (strchr(host, '@')) /* may be a password: not shown */
		return msg_fail(RC_USAGE,
		    "the endpoint has credentials in it; they go into "
		    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
	if (*host == 0 || *host == '/' || *host == ':' ||
	    strpbrk(url, "?#\\") || !aws_is_printable(url))
		return msg_fail(RC_USAGE, "%s: not a valid endpoint", url);
	while (len > 0 && url[len - 1] == '/')
		url[--len] = 0;
	return RC_OK;
}

static enum rc
check(const struct aws *a)
{
	static const char region[] = "abcdefghijklmnopqrstuvwxyz"
				     "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

	if (a->region[strspn(a->region, region)])
		return msg_fail(RC_USAGE, "%s: not a valid region", a->region);
	if (a->endpoint_sts && check_endpoint(a->endpoint_sts) != RC_OK)
		return RC_USAGE;
	return a->endpoint ? check_endpoint(a->endpoint) : RC_OK;
}

/* The one that AWS_PROFILE names has to be there. */
static enum rc
load_profile(struct profile *p)
{
	const char *name = aws_env("AWS_PROFILE");
	enum rc rc = profile_load(p, name ? name : "default");
	char *text;

	if (rc || p->found || !name)
		return rc;
	text = profile_text(p);
	rc = msg_fail(RC_USAGE, "AWS_PROFILE: no %s", text);
	free(text);
	return rc;
}

enum rc
aws_load(struct aws *a)
{
	struct profile p = {0};
	enum rc rc = load_profile(&p);

	*a = (struct aws){0};
	if (rc == RC_OK) {
		choose_others(a, &p);
		rc = choose_checksums(a, &p);
	}
	if (rc == RC_OK)
		rc = check(a);
	profile_release(&p);
	if (rc)
		aws_release(a);
	return rc;
}

void
aws_release(struct aws *a)
{
	free(a->region);
	free(a->endpoint);
	free(a->endpoint_sts);
	free(a->ca_bundle);
	*a = (struct aws){0};
}
