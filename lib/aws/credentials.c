/* credentials: see credentials.h. */

#include <stdlib.h>
#include <string.h>

#include "aws/credentials.h"
#include "aws/profile.h"
#include "base/time.h"

enum {
	AHEAD_MS = 5 * 60000, /* of their end they are fetched anew */
	/* From one try to the next, if that is less than half of what is left. */
	PAUSE_MS = 60000,
	PAUSE_MIN_MS = 1000
};

struct credentials {
	struct keys_ask ask;
	struct keys keys;
	unsigned generation;
	unsigned retry_for;
	uint64_t due; /* ms since 1970 UTC */
	bool doubted; /* fetched since the service complained, not taken yet */
	enum rc failed; /* what came of the last complaint */
};

/* ---- the order ---- */

static enum rc
environment(struct keys_ask *ask, struct keys *k)
{
	return keys_variables(ask, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
	    "AWS_SESSION_TOKEN", k);
}

static enum rc
named_profile(struct keys_ask *ask, struct keys *k)
{
	const char *name = aws_env("AWS_PROFILE");

	return name ? keys_profile(ask, name, k) : RC_ABSENT;
}

/* Who names another one does not mean this one. */
static enum rc
default_profile(struct keys_ask *ask, struct keys *k)
{
	return aws_env("AWS_PROFILE") ? RC_ABSENT
				      : keys_profile(ask, "default", k);
}

static enum rc
libsql(struct keys_ask *ask, struct keys *k)
{
	return keys_variables(ask, "LIBSQL_BOTTOMLESS_AWS_ACCESS_KEY_ID",
	    "LIBSQL_BOTTOMLESS_AWS_SECRET_ACCESS_KEY", NULL, k);
}

static enum rc
no_keys(struct keys_ask *ask)
{
	const char *name = aws_env("AWS_PROFILE");
	struct profile p = {0};
	char *text;
	enum rc rc = profile_load(&p, name ? name : "default");

	if (rc == RC_OK) {
		text = profile_text(&p);
		rc = keys_fail(ask, RC_USAGE,
		    "no credentials: looked at AWS_ACCESS_KEY_ID and "
		    "AWS_SECRET_ACCESS_KEY, %s, AWS_WEB_IDENTITY_TOKEN_FILE, "
		    "LIBSQL_BOTTOMLESS_AWS_ACCESS_KEY_ID and "
		    "LIBSQL_BOTTOMLESS_AWS_SECRET_ACCESS_KEY, "
		    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and _FULL_URI, "
		    "and instance metadata",
		    text);
		free(text);
	}
	profile_release(&p);
	return rc;
}

static enum rc
fetch(struct keys_ask *ask, struct keys *k)
{
	static enum rc (*const sources[])(struct keys_ask *, struct keys *) = {
	    environment, named_profile, keys_web_variables, default_profile,
	    libsql, keys_container, keys_instance};
	enum rc rc = RC_ABSENT;

	*k = (struct keys){0};
	for (size_t i = 0;
	     rc == RC_ABSENT && i < sizeof(sources) / sizeof(sources[0]); i++) {
		buf_clear(&ask->why);
		rc = sources[i](ask, k);
	}
	if (rc == RC_ABSENT)
		rc = no_keys(ask);
	if (rc == RC_OK)
		rc = keys_check(ask, k);
	if (rc)
		keys_release(k);
	return rc;
}

/* ---- in time ---- */

static void
plan(struct credentials *c)
{
	uint64_t now = time_now(), left, pause;

	c->due = UINT64_MAX;
	if (!c->keys.expires)
		return;
	left = c->keys.expires > now ? c->keys.expires - now : 0;
	pause = left / 2 < PAUSE_MS ? left / 2 : PAUSE_MS;
	if (pause < PAUSE_MIN_MS)
		pause = PAUSE_MIN_MS;
	c->due = now + (left > AHEAD_MS + pause ? left - AHEAD_MS : pause);
}

static bool
same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* The keys are k now; false: they are what they were. */
static bool
replace(struct credentials *c, struct keys *k)
{
	bool other = !same(c->keys.id, k->id) ||
		     !same(c->keys.secret, k->secret) ||
		     !same(c->keys.token, k->token);
	char until[TIME_TEXT_MAX];

	keys_release(&c->keys);
	c->keys = *k;
	c->generation += other;
	plan(c);
	if (other && k->expires)
		msg_info("credentials from %s, good until %s", k->source,
		    time_text(k->expires, until));
	return other;
}

static enum rc
report(const struct credentials *c, enum rc rc)
{
	return c->ask.why.len ? msg_fail(rc, "%s", c->ask.why.data) : rc;
}

enum rc
credentials_new(
    struct credentials **out, const struct aws *aws, unsigned retry_for)
{
	struct credentials *c = xcalloc(1, sizeof(*c));
	struct keys k;
	enum rc rc;

	c->ask.aws = aws;
	c->retry_for = c->ask.retry_for = retry_for;
	rc = fetch(&c->ask, &k);
	if (rc == RC_OK) {
		replace(c, &k);
	} else {
		report(c, rc);
		credentials_free(c);
		c = NULL;
	}
	*out = c;
	return rc;
}

void
credentials_free(struct credentials *c)
{
	if (!c)
		return;
	keys_release(&c->keys);
	buf_release(&c->ask.why);
	free(c);
}

const struct keys *
credentials_keys(const struct credentials *c)
{
	return &c->keys;
}

unsigned
credentials_generation(const struct credentials *c)
{
	return c->generation;
}

bool
credentials_are_old(const struct credentials *c)
{
	return c->keys.expires && time_now() >= c->keys.expires;
}

/* Transfers wait meanwhile, so it is tried but once each time. */
void
credentials_refresh(struct credentials *c)
{
	char until[TIME_TEXT_MAX];
	struct keys k;

	if (time_now() < c->due)
		return;
	c->ask.retry_for = 0;
	if (fetch(&c->ask, &k) == RC_OK) {
		replace(c, &k);
		c->failed = RC_OK;
	} else {
		plan(c);
		if (!credentials_are_old(c))
			msg_warn("%s; the credentials that there are serve "
				 "until %s",
			    c->ask.why.len ? c->ask.why.data
					   : "no new credentials",
			    time_text(c->keys.expires, until));
	}
	c->ask.retry_for = c->retry_for;
}

enum rc
credentials_expired(struct credentials *c, unsigned generation)
{
	struct keys k;

	if (generation != c->generation)
		return RC_OK;
	if (c->failed || c->doubted)
		return c->failed ? c->failed : RC_ABSENT;
	c->doubted = true;
	c->failed = fetch(&c->ask, &k);
	if (c->failed)
		return report(c, c->failed);
	return replace(c, &k) ? RC_OK : RC_ABSENT;
}

void
credentials_taken(struct credentials *c, unsigned generation)
{
	if (generation != c->generation)
		return;
	c->doubted = false;
	c->failed = RC_OK;
}
