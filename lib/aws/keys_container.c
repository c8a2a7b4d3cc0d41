/*
 * keys_container: keys from the agent of a container: ECS, EKS.  The URL comes
 * from the environment, and what is sent there is a secret: so over plain HTTP
 * nobody is asked but this machine and the agents' own addresses.
 */

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "aws/keys_http.h"
#include "aws/profile.h"
#include "http/curl.h"

#define ECS "http://169.254.170.2"

static const char name[] = "the container's credentials";

/* ---- who may be asked ---- */

/* As libcurl writes it: an IPv4 address in four parts, an IPv6 one in
 * brackets. */
static bool
is_near(const char *host)
{
	static const char *const agents[] = {
	    "169.254.170.2", "169.254.170.23", "localhost"};
	struct in6_addr v6, eks;
	struct in_addr v4;
	char *inner;
	bool near;

	for (size_t i = 0; i < sizeof(agents) / sizeof(agents[0]); i++)
		if (strcmp(host, agents[i]) == 0)
			return true;
	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	if (*host != '[')
		return false;
	inner = xstrndup(host + 1, strcspn(host + 1, "]"));
	inet_pton(AF_INET6, "fd00:ec2::23", &eks);
	near = inet_pton(AF_INET6, inner, &v6) == 1 &&
	       (IN6_IS_ADDR_LOOPBACK(&v6) || IN6_ARE_ADDR_EQUAL(&v6, &eks));
	free(inner);
	return near;
}

/* libcurl itself says which host it would ask. */
static enum rc
check_url(struct keys_ask *ask, const char *url, bool *near)
{
	static const char variable[] = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
	char *host = NULL, *scheme = NULL, *user = NULL;
	CURLU *u = curl.url();
	bool good = u && aws_is_printable(url) &&
		    curl.url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
		    curl.url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
		    curl.url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK;
	enum rc rc = RC_OK;

	*near = good && is_near(host);
	if (!good ||
	    (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
		rc = keys_fail(ask, RC_USAGE, "%s: not a valid URL", variable);
	else if (curl.url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK)
		rc = keys_fail(
		    ask, RC_USAGE, "%s: a URL with a user in it", variable);
	else if (!*near && strcmp(scheme, "https") != 0)
		rc = keys_fail(ask, RC_USAGE,
		    "%s: %s is not asked without https: neither this machine "
		    "nor an agent of a container",
		    variable, host);
	curl.free(host);
	curl.free(scheme);
	curl.free(user);
	curl.url_cleanup(u);
	return rc;
}

static enum rc
choose_url(struct keys_ask *ask, char **url, bool *near)
{
	const char *relative =
	    aws_env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	const char *full = aws_env("AWS_CONTAINER_CREDENTIALS_FULL_URI");
	enum rc rc;

	if (!relative && !full)
		return RC_ABSENT;
	*near = true;
	if (relative && (*relative != '/' || !aws_is_printable(relative)))
		return keys_fail(ask, RC_USAGE,
		    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: not a path");
	rc = curl_begin();
	if (rc) /* reported */
		return rc;
	*url = relative ? xasprintf(ECS "%s", relative) : xstrdup(full);
	return relative ? RC_OK : check_url(ask, full, near);
}

/* ---- asking ---- */

/* The file may have another token each time. */
static enum rc
choose_token(struct keys_ask *ask, struct buf *header)
{
	const char *file = aws_env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
	const char *token = aws_env("AWS_CONTAINER_AUTHORIZATION_TOKEN");
	struct buf b = {0};
	enum rc rc = RC_OK;

	if (file)
		rc = keys_file(ask, file, &b);
	else if (token)
		buf_adds(&b, token);
	if (rc == RC_OK && b.len > 0 && strpbrk(b.data, "\r\n"))
		rc = keys_fail(ask, RC_USAGE,
		    "AWS_CONTAINER_AUTHORIZATION_TOKEN: a line break in it");
	if (rc == RC_OK && b.len > 0)
		buf_addf(header, "Authorization: %s", b.data);
	buf_release(&b);
	return rc;
}

enum rc
keys_container(struct keys_ask *ask, struct keys *k)
{
	struct buf header = {0}, answer = {0};
	char *url = NULL;
	bool near;
	int status;
	enum rc rc = choose_url(ask, &url, &near);

	if (rc == RC_OK)
		rc = choose_token(ask, &header);
	if (rc == RC_OK)
		rc = keys_http(ask,
		    &(struct keys_request){.method = "GET",
			.url = url,
			.name = name,
			.headers = {header.len ? header.data : NULL},
			.direct = near},
		    &status, &answer);
	if (rc == RC_OK && status != 200)
		rc = keys_refused(ask, name, status);
	if (rc == RC_OK)
		rc = keys_json(ask, &answer, name, "Token", NULL, k);
	free(url);
	buf_release(&header);
	buf_release(&answer);
	return rc;
}
