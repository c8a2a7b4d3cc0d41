/*
 * keys_instance: keys from the metadata service of the machine, by IMDSv2: a
 * token first, then the name of the role, then its keys.  One second each,
 * twice: most machines have no such service.
 */

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "aws/keys_http.h"
#include "aws/profile.h"
#include "http/http.h"

#define ENDPOINT "http://169.254.169.254"
#define ROLES "latest/meta-data/iam/security-credentials/"

enum { TIMEOUT_MS = 1000, TRIES = 2, ROLE_MAX = 64 };

static const char name[] = "instance metadata";

static enum rc
ask_for(struct keys_ask *ask, const char *method, const char *path,
    const char *header, int *status, struct buf *answer)
{
	const char *base = aws_env("AWS_EC2_METADATA_SERVICE_ENDPOINT");
	size_t len = base ? strlen(base) : 0;
	char *url;
	enum rc rc;

	while (len > 0 && base[len - 1] == '/')
		len--;
	url = base ? xasprintf("%.*s/%s", (int)len, base, path)
		   : xasprintf(ENDPOINT "/%s", path);
	rc = keys_http(ask,
	    &(struct keys_request){.method = method,
		.url = url,
		.name = name,
		.headers = {header},
		.direct = true,
		.timeout_ms = TIMEOUT_MS,
		.tries = TRIES},
	    status, answer);
	free(url);
	return rc;
}

/* A token for the header of what follows.  A machine without the service, or
 * where it is turned off, is not set up. */
static enum rc
get_token(struct keys_ask *ask, struct buf *token)
{
	bool is_set = aws_env("AWS_EC2_METADATA_SERVICE_ENDPOINT");
	struct buf answer = {0};
	int status = 0;
	enum rc rc = ask_for(ask, "PUT", "latest/api/token",
	    "X-aws-ec2-metadata-token-ttl-seconds: 21600", &status, &answer);

	if (rc == RC_OK && status != 200)
		rc = keys_refused(ask, name, status);
	else if (rc == RC_OK &&
		 (answer.len == 0 || !aws_is_printable(answer.data)))
		rc = keys_fail(ask, RC_USAGE, "%s: its token is none", name);
	else if (rc == RC_OK)
		buf_addf(token, "X-aws-ec2-metadata-token: %s", answer.data);
	buf_release(&answer);
	return rc && !is_set ? RC_ABSENT : rc;
}

/* The first line of the answer; there may be no role. */
static enum rc
get_role(struct keys_ask *ask, const char *token, struct buf *role)
{
	int status = 0;
	enum rc rc = ask_for(ask, "GET", ROLES, token, &status, role);
	size_t n;

	if (rc)
		return rc;
	if (status == 404)
		return RC_ABSENT;
	if (status != 200)
		return keys_refused(ask, name, status);
	n = strcspn(role->data, "\r\n");
	role->data[n] = 0;
	if (n == 0)
		return RC_ABSENT;
	if (n > ROLE_MAX || !aws_is_printable(role->data))
		return keys_fail(
		    ask, RC_USAGE, "%s: the name of the role is none", name);
	return RC_OK;
}

static enum rc
get_keys(
    struct keys_ask *ask, const char *token, const char *role, struct keys *k)
{
	struct buf path = {0}, answer = {0};
	int status = 0;
	enum rc rc;

	buf_adds(&path, ROLES);
	http_encode(&path, role, "");
	rc = ask_for(ask, "GET", path.data, token, &status, &answer);
	if (rc == RC_OK && status != 200)
		rc = keys_refused(ask, name, status);
	if (rc == RC_OK)
		rc = keys_json(ask, &answer, name, "Token", NULL, k);
	buf_release(&path);
	buf_release(&answer);
	return rc;
}

enum rc
keys_instance(struct keys_ask *ask, struct keys *k)
{
	const char *disabled = aws_env("AWS_EC2_METADATA_DISABLED");
	struct buf token = {0}, role = {0};
	enum rc rc;

	if (disabled && strcasecmp(disabled, "true") == 0)
		return RC_ABSENT;
	rc = get_token(ask, &token);
	if (rc == RC_OK)
		rc = get_role(ask, token.data, &role);
	if (rc == RC_OK)
		rc = get_keys(ask, token.data, role.data, k);
	buf_release(&token);
	buf_release(&role);
	return rc;
}
