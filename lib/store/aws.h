/*
 * aws: where the S3 service is and who we are to it, from the variables and
 * files that AWS's own tools read, then from libsql-server's variables:
 *
 *   AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN), else
 *   the profile AWS_PROFILE ("default") of ~/.aws/credentials and
 *   ~/.aws/config, else LIBSQL_BOTTOMLESS_AWS_ACCESS_KEY_ID and so on; the
 *   others (region, endpoint, CA bundle, checksums) each by itself in the same
 *   order.
 *
 * Secrets are in no message.
 */
#ifndef SEGTOOLS_AWS_H
#define SEGTOOLS_AWS_H

#include <stdbool.h>

#include "base/msg.h"

struct aws {
	char *key_id, *secret;
	char *token;     /* or NULL */
	char *region;    /* "us-east-1" if none is configured */
	char *endpoint;  /* "http[s]://HOST[:PORT][/PATH]", or NULL: AWS's */
	char *ca_bundle; /* a file, or NULL: the system's */
	char *source;    /* where the keys are from, for messages */
	/* No checksums but where an action requires one. */
	bool checksums_when_required;
};

/* No or half a pair of keys, a profile that is not there, an unusable region
 * or endpoint: RC_USAGE, naming what was looked at. */
enum rc aws_load(struct aws *);
void aws_release(struct aws *);

#endif
