/* keys_profile: the keys of a profile, and of those that it names. */

#include <stdlib.h>
#include <string.h>

#include "aws/keys.h"
#include "aws/profile.h"

enum { CHAIN_MAX = 8 };

/* The profiles that led here, so that a circle is seen. */
struct chain {
	const char *names[CHAIN_MAX];
	unsigned n;
};

static enum rc of_profile(struct keys_ask *, struct chain *, const char *name,
    bool for_role, struct keys *);

static enum rc
own_keys(struct keys_ask *ask, const struct profile *p, struct keys *k)
{
	k->source = profile_text(p);
	profile_set(&k->id, p->key_id);
	profile_set(&k->secret, p->secret);
	profile_set(&k->token, p->token);
	return keys_check(ask, k);
}

/* ---- roles ---- */

static enum rc
of_source(struct keys_ask *ask, const struct profile *p, struct keys *k)
{
	const char *source = p->credential_source;

	if (strcmp(source, "Environment") == 0)
		return keys_variables(ask, "AWS_ACCESS_KEY_ID",
		    "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", k);
	if (strcmp(source, "EcsContainer") == 0)
		return keys_container(ask, k);
	if (strcmp(source, "Ec2InstanceMetadata") == 0)
		return keys_instance(ask, k);
	return keys_fail(ask, RC_USAGE,
	    "profile %s: its credential_source is none of Environment, "
	    "EcsContainer and Ec2InstanceMetadata",
	    p->name);
}

static enum rc
of_role(struct keys_ask *ask, struct chain *c, const struct profile *p,
    struct keys *k)
{
	const struct keys_role role = {.arn = p->role_arn,
	    .session = p->role_session_name,
	    .external = p->external_id,
	    .duration = p->duration};
	struct keys by = {0};
	enum rc rc;

	if (p->token_file)
		return keys_web_identity(ask, &role, p->token_file, k);
	if (p->mfa_serial)
		return keys_fail(ask, RC_USAGE,
		    "profile %s: its role asks for a code (mfa_serial), which "
		    "segtools does not; run eval \"$(aws configure "
		    "export-credentials --profile %s --format env)\" before",
		    p->name, p->name);
	if (p->source_profile)
		rc = of_profile(ask, c, p->source_profile, true, &by);
	else if (p->credential_source)
		rc = of_source(ask, p, &by);
	else
		return keys_fail(ask, RC_USAGE,
		    "profile %s: a role_arn without source_profile, "
		    "credential_source or web_identity_token_file",
		    p->name);
	if (rc == RC_ABSENT)
		rc = keys_fail(ask, RC_USAGE,
		    "profile %s: no credentials in its %s %s", p->name,
		    p->source_profile ? "source_profile" : "credential_source",
		    p->source_profile ? p->source_profile
				      : p->credential_source);
	if (rc == RC_OK)
		rc = keys_assume(ask, &role, &by, k);
	keys_release(&by);
	return rc;
}

/* ---- one profile ---- */

/* Are the keys that stand in it those that its own role is assumed by? */
static bool
is_own_source(const struct profile *p)
{
	return p->role_arn && p->source_profile &&
	       strcmp(p->source_profile, p->name) == 0;
}

static enum rc
choose(struct keys_ask *ask, struct chain *c, const struct profile *p, bool own,
    struct keys *k)
{
	if ((p->key_id || p->secret) && (own || !is_own_source(p)))
		return own_keys(ask, p, k);
	if (p->role_arn)
		return of_role(ask, c, p, k);
	if (p->token_file)
		return keys_fail(ask, RC_USAGE,
		    "profile %s: a web_identity_token_file without role_arn",
		    p->name);
	if (p->process)
		return keys_process(ask, p->process, k);
	if (p->sso)
		return keys_fail(ask, RC_USAGE,
		    "profile %s: single sign-on, which segtools does not; run "
		    "aws sso login --profile %s and eval \"$(aws configure "
		    "export-credentials --profile %s --format env)\" before",
		    p->name, p->name, p->name);
	return RC_ABSENT;
}

static enum rc
enter(struct keys_ask *ask, struct chain *c, const char *name, bool *own)
{
	*own = c->n > 0 && strcmp(c->names[c->n - 1], name) == 0;
	for (unsigned i = 0; i < c->n && !*own; i++)
		if (strcmp(c->names[i], name) == 0)
			return keys_fail(ask, RC_USAGE,
			    "profile %s: its source_profile leads back to it",
			    name);
	if (c->n == CHAIN_MAX)
		return keys_fail(ask, RC_USAGE,
		    "profile %s: more than %d profiles one after the other",
		    name, CHAIN_MAX);
	c->names[c->n++] = name;
	return RC_OK;
}

static enum rc
of_profile(struct keys_ask *ask, struct chain *c, const char *name,
    bool for_role, struct keys *k)
{
	struct profile p = {0};
	bool own;
	enum rc rc = enter(ask, c, name, &own);

	if (rc)
		return rc;
	rc = profile_load(&p, name);
	if (rc) /* reported */
		buf_clear(&ask->why);
	else if (for_role && !p.found)
		rc = keys_fail(ask, RC_USAGE,
		    "profile %s, a source_profile, is not there", name);
	else if (own && !p.key_id && !p.secret)
		rc = keys_fail(ask, RC_USAGE,
		    "profile %s: its source_profile leads back to it", name);
	else
		rc = choose(ask, c, &p, own, k);
	profile_release(&p);
	return rc;
}

enum rc
keys_profile(struct keys_ask *ask, const char *name, struct keys *k)
{
	struct chain c = {0};

	return of_profile(ask, &c, name, false, k);
}
