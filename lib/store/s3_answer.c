/* s3_answer: see s3_answer.h. */

#include <stdio.h>
#include <string.h>

#include "store/s3_answer.h"
#include "store/s3_keep.h"

/* ---- reading ---- */

/* With a 2xx an error only where a document is expected. */
static void
read_error(struct s3_request *r)
{
	r->error = (struct s3xml_error){0};
	if (r->http.result != HTTP_ANSWERED ||
	    (r->http.status < 300 && !r->xml))
		return;
	if (!s3xml_error(&r->error, &r->http.body))
		r->error = (struct s3xml_error){0};
}

/* Some say 400 where others say 501. */
void
s3_answer_read(struct s3_request *r)
{
	read_error(r);
	if (r->http.status == 400 &&
	    strcmp(r->error.code, "NotImplemented") == 0)
		r->http.status = 501;
}

/* ---- trying again ---- */

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

void
s3_answer_describe(const struct s3_request *r, char text[S3_WHY_MAX])
{
	const struct http_request *h = &r->http;
	const size_t room = S3_WHY_MAX;

	if (h->result != HTTP_ANSWERED)
		snprintf(text, room, "%s", h->error);
	else if (r->error.code[0])
		snprintf(text, room, "%d %s%s%s", h->status, r->error.code,
		    r->error.message[0] ? ": " : "", r->error.message);
	else
		snprintf(
		    text, room, "%d %s", h->status, http_reason(h->status));
}

static bool
status_is_temporary(int status)
{
	return status == 408 || status == 429 ||
	       (status >= 500 && status != 501 && status != 505);
}

bool
s3_answer_is_doubtful(const struct s3_request *r)
{
	return r->http.result == HTTP_FAILED ||
	       status_is_temporary(r->http.status);
}

bool
s3_answer_may_pass(const struct s3_request *r)
{
	switch (r->http.result) {
	case HTTP_FAILED:
		return true;
	case HTTP_ANSWERED:
		return status_is_temporary(r->http.status) ||
		       code_is_temporary(r->error.code) ||
		       (r->http.status == 417 && r->http.expects);
	case HTTP_REFUSED:
	case HTTP_TOO_LONG:
	case HTTP_STOPPED:
		break;
	}
	return false;
}

/* ---- the rest ---- */

static enum rc
refuse_region(const struct s3_request *r)
{
	const char *region =
	    r->error.region[0] ? r->error.region : r->http.region;
	char why[S3_WHY_MAX];

	s3_answer_describe(r, why);
	if (*region)
		return msg_fail(RC_USAGE,
		    "%s: wrong region %s, the bucket's is %s (AWS_REGION); %s",
		    r->s3->name, r->s3->aws.region, region, why);
	return msg_fail(RC_USAGE,
	    "%s: the server redirects: wrong region (%s) or endpoint; %s",
	    r->s3->name, r->s3->aws.region, why);
}

static enum rc
refuse_bucket(struct s3_request *r)
{
	if (r->s3->missing) /* said once is enough */
		return RC_USAGE;
	r->s3->missing = true;
	return msg_fail(RC_USAGE,
	    "%s: no such bucket (seg-upload --create makes it)", r->s3->name);
}

/* Does it speak of who we are? */
static bool
is_of_credentials(const struct s3_request *r)
{
	static const char *const known[] = {"InvalidAccessKeyId",
	    "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken",
	    "TokenRefreshRequired", "InvalidSecurity", "InvalidClientTokenId",
	    "UnrecognizedClientException", "NotSignedUp",
	    "RequestTimeTooSkewed", "RequestExpired",
	    "AuthorizationHeaderMalformed", "MissingSecurityHeader",
	    "MissingAuthenticationToken", "IncompleteSignature"};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(r->error.code, known[i]) == 0)
			return true;
	return r->http.status == 401;
}

/*
 * What has expired by what its source said is refused by some as anything else
 * is; and a HEAD, which has no body, with a bare 400.
 */
bool
s3_answer_is_expired(const struct s3_request *r)
{
	const struct credentials *c = r->s3->credentials;
	int status = r->http.status;

	if (r->http.result != HTTP_ANSWERED)
		return false;
	if (strcmp(r->error.code, "ExpiredToken") == 0 ||
	    strcmp(r->error.code, "ExpiredTokenException") == 0 ||
	    strcmp(r->error.code, "TokenRefreshRequired") == 0)
		return true;
	if (credentials_are_old(c) &&
	    (is_of_credentials(r) || status == 403 || status == 400))
		return true;
	return status == 400 && strcmp(r->http.method, "HEAD") == 0 &&
	       credentials_keys(c)->token;
}

/*
 * Who we are, or what we may not do.  A 400 without a code (HEAD has no body) is
 * what some say of a signature; so is versitygw's 404 with a code of its own.
 */
static bool
is_refusal(const struct s3_request *r)
{
	int status = r->http.status;

	return is_of_credentials(r) || status == 403 || status == 404 ||
	       status == 431 || (status == 400 && !r->error.code[0]) ||
	       strcmp(r->error.code, "AccessDenied") == 0; /* in a 200 */
}

/* Where headers were sent of which a service need not know all. */
static bool
is_of_options(int status)
{
	return status == 400 || status == 405 || status == 501;
}

/* What will not mend by itself. */
enum rc
s3_answer_refuse(struct s3_request *r)
{
	int status = r->http.status;
	char kept[S3_KEEP_TEXT_MAX];
	bool of_bucket = strcmp(r->http.name, r->s3->name) == 0;
	char why[S3_WHY_MAX];

	s3_answer_describe(r, why);
	if (strcmp(r->error.code, "NoSuchBucket") == 0 ||
	    (status == 404 && of_bucket && !r->error.code[0]))
		return refuse_bucket(r);
	if (status == 404 && !of_bucket)
		return RC_ABSENT;
	if ((status >= 300 && status < 400) ||
	    (strcmp(r->error.code, "AuthorizationHeaderMalformed") == 0 &&
		r->error.region[0]))
		return refuse_region(r);
	if (strcmp(r->error.code, "InvalidObjectState") == 0)
		return msg_fail(RC_DATA, "%s: archived: restore it first; %s",
		    r->http.name, why);
	s3_keep_text(r, kept);
	if (is_refusal(r))
		return msg_fail(RC_USAGE,
		    "%s: %s (credentials from %s, region %s)%s", r->http.name,
		    why, credentials_keys(r->s3->credentials)->source,
		    r->s3->aws.region, kept);
	if (r->kept && is_of_options(status))
		return msg_fail(RC_USAGE, "%s: %s%s", r->http.name, why, kept);
	if (status == 412)
		return msg_fail(RC_DATA, "%s: changed meanwhile", r->http.name);
	return msg_fail(
	    status == 400 ? RC_USAGE : RC_SYSTEM, "%s: %s", r->http.name, why);
}

static bool
is_expected(const struct s3_request *r)
{
	for (const int *e = r->expected; e && *e; e++)
		if (r->http.status == *e)
			return true;
	return false;
}

enum rc
s3_answer_rc(struct s3_request *r)
{
	if (r->http.result == HTTP_STOPPED)
		return r->http.rc;
	if (r->http.result == HTTP_REFUSED)
		return msg_fail(
		    RC_USAGE, "%s: %s", r->http.name, r->http.error);
	if (r->http.result == HTTP_TOO_LONG)
		return msg_fail(
		    RC_DATA, "%s: the answer is too long", r->http.name);
	if (is_expected(r) || (r->http.status < 300 && !r->error.code[0]))
		return RC_OK;
	return s3_answer_refuse(r);
}
