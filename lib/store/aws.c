/* aws: see aws.h. */

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "store/aws.h"
#include "store/ini.h"

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

static void
set_string(char **to, const char *value)
{
	free(*to);
	*to = value && *value ? xstrdup(value) : NULL;
}

/* Is this the section "KIND NAME"?  The name may stand in quotes. */
static bool
is_section(const char *section, const char *kind, const char *name)
{
	size_t n = strlen(kind), len = strlen(name);

	if (strncmp(section, kind, n) != 0 || !strspn(section + n, " \t"))
		return false;
	section += n + strspn(section + n, " \t");
	if (*section != '"' && *section != '\'')
		return strcmp(section, name) == 0;
	return strncmp(section + 1, name, len) == 0 &&
	       section[len + 1] == *section && section[len + 2] == 0;
}

static void
take_value(struct profile *p, const struct ini_option *o)
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
		if (!o->parent && !*known[i].to &&
		    strcmp(o->key, known[i].key) == 0)
			set_string(known[i].to, o->value);
}

static void
take_credentials(void *arg, const struct ini_option *o)
{
	struct profile *p = arg;

	if (strcmp(o->section, p->name) == 0)
		take_value(p, o);
}

static void
take_config(void *arg, const struct ini_option *o)
{
	struct profile *p = arg;

	if (is_section(o->section, "profile", p->name) ||
	    (strcmp(p->name, "default") == 0 &&
		strcmp(o->section, p->name) == 0))
		take_value(p, o);
}

/* [services NAME], s3 = , then indented endpoint_url = ... */
static void
take_services(void *arg, const struct ini_option *o)
{
	struct profile *p = arg;

	if (is_section(o->section, "services", p->services) && o->parent &&
	    strcmp(o->parent, "s3") == 0 && strcmp(o->key, "endpoint_url") == 0)
		set_string(&p->endpoint_s3, o->value);
}

static char *
aws_path(const char *variable, const char *name)
{
	const char *home = env("HOME");

	if (env(variable))
		return xstrdup(env(variable));
	return home ? xasprintf("%s/.aws/%s", home, name) : NULL;
}

/* For messages: the file, and why it says nothing. */
static void
add_shown(struct buf *b, const char *path)
{
	struct stat st;

	buf_adds(b, path ? path : "(no HOME)");
	if (!path || access(path, F_OK) != 0)
		return;
	if (access(path, R_OK) != 0)
		buf_addf(b, " (%s)", strerror(errno));
	else if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		buf_adds(b, " (not a file)");
}

/* "profile NAME in CREDENTIALS and CONFIG" */
static char *
profile_text(const struct profile *p)
{
	struct buf b = {0};

	buf_addf(&b, "profile %s in ", p->name);
	add_shown(&b, p->credentials);
	buf_adds(&b, " and ");
	add_shown(&b, p->config);
	return b.data;
}

static enum rc
no_profile(const struct profile *p)
{
	char *text = profile_text(p);
	enum rc rc = msg_fail(RC_USAGE, "AWS_PROFILE: no %s", text);

	free(text);
	return rc;
}

static enum rc
profile_load(struct profile *p)
{
	enum rc rc = RC_OK;

	p->name = env("AWS_PROFILE");
	if (!p->name)
		p->name = "default";
	p->credentials = aws_path("AWS_SHARED_CREDENTIALS_FILE", "credentials");
	p->config = aws_path("AWS_CONFIG_FILE", "config");
	if (p->credentials)
		rc = ini_read(p->credentials, take_credentials, p);
	if (rc == RC_OK && p->config)
		rc = ini_read(p->config, take_config, p);
	if (rc == RC_OK && p->services)
		rc = ini_read(p->config, take_services, p);
	if (rc == RC_OK && !p->found && env("AWS_PROFILE"))
		rc = no_profile(p);
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
	a->source = profile_text(p);
	if (!p->key_id || !p->secret)
		return msg_fail(RC_USAGE, "%s: no %s", a->source,
		    p->key_id ? "aws_secret_access_key" : "aws_access_key_id");
	set_string(&a->key_id, p->key_id);
	set_string(&a->secret, p->secret);
	set_string(&a->token, p->token);
	return RC_OK;
}

static enum rc
no_keys(const struct profile *p)
{
	char *text = profile_text(p);
	enum rc rc = msg_fail(RC_USAGE,
	    "no credentials: looked at AWS_ACCESS_KEY_ID and "
	    "AWS_SECRET_ACCESS_KEY, %s, LIBSQL_BOTTOMLESS_AWS_ACCESS_KEY_ID "
	    "and LIBSQL_BOTTOMLESS_AWS_SECRET_ACCESS_KEY",
	    text);

	free(text);
	return rc;
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
		rc = no_keys(p);
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
