/* What aws_load() and credentials_new() make of variables and files, and what
 * they refuse. */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aws/credentials.h"
#include "base/buf.h"
#include "tap.h"

static char dir[] = "/tmp/segtools-aws.XXXXXX";

static void
write_file(const char *name, const char *text)
{
	char *path = xasprintf("%s/%s", dir, name);
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		abort();
	close(fd);
	free(path);
}

/* The environment is these variables, "NAME=VALUE ...", and HOME. */
static void
set_env(const char *const *vars)
{
	clearenv();
	setenv("HOME", dir, 1);
	setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
	for (; *vars; vars++) {
		char *name = xstrdup(*vars), *equals = strchr(name, '=');

		*equals = 0;
		setenv(name, equals + 1, 1);
		free(name);
	}
}

/* Where the service is, and who we are. */
struct all {
	struct aws aws;
	struct credentials *credentials;
	const struct keys *keys;
};

static enum rc
load(struct all *a)
{
	enum rc rc = aws_load(&a->aws);

	a->credentials = NULL;
	if (rc == RC_OK)
		rc = credentials_new(&a->credentials, &a->aws, 0);
	if (rc == RC_OK)
		a->keys = credentials_keys(a->credentials);
	return rc;
}

static void
release(struct all *a)
{
	credentials_free(a->credentials);
	aws_release(&a->aws);
}

static bool
is(const char *got, const char *want)
{
	return got && want ? strcmp(got, want) == 0 : got == want;
}

static const char credentials[] = "# a comment\n"
				  "[default]\r\n"
				  "aws_access_key_id = DEFAULT\r\n"
				  "aws_secret_access_key=ds/+=\r\n"
				  "\n"
				  "[ other ]\n"
				  "aws_access_key_id=OTHER\n"
				  "aws_secret_access_key=os\n"
				  "aws_session_token=ot\n"
				  "[half]\n"
				  "aws_access_key_id=HALF\n"
				  "[broken\n"
				  "no equals sign\n";

/* Another pair, as people and tools write them. */
static const char odd[] = "\xEF\xBB\xBF[default] ; ours\r\n"
			  "AWS_ACCESS_KEY_ID: UPPER\r\n"
			  "Aws_Secret_Access_Key = a=b:c#d;e\r\n"
			  "[indented] # all of it\n"
			  "   aws_access_key_id = INDENTED\n"
			  "   # not this\n"
			  "   aws_secret_access_key : is\n"
			  "[continued]\r"
			  "aws_access_key_id = C\r"
			  "aws_secret_access_key = first\r"
			  "    second\r";

static const char odd_config[] = "[profile \"indented\"]\n"
				 "Region: r1\n"
				 "s3 =\n"
				 "\n"
				 "    ; of s3\n"
				 "    Region = r2\n"
				 "services = s\n"
				 "[services 's'] # of it\n"
				 "s3: \n"
				 "    endpoint_url = http://s3\n"
				 "    region = r3\n";

static const char config[] = "stray = 1\n"
			     "[default]\n"
			     "region = eu-west-1\n"
			     "s3 =\n"
			     "  endpoint_url = http://not.this\n"
			     "[profile other]\n"
			     "region=eu-west-2\n"
			     "services = mine\n"
			     "endpoint_url=http://general/\n"
			     "ca_bundle=/other.pem\n"
			     "request_checksum_calculation = when_required\n"
			     "aws_access_key_id=NOT\n"
			     "[services mine]\n"
			     "sqs =\n"
			     "  endpoint_url = http://sqs\n"
			     "s3 =\n"
			     "  endpoint_url = https://special:9000/base//\n"
			     "[profile plain]\n"
			     "aws_access_key_id=PLAIN\n"
			     "aws_secret_access_key=ps\n"
			     "endpoint_url=http://general\n";

static const struct {
	const char *vars[6];
	const char *id, *secret, *token, *region, *endpoint, *bundle;
	bool required;
} good[] = {
    {{"AWS_REGION=r"}, "DEFAULT", "ds/+=", NULL, "r", NULL, NULL, false},
    {{"X=", "AWS_REGION="}, "DEFAULT", "ds/+=", NULL, "eu-west-1", NULL, NULL,
	false},
    {{"AWS_PROFILE=other"}, "OTHER", "os", "ot", "eu-west-2",
	"https://special:9000/base", "/other.pem", true},
    {{"AWS_PROFILE=other", "AWS_REQUEST_CHECKSUM_CALCULATION=WHEN_SUPPORTED"},
	"OTHER", "os", "ot", "eu-west-2", "https://special:9000/base",
	"/other.pem", false},
    {{"AWS_PROFILE=plain", "AWS_REQUEST_CHECKSUM_CALCULATION=when_required"},
	"PLAIN", "ps", NULL, "us-east-1", "http://general", NULL, true},
    {{"AWS_PROFILE=plain"}, "PLAIN", "ps", NULL, "us-east-1", "http://general",
	NULL, false},
    {{"AWS_PROFILE=plain", "AWS_ENDPOINT_URL=http://e", "AWS_CA_BUNDLE=/b"},
	"PLAIN", "ps", NULL, "us-east-1", "http://e", "/b", false},
    {{"AWS_ENDPOINT_URL=http://e", "AWS_ENDPOINT_URL_S3=http://s",
	 "AWS_DEFAULT_REGION=d"},
	"DEFAULT", "ds/+=", NULL, "d", "http://s", NULL, false},
    {{"AWS_ACCESS_KEY_ID=I", "AWS_SECRET_ACCESS_KEY=S:1", "AWS_SESSION_TOKEN=T",
	 "AWS_PROFILE=other"},
	"I", "S:1", "T", "eu-west-2", "https://special:9000/base", "/other.pem",
	true},
    {{"HOME=/none", "LIBSQL_BOTTOMLESS_AWS_ACCESS_KEY_ID=L",
	 "LIBSQL_BOTTOMLESS_AWS_SECRET_ACCESS_KEY=M",
	 "LIBSQL_BOTTOMLESS_ENDPOINT=http://l",
	 "LIBSQL_BOTTOMLESS_AWS_DEFAULT_REGION=lr"},
	"L", "M", NULL, "lr", "http://l", NULL, false},
    {{"LIBSQL_BOTTOMLESS_AWS_ACCESS_KEY_ID=L",
	 "LIBSQL_BOTTOMLESS_AWS_SECRET_ACCESS_KEY=M",
	 "LIBSQL_BOTTOMLESS_ENDPOINT=http://l"},
	"DEFAULT", "ds/+=", NULL, "eu-west-1", "http://l", NULL, false},
};

#define ODD \
	"AWS_SHARED_CREDENTIALS_FILE=.aws/odd", "AWS_CONFIG_FILE=.aws/oddconf"

static const struct {
	const char *vars[4];
	const char *id, *secret, *region, *endpoint;
} odd_good[] = {
    {{ODD}, "UPPER", "a=b:c#d;e", "us-east-1", NULL},
    {{ODD, "AWS_PROFILE=indented"}, "INDENTED", "is", "r1", "http://s3"},
};

/* Files that are not needed, and cannot be had. */
static const char *const unneeded[] = {
    "/dev/null", "/tmp", "/none", "/dev/null/x"};

static const char *const bad[][4] = {
    {ODD, "AWS_PROFILE=continued"},
    {"HOME=/none"},
    {"AWS_ACCESS_KEY_ID=I"},
    {"AWS_SECRET_ACCESS_KEY=I"},
    {"AWS_PROFILE=none"},
    {"AWS_PROFILE=half"},
    {"AWS_REGION=a/b"},
    {"AWS_REGION=a:b"},
    {"AWS_REQUEST_CHECKSUM_CALCULATION=never"},
    {"AWS_ENDPOINT_URL=host:9000"},
    {"AWS_ENDPOINT_URL=ftp://host"},
    {"AWS_ENDPOINT_URL=http://"},
    {"AWS_ENDPOINT_URL=http://:80"},
    {"AWS_ENDPOINT_URL=http://user:word@host"},
    {"AWS_ENDPOINT_URL=http://host/?x"},
    {"AWS_ENDPOINT_URL=http://ho st"},
    {"AWS_ACCESS_KEY_ID=I\nX: y", "AWS_SECRET_ACCESS_KEY=S"},
    {"AWS_ACCESS_KEY_ID=I", "AWS_SECRET_ACCESS_KEY=S",
	"AWS_SESSION_TOKEN=a\r\nb"},
};

static void
test_odd(void)
{
	struct all a;

	for (size_t i = 0; i < sizeof(odd_good) / sizeof(odd_good[0]); i++) {
		set_env(odd_good[i].vars);
		ok(load(&a) == RC_OK && is(a.keys->id, odd_good[i].id) &&
			is(a.keys->secret, odd_good[i].secret) &&
			is(a.aws.region, odd_good[i].region) &&
			is(a.aws.endpoint, odd_good[i].endpoint),
		    "as it is written: %s", odd_good[i].id);
		release(&a);
	}
}

static void
test_unneeded(void)
{
	static const char *const keys[] = {
	    "AWS_ACCESS_KEY_ID=I", "AWS_SECRET_ACCESS_KEY=S", NULL};
	struct all a;

	for (size_t i = 0; i < sizeof(unneeded) / sizeof(unneeded[0]); i++) {
		set_env(keys);
		setenv("AWS_SHARED_CREDENTIALS_FILE", unneeded[i], 1);
		setenv("AWS_CONFIG_FILE", unneeded[i], 1);
		ok(load(&a) == RC_OK && is(a.keys->id, "I"), "not needed: %s",
		    unneeded[i]);
		release(&a);
	}
}

int
main(int argc, char **argv)
{
	struct all a;

	(void)argc;
	msg_init(argv[0]);
	if (!mkdtemp(dir))
		return 1;
	write_file("credentials", credentials);
	write_file("config", config);
	write_file("odd", odd);
	write_file("oddconf", odd_config);
	if (chdir(dir) != 0 || mkdir(".aws", 0700) != 0 ||
	    rename("credentials", ".aws/credentials") != 0 ||
	    rename("odd", ".aws/odd") != 0 ||
	    rename("oddconf", ".aws/oddconf") != 0 ||
	    rename("config", ".aws/config") != 0)
		return 1;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		set_env(good[i].vars);
		ok(load(&a) == RC_OK && is(a.keys->id, good[i].id) &&
			is(a.keys->secret, good[i].secret) &&
			is(a.keys->token, good[i].token) &&
			is(a.aws.region, good[i].region) &&
			is(a.aws.endpoint, good[i].endpoint) &&
			is(a.aws.ca_bundle, good[i].bundle) &&
			a.aws.checksums_when_required == good[i].required,
		    "%s", good[i].vars[0]);
		release(&a);
	}
	test_odd();
	test_unneeded();
	msg_verbosity(-2);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		set_env(bad[i]);
		ok(load(&a) == RC_USAGE && !a.credentials, "refused: %.40s",
		    strchr(bad[i][0], '\n') ? "a line break" : bad[i][0]);
		release(&a);
	}
	msg_verbosity(2);
	(void)unlink(".aws/credentials");
	(void)unlink(".aws/config");
	(void)unlink(".aws/odd");
	(void)unlink(".aws/oddconf");
	(void)rmdir(".aws");
	(void)rmdir(dir);
	return tap_done();
}
