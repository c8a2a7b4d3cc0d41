/*
 * aws: where the S3 service is, from the variables and files that AWS's own
 * tools read, then from libsql-server's variables: region, endpoint, CA bundle
 * and checksums, each by itself.  Who we are to it is credentials.h's.
 */
#ifndef SEGTOOLS_AWS_H
#define SEGTOOLS_AWS_H

#include <stdbool.h>

#include "base/msg.h"

struct aws {
	char *region;       /* "us-east-1" if none is configured */
	char *endpoint;     /* "http[s]://HOST[:PORT][/PATH]", or NULL: AWS's */
	char *endpoint_sts; /* the same, of the service that gives tokens */
	char *ca_bundle;    /* a file, or NULL: the system's */
	/* No checksums but where an action requires one. */
	bool checksums_when_required;
};

/* A profile that is not there, an unusable region or endpoint: RC_USAGE, naming
 * what was looked at. */
enum rc aws_load(struct aws *);
void aws_release(struct aws *);

/* May it go into a header or a URL as it is?  NULL may. */
bool aws_is_printable(const char *);

#endif
