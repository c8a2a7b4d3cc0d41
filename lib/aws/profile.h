/*
 * profile: what a profile says, in ~/.aws/credentials and ~/.aws/config, or
 * where AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE say that they are.  What
 * is in both counts as it is in the first.
 */
#ifndef SEGTOOLS_PROFILE_H
#define SEGTOOLS_PROFILE_H

#include <stdbool.h>

#include "base/msg.h"

/* What is not said is NULL. */
struct profile {
	char *name;
	char *key_id, *secret, *token;
	char *role_arn, *source_profile, *credential_source;
	char *role_session_name, *external_id, *duration, *mfa_serial;
	char *token_file; /* web_identity_token_file */
	char *process;    /* credential_process */
	char *sso;        /* anything of single sign-on */
	char *region, *ca_bundle, *checksums;
	char *endpoint, *services; /* for all services; a section's name */
	char *endpoint_s3, *endpoint_sts; /* of that section */
	char *credentials, *config; /* the files' paths, or NULL: no HOME */
	bool found;
};

/* The value of a variable; NULL also if it is empty. */
const char *aws_env(const char *name);

/* All-zero, or what release left.  That it is not there is no failure, but
 * found is false; a file that cannot be read is RC_USAGE, reported. */
enum rc profile_load(struct profile *, const char *name);
void profile_release(struct profile *);

/* "profile NAME in FILE and FILE", and why they say nothing; malloced. */
char *profile_text(const struct profile *);

/* Make *to a copy; "" and NULL make it NULL. */
void profile_set(char **to, const char *value);

#endif
