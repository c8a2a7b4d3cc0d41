/*
 * keys_sts: keys for a role, of AWS's security token service: the actions
 * AssumeRole and AssumeRoleWithWebIdentity of its API reference, 2011-06-15.
 */

#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "aws/keys_http.h"
#include "aws/profile.h"
#include "aws/s3xml.h"
#include "base/time.h"
#include "http/http.h"

/* ---- the question ---- */

static void
add(struct buf *b, const char *name, const char *value)
{
	buf_addf(b, "&%s=", name);
	http_encode(b, value, "");
}

static void
add_role(struct buf *b, const char *action, const struct keys_role *role)
{
	char session[64];

	snprintf(session, sizeof(session), "segtools-%ld-%llu", (long)getpid(),
	    (unsigned long long)time_now());
	buf_addf(b, "Action=%s&Version=2011-06-15", action);
	add(b, "RoleArn", role->arn);
	add(b, "RoleSessionName", role->session ? role->session : session);
	if (role->duration)
		add(b, "DurationSeconds", role->duration);
}

static char *
endpoint(const struct aws *a)
{
	if (a->endpoint_sts)
		return xasprintf("%s/", a->endpoint_sts);
	return xasprintf("https://sts.%s.amazonaws.com%s/", a->region,
	    strncmp(a->region, "cn-", 3) == 0 ? ".cn" : "");
}

/* ---- the answer ---- */

struct answer {
	struct keys *keys;
	char code[64], message[256];
	bool bad_time;
};

/* PATH ends in "/Credentials/NAME", below either action's names. */
static bool
take_element(void *arg, const char *path, const char *text, size_t len)
{
	static const char credentials[] = "/Credentials/";
	struct answer *a = arg;
	struct keys *k = a->keys;
	const char *name = strstr(path, credentials);

	(void)len;
	if (strcmp(path, "ErrorResponse/Error/Code") == 0 ||
	    strcmp(path, "Error/Code") == 0)
		snprintf(a->code, sizeof(a->code), "%s", text);
	else if (strcmp(path, "ErrorResponse/Error/Message") == 0)
		snprintf(a->message, sizeof(a->message), "%s", text);
	if (!name || strncmp(path, "AssumeRole", 10) != 0)
		return true;
	name += sizeof(credentials) - 1;
	if (strcmp(name, "AccessKeyId") == 0)
		profile_set(&k->id, text);
	else if (strcmp(name, "SecretAccessKey") == 0)
		profile_set(&k->secret, text);
	else if (strcmp(name, "SessionToken") == 0)
		profile_set(&k->token, text);
	else if (strcmp(name, "Expiration") == 0)
		return time_parse(text, &k->expires);
	return true;
}

/* These pass by themselves, whatever status they come with. */
static bool
is_temporary(const char *code)
{
	return strcmp(code, "IDPCommunicationError") == 0 ||
	       strcmp(code, "Throttling") == 0 ||
	       strcmp(code, "RequestLimitExceeded") == 0;
}

static enum rc
understand(struct keys_ask *ask, const char *name, int status,
    const struct buf *body, struct keys *k)
{
	struct answer a = {.keys = k};
	bool good = s3xml_parse(body->data, body->len, take_element, &a);

	if (status >= 300 && a.code[0])
		return keys_fail(ask,
		    is_temporary(a.code) ? RC_SYSTEM : RC_USAGE,
		    "%s: %d %s%s%s", name, status, a.code,
		    a.message[0] ? ": " : "", a.message);
	if (status >= 300)
		return keys_refused(ask, name, status);
	if (!good || !k->id || !k->secret || !k->token)
		return keys_fail(ask, RC_USAGE,
		    "%s: what it says are no credentials in XML", name);
	k->source = xstrdup(name);
	return RC_OK;
}

static enum rc
ask_sts(struct keys_ask *ask, const struct keys_role *role, const char *body,
    const struct keys *by, struct keys *k)
{
	char *url = endpoint(ask->aws);
	char *name = xasprintf("STS for the role %s", role->arn);
	char *sigv4 = xasprintf("aws:amz:%s:sts", ask->aws->region);
	struct keys_request r = {
	    .method = "POST", .url = url, .name = name, .body = body};
	struct buf token = {0}, answer = {0};
	char sha256[128] = "x-amz-content-sha256: ";
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx ctx;
	int status;
	enum rc rc;

	if (by) {
		sha256_init(&ctx);
		sha256_update(&ctx, strlen(body), (const uint8_t *)body);
		sha256_digest(&ctx, sizeof(digest), digest);
		for (size_t i = 0, n = strlen(sha256); i < sizeof(digest); i++)
			snprintf(sha256 + n + 2 * i, 3, "%02x", digest[i]);
		r.sigv4 = sigv4;
		r.by = by;
		r.headers[0] = sha256;
		buf_addf(&token, "x-amz-security-token: %s",
		    by->token ? by->token : "");
		r.headers[1] = by->token ? token.data : NULL;
	}
	rc = keys_http(ask, &r, &status, &answer);
	if (rc == RC_OK)
		rc = understand(ask, name, status, &answer, k);
	buf_release(&token);
	buf_release(&answer);
	free(sigv4);
	free(name);
	free(url);
	return rc;
}

/* ---- the two actions ---- */

enum rc
keys_assume(struct keys_ask *ask, const struct keys_role *role,
    const struct keys *by, struct keys *k)
{
	struct buf body = {0};
	enum rc rc = keys_check(ask, by);

	if (rc)
		return rc;
	add_role(&body, "AssumeRole", role);
	if (role->external)
		add(&body, "ExternalId", role->external);
	rc = ask_sts(ask, role, body.data, by, k);
	buf_release(&body);
	return rc;
}

enum rc
keys_web_identity(struct keys_ask *ask, const struct keys_role *role,
    const char *token_file, struct keys *k)
{
	struct buf token = {0}, body = {0};
	enum rc rc = keys_file(ask, token_file, &token);

	if (rc == RC_OK) {
		add_role(&body, "AssumeRoleWithWebIdentity", role);
		add(&body, "WebIdentityToken", token.data);
		rc = ask_sts(ask, role, body.data, NULL, k);
	}
	buf_release(&token);
	buf_release(&body);
	return rc;
}

enum rc
keys_web_variables(struct keys_ask *ask, struct keys *k)
{
	const struct keys_role role = {.arn = aws_env("AWS_ROLE_ARN"),
	    .session = aws_env("AWS_ROLE_SESSION_NAME")};
	const char *file = aws_env("AWS_WEB_IDENTITY_TOKEN_FILE");

	if (!file)
		return RC_ABSENT;
	if (!role.arn)
		return keys_fail(ask, RC_USAGE,
		    "AWS_WEB_IDENTITY_TOKEN_FILE is set, AWS_ROLE_ARN is not");
	return keys_web_identity(ask, &role, file, k);
}
