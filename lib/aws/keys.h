/*
 * keys: what a request is signed with, and what those share that get such keys
 * (keys_*.c), each from its own kind of source.
 *
 * A source that is not set up is RC_ABSENT.  One that is and fails has said in
 * ask.why what failed, but no secret; nothing is printed, for the keys that
 * there are may still serve.  RC_USAGE, or RC_SYSTEM: it may pass.
 */
#ifndef SEGTOOLS_KEYS_H
#define SEGTOOLS_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aws/aws.h"
#include "base/buf.h"
#include "base/msg.h"

struct keys {
	char *id, *secret;
	char *token;      /* or NULL */
	char *source;     /* where they are from, for messages */
	uint64_t expires; /* ms since 1970 UTC; 0: not known */
};
void keys_release(struct keys *); /* and makes it empty */

struct keys_ask {
	const struct aws *aws; /* borrowed */
	unsigned retry_for;    /* seconds, for what may pass */
	struct buf why;
};
/* Returns rc; why is written anew. */
enum rc keys_fail(struct keys_ask *, enum rc, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Both halves, nothing in them that is no header, not expired. */
enum rc keys_check(struct keys_ask *, const struct keys *);

/*
 * Out of a JSON document of what: AccessKeyId, SecretAccessKey, the token as
 * that is named, Expiration; Code, if there is one, is Success; Version, if
 * version is not NULL, is that number.
 */
enum rc keys_json(struct keys_ask *, const struct buf *, const char *what,
    const char *token, const char *version, struct keys *);

/* ---- the sources ---- */

/* Two variables and that of a token (or NULL), if they are set. */
enum rc keys_variables(struct keys_ask *, const char *id, const char *secret,
    const char *token, struct keys *);
/* A profile, and those that it names. */
enum rc keys_profile(struct keys_ask *, const char *name, struct keys *);
/* The output of a command, for sh. */
enum rc keys_process(struct keys_ask *, const char *command, struct keys *);
/* A container's agent: ECS, EKS. */
enum rc keys_container(struct keys_ask *, struct keys *);
/* The machine's metadata: IMDSv2. */
enum rc keys_instance(struct keys_ask *, struct keys *);

/* The security token service, for a role. */
struct keys_role {
	const char *arn;
	const char *session;  /* or NULL: ours */
	const char *external; /* or NULL */
	const char *duration; /* seconds, or NULL */
};
/* By a token that is in a file; AWS_ROLE_ARN, AWS_WEB_IDENTITY_TOKEN_FILE. */
enum rc keys_web_identity(struct keys_ask *, const struct keys_role *,
    const char *token_file, struct keys *);
enum rc keys_web_variables(struct keys_ask *, struct keys *);
/* By other keys. */
enum rc keys_assume(struct keys_ask *, const struct keys_role *,
    const struct keys *by, struct keys *);

#endif
