/* cli: see cli.h. */

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/number.h"
#include "base/output.h"
#include "cli/cli.h"
#include "store/store.h"

enum { RETRY_FOR = CLI_OWN + 1000 };

static const struct option always[] = {
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {"verbose", no_argument, NULL, 'v'},
    {"quiet", no_argument, NULL, 'q'},
};

/* Chosen by their letters; --retry-for, which has none, by "r". */
static const struct option common_options[] = {
    {"store", required_argument, NULL, 's'},
    {"cluster", required_argument, NULL, 'C'},
    {"dir", required_argument, NULL, 'd'},
    {"catalog", required_argument, NULL, 'k'},
    {"jobs", required_argument, NULL, 'j'},
    {"eof-ends-set", no_argument, NULL, 'e'},
    {"json", no_argument, NULL, 'J'},
    {"dry-run", no_argument, NULL, 'n'},
    {"force", no_argument, NULL, 'F'},
    {"retry-for", required_argument, NULL, 'r'},
};

static const char *
env(const char *name)
{
	const char *v = getenv(name);

	return v && *v ? v : NULL;
}

/* The store and cluster that libsql-server's own variables name. */
static void
defaults(struct cli *cli)
{
	const char *bucket = env("LIBSQL_BOTTOMLESS_BUCKET");

	cli->store = env("SEG_STORE");
	if (!cli->store && bucket)
		cli->store = cli->libsql_store = xasprintf("s3://%s", bucket);
	cli->cluster = env("SEG_CLUSTER");
	if (!cli->cluster)
		cli->cluster = env("LIBSQL_BOTTOMLESS_DATABASE_ID");
	if (!cli->cluster)
		cli->cluster = "default";
	cli->dir = ".";
	cli->jobs = 16;
	cli->retry_for = 60;
}

static void
add_option(struct cli *cli, const struct option *o, size_t *n)
{
	char letter[4] = {0};

	if (*n == CLI_MAX_OPTIONS)
		abort();
	cli->options[(*n)++] = *o;
	if (o->val >= CLI_OWN)
		return;
	letter[0] = (char)o->val;
	letter[1] = o->has_arg == required_argument ? ':' : 0;
	strcat(cli->letters, letter);
}

void
cli_init(struct cli *cli, char **argv, const char *usage, const char *common,
    const struct option *own)
{
	size_t n = 0;

	*cli = (struct cli){.usage = usage, .own = own};
	msg_init(argv[0]);
	/* A reader that has gone is a failed write, status 3. */
	signal(SIGPIPE, SIG_IGN);
	/* So is a limit on the size of files that is reached. */
	signal(SIGXFSZ, SIG_IGN);
	defaults(cli);
	opterr = 0;
	strcpy(cli->letters, ":");
	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		add_option(cli, &always[i], &n);
	for (size_t i = 0;
	     i < sizeof(common_options) / sizeof(common_options[0]); i++) {
		struct option o = common_options[i];

		if (!strchr(common, o.val))
			continue;
		if (o.val == 'r')
			o.val = RETRY_FOR;
		add_option(cli, &o, &n);
	}
	for (; own && own->name; own++)
		add_option(cli, own, &n);
}

void
cli_usage(const struct cli *cli, const char *fmt, ...)
{
	struct buf text = {0};
	va_list ap;

	(void)cli;
	va_start(ap, fmt);
	vsnprintf(buf_reserve(&text, 4096), 4096, fmt, ap);
	va_end(ap);
	msg_fail(RC_USAGE, "%s (-h shows how it is used)", text.data);
	buf_release(&text);
	exit(RC_USAGE);
}

uint64_t
cli_number(const struct cli *cli, const char *option, const char *text,
    uint64_t min, uint64_t max)
{
	uint64_t v;

	if (!number_u64(text, strlen(text), &v) || v < min || v > max)
		cli_usage(cli, "%s: %s is not a number from %llu to %llu",
		    option, text, (unsigned long long)min,
		    (unsigned long long)max);
	return v;
}

static void
finish_now(void)
{
	exit(output_close());
}

/* A common option; false if it is the command's own. */
static bool
common_option(struct cli *cli, int c)
{
	switch (c) {
	case 'h':
		fputs(cli->usage, stdout);
		finish_now();
		break;
	case 'V':
		printf("%s (segtools) %s\n", msg_name(), SEGTOOLS_VERSION);
		finish_now();
		break;
	case 'v':
		msg_verbosity(1);
		break;
	case 'q':
		msg_verbosity(-1);
		break;
	case 's':
		cli->store = optarg;
		break;
	case 'C':
		cli->cluster = optarg;
		break;
	case 'd':
		cli->dir = optarg;
		break;
	case 'k':
		cli->catalog = optarg;
		break;
	case 'j':
		cli->jobs = (unsigned)cli_number(cli, "-j", optarg, 1, 1000);
		break;
	case 'e':
		cli->eof_ends_set = true;
		break;
	case 'J':
		cli->out.json = true;
		break;
	case 'n':
		cli->dry_run = true;
		break;
	case 'F':
		cli->force = true;
		break;
	case RETRY_FOR:
		cli->retry_for = (unsigned)cli_number(
		    cli, "--retry-for", optarg, 0, 86400 * 365);
		break;
	default:
		return false;
	}
	return true;
}

/* A letter that the command gave a meaning of its own wins over the common
 * one; "common" then does not have it. */
static bool
is_own(const struct cli *cli, int c)
{
	for (const struct option *o = cli->own; o && o->name; o++)
		if (o->val == c)
			return true;
	return false;
}

static void
bad_option(const struct cli *cli, int c, char **argv)
{
	char letter[3] = {'-', (char)optopt, 0};
	const char *option =
	    optopt > 0 && optopt < CLI_OWN ? letter : argv[optind - 1];

	if (c == ':')
		cli_usage(cli, "option %s needs a value", option);
	cli_usage(cli, "option %s is not known", option);
}

int
cli_getopt(struct cli *cli, int argc, char **argv)
{
	int c;

	for (;;) {
		c = getopt_long(argc, argv, cli->letters, cli->options, NULL);
		if (c == -1)
			return -1;
		if (c == '?' || c == ':')
			bad_option(cli, c, argv);
		if (is_own(cli, c) || !common_option(cli, c))
			return c;
	}
}

int
cli_exit(struct cli *cli)
{
	free(cli->libsql_store);
	return rc_max(cli->rc, output_close());
}
