/* aws: see aws.h. */

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/file.h"
#include "store/aws.h"

enum { FILE_LIMIT = 1 << 20 };

/* What a profile says, from both files. */
struct profile {
	const char *name;
	char *key_id, *secret, *token, *region, *ca_bundle, *checksums;
	char *endpoint, *services;  /* for all services; a section's name */
	char *endpoint_s3;          /* of that section */
	char *credentials, *config; /* the files' paths, or NULL: no HOME */
	bool found;
};

static const char *
env(const char *name)
{
	const char *v = getenv(name);

	return v && *v ? v : NULL;
}

/* ---- the files ---- */

struct line {
	char *section; /* "default", "profile NAME", "services NAME" */
	char *parent;  /* of an indented line: the key above it; or NULL */
	char *key, *value;
};

static char *
trim(char *s)
{
	size_t n;

	s += strspn(s, " \t");
	for (n = strlen(s); n > 0 && strchr(" \t\r", s[n - 1]); n--)
		;
	s[n] = 0;
	return s;
}

static void
set_string(char **to, const char *value)
{
	free(*to);
	*to = value && *value ? xstrdup(value) : NULL;
}

/* One line; what is neither section nor "key = value" is passed over. */
static void
parse_line(struct line *l, char *text, void (*take)(void *, struct line *),
    void *profile)
{
	bool indented = *text == ' ' || *text == '\t';
	char *equals;

	text = trim(text);
	if (*text == '#' || *text == ';')
		return;
	if (*text == '[' && text[strlen(text) - 1] == ']') {
		text[strlen(text) - 1] = 0;
		set_string(&l->section, trim(text + 1));
		set_string(&l->parent, NULL);
		return;
	}
	equals = strchr(text, '=');
	if (!equals || !l->section)
		return;
	*equals = 0;
	l->key = trim(text);
	l->value = trim(equals + 1);
	if (!indented)
		set_string(&l->parent, NULL);
	take(profile, l);
	if (!indented && !*l->value)
		set_string(&l->parent, l->key);
}

/* A file that is not there says nothing. */
static enum rc
read_ini(const char *path, void (*take)(void *, struct line *), void *profile)
{
	struct file *f = NULL;
	struct file_map map = {0};
	struct line line = {0};
	const char *p, *end, *eol;
	enum rc rc;

	if (!path)
		return RC_OK;
	rc = file_open(&f, path);
	if (rc)
		return rc == RC_ABSENT ? RC_OK : RC_USAGE;
	rc = file_map(&map, f, FILE_LIMIT);
	for (p = map.data, end = p + map.len; rc == RC_OK && p < end; p = eol) {
		char *text;

		eol = memchr(p, '\n', (size_t)(end - p));
		eol = eol ? eol + 1 : end;
		text = xstrndup(p, (size_t)(eol - p));
		text[strcspn(text, "\n")] = 0;
		parse_line(&line, text, take, profile);
		free(text);
	}
	free(line.section);
	free(line.parent);
	file_unmap(&map);
	file_close(&f);
	return rc ? RC_USAGE : RC_OK;
}

/* Is this the section "KIND NAME"? */
static bool
is_section(const char *section, const char *kind, const char *name)
{
	size_t n = strlen(kind);

	if (strncmp(section, kind, n) != 0 ||
	    section[n + strspn(section + n, " \t")] == 0)
		return false;
	return strcmp(section + n + strspn(section + n, " \t"), name) == 0;
}

static void
take_value(struct profile *p, const struct line *l)
{
	const struct {
		const char *key;
		char **to;
	} known[] = {
	    {"aws_access_key_id", &p->key_id},
	    {"aws_secret_access_key", &p->secret},
	    {"aws_session_token", &p->token},
	    {"region", &p->region},
	    {"endpoint_url", &p->endpoint},
	    {"services", &p->services},
	    {"ca_bundle", &p->ca_bundle},
	    {"request_checksum_calculation", &p->checksums},
	};

	p->found = true;
	/* The first file that says it wins: that of the credentials. */
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!l->parent && !*known[i].to &&
		    strcmp(l->key, known[i].key) == 0)
			set_string(known[i].to, l->value);
}

static void
take_credentials(void *arg, struct line *l)
{
	struct profile *p = arg;

	if (strcmp(l->section, p->name) == 0)
		take_value(p, l);
}

static void
take_config(void *arg, struct line *l)
{
	struct profile *p = arg;

	if (is_section(l->section, "profile", p->name) ||
	    (strcmp(p->name, "default") == 0 &&
		strcmp(l->section, p->name) == 0))
		take_value(p, l);
}

/* [services NAME], s3 = , then indented endpoint_url = ... */
static void
take_services(void *arg, struct line *l)
{
	struct profile *p = arg;

	if (is_section(l->section, "services", p->services) && l->parent &&
	    strcmp(l->parent, "s3") == 0 && strcmp(l->key, "endpoint_url") == 0)
		set_string(&p->endpoint_s3, l->value);
}

static char *
aws_path(const char *variable, const char *name)
{
	const char *home = env("HOME");

	if (env(variable))
		return xstrdup(env(variable));
	return home ? xasprintf("%s/.aws/%s", home, name) : NULL;
}

static const char *
shown(const char *path)
{
	return path ? path : "(no HOME)";
}

static enum rc
profile_load(struct profile *p)
{
	enum rc rc;

	p->name = env("AWS_PROFILE");
	if (!p->name)
		p->name = "default";
	p->credentials = aws_path("AWS_SHARED_CREDENTIALS_FILE", "credentials");
	p->config = aws_path("AWS_CONFIG_FILE", "config");
	rc = read_ini(p->credentials, take_credentials, p);
	if (rc == RC_OK)
		rc = read_ini(p->config, take_config, p);
	if (rc == RC_OK && p->services)
		rc = read_ini(p->config, take_services, p);
	if (rc == RC_OK && !p->found && env("AWS_PROFILE"))
		rc =
		    msg_fail(RC_USAGE, "AWS_PROFILE: no profile %s in %s or %s",
			p->name, shown(p->credentials), shown(p->config));
	return rc;
}

static void
profile_release(struct profile *p)
{
	free(p->key_id);
	free(p->secret);
	free(p->token);
	free(p->region);
	free(p->ca_bundle);
	free(p->checksums);
	free(p->endpoint);
	free(p->services);
	free(p->endpoint_s3);
	free(p->credentials);
	free(p->config);
}

/* ---- choosing ---- */

/* The keys from two variables, if they are set.  A pair of which one half is
 * missing is a mistake, not a reason to look further. */
static enum rc
keys_from_env(struct aws *a, const char *id_name, const char *secret_name)
{
	const char *id = env(id_name), *secret = env(secret_name);

	if (!id && !secret)
		return RC_ABSENT;
	if (!id || !secret)
		return msg_fail(RC_USAGE, "%s is set, %s is not",
		    id ? id_name : secret_name, id ? secret_name : id_name);
	set_string(&a->key_id, id);
	set_string(&a->secret, secret);
	a->source = xstrdup(id_name);
	return RC_OK;
}

static enum rc
keys_from_profile(struct aws *a, const struct profile *p)
{
	if (!p->key_id && !p->secret)
		return RC_ABSENT;
	a->source = xasprintf("profile %s of %s and %s", p->name,
	    shown(p->credentials), shown(p->config));
	if (!p->key_id || !p->secret)
		return msg_fail(RC_USAGE, "%s: no %s", a->source,
		    p->key_id ? "aws_secret_access_key" : "aws_access_key_id");
	set_string(&a->key_id, p->key_id);
	set_string(&a->secret, p->secret);
	set_string(&a->token, p->token);
	return RC_OK;
}

static enum rc
choose_keys(struct aws *a, const struct profile *p)
{
	enum rc rc =
	    keys_from_env(a, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY");

	if (rc == RC_OK)
		set_string(&a->token, env("AWS_SESSION_TOKEN"));
	if (rc == RC_ABSENT)
		rc = keys_from_profile(a, p);
	if (rc == RC_ABSENT)
		rc = keys_from_env(a, "LIBSQL_BOTTOMLESS_AWS_ACCESS_KEY_ID",
		    "LIBSQL_BOTTOMLESS_AWS_SECRET_ACCESS_KEY");
	if (rc == RC_ABSENT)
		rc = msg_fail(RC_USAGE,
		    "no credentials: looked at AWS_ACCESS_KEY_ID and "
		    "AWS_SECRET_ACCESS_KEY, profile %s in %s and %s, "
		    "LIBSQL_BOTTOMLESS_AWS_ACCESS_KEY_ID and "
		    "LIBSQL_BOTTOMLESS_AWS_SECRET_ACCESS_KEY",
		    p->name, shown(p->credentials), shown(p->config));
	return rc;
}

/* The first that says something. */
static void
choose(char **to, const char *const *from, size_t n)
{
	for (size_t i = 0; i < n && !*to; i++)
		set_string(to, from[i]);
}

static void
choose_others(struct aws *a, const struct profile *p)
{
	const char *const region[] = {env("AWS_REGION"),
	    env("AWS_DEFAULT_REGION"), p->region,
	    env("LIBSQL_BOTTOMLESS_AWS_DEFAULT_REGION"), "us-east-1"};
	const char *const endpoint[] = {env("AWS_ENDPOINT_URL_S3"),
	    env("AWS_ENDPOINT_URL"), p->endpoint_s3, p->endpoint,
	    env("LIBSQL_BOTTOMLESS_ENDPOINT")};
	const char *const bundle[] = {env("AWS_CA_BUNDLE"), p->ca_bundle};

	choose(&a->region, region, sizeof(region) / sizeof(region[0]));
	choose(&a->endpoint, endpoint, sizeof(endpoint) / sizeof(endpoint[0]));
	choose(&a->ca_bundle, bundle, sizeof(bundle) / sizeof(bundle[0]));
}

static enum rc
choose_checksums(struct aws *a, const struct profile *p)
{
	const char *name = "AWS_REQUEST_CHECKSUM_CALCULATION";
	const char *value = env(name) ? env(name) : p->checksums;

	if (!value || strcasecmp(value, "when_supported") == 0)
		return RC_OK;
	a->checksums_when_required = true;
	if (strcasecmp(value, "when_required") == 0)
		return RC_OK;
	return msg_fail(RC_USAGE,
	    "%s: %s, which is neither when_supported nor when_required",
	    env(name) ? name : "request_checksum_calculation", value);
}

/* ---- checking ---- */

/* What goes into a header or a URL as it is. */
static bool
is_printable(const char *s)
{
	for (; s && *s; s++)
		if ((unsigned char)*s <= 0x20 || (unsigned char)*s >= 0x7f)
			return false;
	return true;
}

static enum rc
check_endpoint(char *url)
{
	const char *host = strstr(url, "://");
	size_t len = strlen(url);

	if (!host || (strncmp(url, "https://", 8) != 0 &&
			 strncmp(url, "http://", 7) != 0))
		return msg_fail(RC_USAGE,
		    "%s: an endpoint begins with https:// or http://", url);
	host += 3;
	if (strchr(host, '@')) /* may be a password: not shown */
		return msg_fail(RC_USAGE,
		    "the endpoint has credentials in it; they go into "
		    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
	if (*host == 0 || *host == '/' || *host == ':' ||
	    strpbrk(url, "?#\\") || !is_printable(url))
		return msg_fail(RC_USAGE, "%s: not a valid endpoint", url);
	while (len > 0 && url[len - 1] == '/')
		url[--len] = 0;
	return RC_OK;
}

static enum rc
check(const struct aws *a)
{
	static const char region[] = "abcdefghijklmnopqrstuvwxyz"
				     "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

	if (!is_printable(a->key_id) || !is_printable(a->secret) ||
	    !is_printable(a->token))
		return msg_fail(RC_USAGE,
		    "credentials from %s: a space, control or non-ASCII "
		    "character in them",
		    a->source);
	if (a->region[strspn(a->region, region)])
		return msg_fail(RC_USAGE, "%s: not a valid region", a->region);
	return a->endpoint ? check_endpoint(a->endpoint) : RC_OK;
}

enum rc
aws_load(struct aws *a)
{
	struct profile p = {0};
	enum rc rc = profile_load(&p);

	*a = (struct aws){0};
	if (rc == RC_OK)
		rc = choose_keys(a, &p);
	if (rc == RC_OK) {
		choose_others(a, &p);
		rc = choose_checksums(a, &p);
	}
	if (rc == RC_OK)
		rc = check(a);
	profile_release(&p);
	if (rc)
		aws_release(a);
	return rc;
}

void
aws_release(struct aws *a)
{
	free(a->key_id);
	free(a->secret);
	free(a->token);
	free(a->region);
	free(a->endpoint);
	free(a->ca_bundle);
	free(a->source);
	*a = (struct aws){0};
}
