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
#include "cli/metrics.h"

enum {
	RETRY_FOR = CLI_OWN + 1000,
	METRICS,
	HELP_COLUMN = 24 /* of -h: where what an option does begins */
};

static const struct cli_option common_options[] = {
    {'s', "store", "STORE", "directory or s3://BUCKET[/PREFIX] (SEG_STORE)"},
    {'C', "cluster", "NAME", "cluster in the object paths (SEG_CLUSTER)"},
    {'d', "dir", "DIR", "work directory (.)"},
    {'k', "catalog", "CATALOG", "a catalogue of seg-sync"},
    {'j', "jobs", "N", "transfers at a time (16)"},
    {'n', "dry-run", NULL, "say what would be done, do nothing"},
    {'F', "force", NULL, "do what would be refused"},
    {'e', "eof-ends-set", NULL, "the whole input is one set"},
    {'J', "json", NULL, "one JSON object a line"},
    {RETRY_FOR, "retry-for", "SEC",
	"how long to retry what fails temporarily (60)"},
    {METRICS, "metrics", "FILE", "figures of the run, for Prometheus"},
    {0},
};

static const struct cli_option always[] = {
    {'q', "quiet", NULL, "say less"},
    {'v', "verbose", NULL, "say what is done"},
    {'h', "help", NULL, "this text"},
    {'V', "version", NULL, "the version"},
    {0},
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

/* Does the command take this one of the common options? */
static bool
takes(const struct cli *cli, const struct cli_option *o)
{
	int letter = o->letter == RETRY_FOR ? 'r'
		     : o->letter == METRICS ? 'M'
					    : o->letter;

	return strchr(cli->common, letter);
}

static bool
has_row(const struct cli *cli, int letter)
{
	for (size_t i = 0; i < cli->rows; i++)
		if (cli->row[i]->letter == letter)
			return true;
	return false;
}

/* A row may be there already, in the command's own words. */
static void
add_row(struct cli *cli, const struct cli_option *row)
{
	if (has_row(cli, row->letter))
		return;
	if (cli->rows == CLI_MAX_OPTIONS)
		abort();
	cli->row[cli->rows++] = row;
}

/* getopt's tables: the rows, and ":" for a value that is missing. */
static void
fill_tables(struct cli *cli)
{
	char *letter = cli->letters;

	*letter++ = ':';
	for (size_t i = 0; i < cli->rows; i++) {
		const struct cli_option *row = cli->row[i];
		int arg = !row->arg          ? no_argument
			  : *row->arg == '[' ? optional_argument
					     : required_argument;

		cli->options[i] =
		    (struct option){row->name, arg, NULL, row->letter};
		if (row->letter >= CLI_OWN)
			continue;
		*letter++ = (char)row->letter;
		if (arg != no_argument)
			*letter++ = ':';
		if (arg == optional_argument)
			*letter++ = ':';
	}
}

void
cli_init(struct cli *cli, char **argv, const char *synopsis, const char *common,
    const struct cli_option *own)
{
	const struct cli_option *o;

	*cli = (struct cli){.synopsis = synopsis, .common = common};
	msg_init(argv[0]);
	/* A reader that has gone is a failed write, status 3. */
	signal(SIGPIPE, SIG_IGN);
	/* So is a limit on the size of files that is reached. */
	signal(SIGXFSZ, SIG_IGN);
	defaults(cli);
	opterr = 0;
	for (o = own; o && o->name; o++)
		add_row(cli, o);
	for (o = common_options; o->name; o++)
		if (takes(cli, o))
			add_row(cli, o);
	for (o = always; o->name; o++)
		add_row(cli, o);
	fill_tables(cli);
}

/* "  -d, --dir DIR         work directory (.)" */
static void
print_row(const struct cli_option *row)
{
	const char *help = row->help;
	int n = row->letter < CLI_OWN
		    ? printf("  -%c, --%s", row->letter, row->name)
		    : printf("      --%s", row->name);

	if (row->arg && *row->arg == '[')
		n += printf("[=%s", row->arg + 1);
	else if (row->arg)
		n += printf(" %s", row->arg);
	if (n >= HELP_COLUMN) {
		putchar('\n');
		n = 0;
	}
	for (;; n = 0) {
		int len = (int)strcspn(help, "\n");

		printf("%*s%.*s\n", HELP_COLUMN - n, "", len, help);
		help += len;
		if (!*help++)
			return;
	}
}

static void
print_help(const struct cli *cli)
{
	fputs(cli->synopsis, stdout);
	for (size_t i = 0; i < cli->rows; i++)
		print_row(cli->row[i]);
}

void
cli_usage(const struct cli *cli, const char *fmt, ...)
{
	char *text;
	va_list ap;
	int n;

	(void)cli;
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	msg_fail(RC_USAGE, "%s (-h shows how it is used)",
	    n < 0 ? "not understood" : text);
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

const char *
cli_named(const struct cli *cli, const char *option, const char *what,
    const char *name)
{
	if (!*name)
		cli_usage(cli, "%s: no %s named", option, what);
	return name;
}

static _Noreturn void
finish_now(void)
{
	exit(output_close());
}

static void
on_record(void *metrics, const struct rec *rec)
{
	if (!rec->claim && !rec->spare)
		metrics_segments(
		    metrics, &rec->name, 1, rec->pages, rec->bytes);
}

static void
begin_metrics(struct cli *cli, const char *path)
{
	metrics_free(cli->metrics);
	cli->metrics = metrics_new(path, msg_name());
	cli->out.wrote = on_record;
	cli->out.arg = cli->metrics;
}

/* False: it is none of those that every command has. */
static bool
take_always(const struct cli *cli, int c)
{
	switch (c) {
	case 'h':
		print_help(cli);
		finish_now();
	case 'V':
		printf("%s (segtools) %s\n", msg_name(), SEGTOOLS_VERSION);
		finish_now();
	case 'v':
		msg_verbosity(1);
		return true;
	case 'q':
		msg_verbosity(-1);
		return true;
	default:
		return false;
	}
}

static void
take_common(struct cli *cli, int c)
{
	switch (c) {
	case 's':
		cli->store = optarg;
		break;
	case 'C':
		cli->cluster = optarg;
		break;
	case 'd':
		cli->dir = cli_named(cli, "-d", "directory", optarg);
		break;
	case 'k':
		cli->catalog = cli_named(cli, "-k", "catalogue", optarg);
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
	case METRICS:
		begin_metrics(cli, cli_named(cli, "--metrics", "file", optarg));
		break;
	default:
		break;
	}
}

/* A common option, or the command's own? */
static bool
is_common(const struct cli *cli, int letter)
{
	for (const struct cli_option *o = common_options; o->name; o++)
		if (o->letter == letter)
			return takes(cli, o);
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

/* As far as the limit of open files goes: a transfer has a segment's two files,
 * what they are copied to, and a connection. */
static void
fit_jobs(struct cli *cli)
{
	enum { FILES = 4 };
	size_t most;

	fd_raise_limit();
	most = fd_room(FILES, 0);
	if (cli->jobs > most)
		cli->jobs = (unsigned)most;
}

int
cli_getopt(struct cli *cli, int argc, char **argv)
{
	int c;

	for (;;) {
		c = getopt_long(argc, argv, cli->letters, cli->options, NULL);
		if (c == -1) {
			fit_jobs(cli);
			return -1;
		}
		if (c == '?' || c == ':')
			bad_option(cli, c, argv);
		if (take_always(cli, c))
			continue;
		if (!is_common(cli, c))
			return c;
		take_common(cli, c);
	}
}

int
cli_exit(struct cli *cli)
{
	enum rc rc = rc_max(cli->rc, output_close());

	rc = rc_max(rc, metrics_write(cli->metrics, rc));
	metrics_free(cli->metrics);
	free(cli->libsql_store);
	return rc;
}
