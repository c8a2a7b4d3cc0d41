/* profile: see profile.h. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aws/ini.h"
#include "aws/profile.h"
#include "base/buf.h"

const char *
aws_env(const char *name)
{
	const char *v = getenv(name);

	return v && *v ? v : NULL;
}

/* ---- the files ---- */

void
profile_set(char **to, const char *value)
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
	    {"role_arn", &p->role_arn},
	    {"source_profile", &p->source_profile},
	    {"credential_source", &p->credential_source},
	    {"role_session_name", &p->role_session_name},
	    {"external_id", &p->external_id},
	    {"duration_seconds", &p->duration},
	    {"mfa_serial", &p->mfa_serial},
	    {"web_identity_token_file", &p->token_file},
	    {"credential_process", &p->process},
	    {"sso_session", &p->sso},
	    {"sso_start_url", &p->sso},
	    {"sso_account_id", &p->sso},
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
			profile_set(known[i].to, o->value);
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

/* [services NAME], s3 = , then indented endpoint_url = ..., and of sts. */
static void
take_services(void *arg, const struct ini_option *o)
{
	struct profile *p = arg;

	if (!is_section(o->section, "services", p->services) || !o->parent ||
	    strcmp(o->key, "endpoint_url") != 0)
		return;
	if (strcmp(o->parent, "s3") == 0)
		profile_set(&p->endpoint_s3, o->value);
	else if (strcmp(o->parent, "sts") == 0)
		profile_set(&p->endpoint_sts, o->value);
}

static char *
aws_path(const char *variable, const char *name)
{
	const char *home = aws_env("HOME");

	if (aws_env(variable))
		return xstrdup(aws_env(variable));
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

char *
profile_text(const struct profile *p)
{
	struct buf b = {0};

	buf_addf(&b, "profile %s in ", p->name);
	add_shown(&b, p->credentials);
	buf_adds(&b, " and ");
	add_shown(&b, p->config);
	return b.data;
}

enum rc
profile_load(struct profile *p, const char *name)
{
	enum rc rc = RC_OK;

	*p = (struct profile){.name = xstrdup(name)};
	p->credentials = aws_path("AWS_SHARED_CREDENTIALS_FILE", "credentials");
	p->config = aws_path("AWS_CONFIG_FILE", "config");
	if (p->credentials)
		rc = ini_read(p->credentials, take_credentials, p);
	if (rc == RC_OK && p->config)
		rc = ini_read(p->config, take_config, p);
	if (rc == RC_OK && p->services && p->config)
		rc = ini_read(p->config, take_services, p);
	return rc;
}

void
profile_release(struct profile *p)
{
	char *const all[] = {p->name, p->key_id, p->secret, p->token,
	    p->role_arn, p->source_profile, p->credential_source,
	    p->role_session_name, p->external_id, p->duration, p->mfa_serial,
	    p->token_file, p->process, p->sso, p->region, p->ca_bundle,
	    p->checksums, p->endpoint, p->services, p->endpoint_s3,
	    p->endpoint_sts, p->credentials, p->config};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		free(all[i]);
	*p = (struct profile){0};
}
