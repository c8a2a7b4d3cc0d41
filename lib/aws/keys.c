/* keys: see keys.h. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/keys.h"
#include "aws/profile.h"
#include "base/json_read.h"
#include "base/time.h"

void
keys_release(struct keys *k)
{
	free(k->id);
	free(k->secret);
	free(k->token);
	free(k->source);
	*k = (struct keys){0};
}

enum rc
keys_fail(struct keys_ask *ask, enum rc rc, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	buf_clear(&ask->why);
	buf_adds(&ask->why, n < 0 ? "out of memory" : text);
	free(n < 0 ? NULL : text);
	return rc;
}

enum rc
keys_check(struct keys_ask *ask, const struct keys *k)
{
	if (!k->id || !k->secret)
		return keys_fail(ask, RC_USAGE, "%s: no %s", k->source,
		    k->id ? "aws_secret_access_key" : "aws_access_key_id");
	if (!aws_is_printable(k->id) || !aws_is_printable(k->secret) ||
	    !aws_is_printable(k->token))
		return keys_fail(ask, RC_USAGE,
		    "credentials from %s: a space, control or non-ASCII "
		    "character in them",
		    k->source);
	return RC_OK;
}

/* A pair of which one half is missing is a mistake, not a reason to look
 * further. */
enum rc
keys_variables(struct keys_ask *ask, const char *id_name,
    const char *secret_name, const char *token_name, struct keys *k)
{
	const char *id = aws_env(id_name), *secret = aws_env(secret_name);

	if (!id && !secret)
		return RC_ABSENT;
	if (!id || !secret)
		return keys_fail(ask, RC_USAGE, "%s is set, %s is not",
		    id ? id_name : secret_name, id ? secret_name : id_name);
	k->id = xstrdup(id);
	k->secret = xstrdup(secret);
	if (token_name)
		profile_set(&k->token, aws_env(token_name));
	k->source = xstrdup(id_name);
	return RC_OK;
}

/* ---- documents ---- */

struct document {
	struct keys *keys;
	const char *token, *version;
	bool right_version, refused;
};

static bool
take_member(void *arg, const struct json_member *m)
{
	struct document *d = arg;
	struct keys *k = d->keys;
	const struct {
		const char *name;
		char **to;
	} strings[] = {{"AccessKeyId", &k->id}, {"SecretAccessKey", &k->secret},
	    {d->token, &k->token}};

	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		if (strcmp(m->name, strings[i].name) != 0)
			continue;
		if (!m->value) /* null: there is none */
			return true;
		if (!m->is_string || *strings[i].to)
			return false;
		profile_set(strings[i].to, m->value);
		return true;
	}
	if (strcmp(m->name, "Expiration") == 0)
		return !m->value ||
		       (m->is_string && time_parse(m->value, &k->expires));
	if (strcmp(m->name, "Version") == 0 && d->version)
		d->right_version = m->value && !m->is_string &&
				   strcmp(m->value, d->version) == 0;
	if (strcmp(m->name, "Code") == 0)
		d->refused = !m->value || strcmp(m->value, "Success") != 0;
	return true;
}

enum rc
keys_json(struct keys_ask *ask, const struct buf *text, const char *what,
    const char *token, const char *version, struct keys *k)
{
	struct document d = {.keys = k, .token = token, .version = version};

	if (!json_object(text->data, text->len, take_member, &d))
		return keys_fail(ask, RC_USAGE,
		    "%s: what it says are no credentials in JSON", what);
	if (d.refused)
		return keys_fail(
		    ask, RC_USAGE, "%s: its Code is not Success", what);
	if (version && !d.right_version)
		return keys_fail(
		    ask, RC_USAGE, "%s: its Version is not %s", what, version);
	if (!k->id || !k->secret)
		return keys_fail(ask, RC_USAGE, "%s: no %s in what it says",
		    what, k->id ? "SecretAccessKey" : "AccessKeyId");
	k->source = xstrdup(what);
	return RC_OK;
}
