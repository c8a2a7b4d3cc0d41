/* cli: see cli.h. */

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"
#include "cli.h"
#include "io.h"
#include "num.h"
#include "store.h"

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

	if (!num_u64(text, strlen(text), &v) || v < min || v > max)
		cli_usage(cli, "%s: %s is not a number from %llu to %llu",
		    option, text, (unsigned long long)min,
		    (unsigned long long)max);
	return v;
}

static void
finish_now(void)
{
	exit(io_close_stdout());
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

enum rc
cli_store(struct cli *cli, bool create, struct store **store)
{
	const struct store_opts opts = {.create = create,
	    .parallel = cli->jobs,
	    .retry_for = cli->retry_for};
	enum rc rc;

	*store = NULL;
	if (!cli->store)
		return msg_fail(
		    RC_USAGE, "no store: say which with -s or SEG_STORE");
	if (!namespace_valid(cli->cluster, strlen(cli->cluster)))
		return msg_fail(
		    RC_USAGE, "%s: not a valid cluster", cli->cluster);
	rc = store_open(store, cli->store, &opts);
	cli->opened = *store;
	return rc;
}

/* ---- the loop over sets ---- */

static bool
has_no_store(const struct cli *cli)
{
	return cli->no_store || (cli->opened && store_is_missing(cli->opened));
}

/* What was begun is told to have failed; nothing else. */
static void
end_no_store(struct cli *cli)
{
	cli->rc = rc_max(cli->rc, RC_USAGE);
	if (cli->out.begun)
		rec_end(&cli->out, true);
}

/* All events of one set; how it ended. */
static enum rec_event
one_set(struct cli *cli, struct rec_reader *r, const struct cli_sets *sets,
    void *ctx, enum rc *rc)
{
	enum rec_event event;
	struct rec rec;

	*rc = RC_OK;
	while ((event = rec_next(r, &rec)) == REC_RECORD || event == REC_BAD) {
		*rc = rc_max(
		    *rc, event == REC_BAD ? RC_DATA : sets->record(ctx, &rec));
		if (cli->out.rc || has_no_store(cli))
			break;
	}
	if (event == REC_FAILED)
		*rc = rc_max(*rc, RC_DATA);
	return event;
}

/* The set has ended (not the stream: one_set): do what it asks for. */
static enum rc
finish_set(const struct cli_sets *sets, void *ctx, enum rc rc)
{
	if (rc == RC_OK)
		return sets->end(ctx);
	if (sets->fail)
		sets->fail(ctx);
	return rc;
}

static void
each_set(struct cli *cli, struct rec_reader *r, const struct cli_sets *sets,
    void *ctx)
{
	enum rec_event event;
	struct rec rec;
	enum rc rc;

	for (;;) {
		event = one_set(cli, r, sets, ctx, &rc);
		if (event == REC_EOF)
			return;
		if ((event != REC_END && event != REC_FAILED) ||
		    has_no_store(cli)) {
			/* Cut short, or there is no point in going on. */
			if (sets->fail)
				sets->fail(ctx);
			if (has_no_store(cli)) {
				end_no_store(cli);
				return;
			}
			cli->rc = rc_max(cli->rc, rc ? rc : RC_DATA);
			return;
		}
		if (sets->one_set && rc == RC_OK &&
		    (event = rec_next(r, &rec)) != REC_EOF)
			rc = event == REC_CUT
				 ? RC_DATA
				 : msg_fail(RC_DATA,
				       "standard input: more than one set");
		rc = finish_set(sets, ctx, rc);
		cli->rc = rc_max(cli->rc, rc);
		if (has_no_store(cli)) {
			end_no_store(cli);
			return;
		}
		if (!sets->silent && (rc || !sets->own_ends))
			rec_end(&cli->out, rc != RC_OK);
		cli->rc = rc_max(cli->rc, cli->out.rc);
		if (cli->out.rc || sets->one_set)
			return;
	}
}

static enum rc
check_operands(char *const *operands, enum rec_form form)
{
	struct rec rec;
	enum rc rc = RC_OK;

	for (; *operands; operands++)
		if (!rec_parse_text(&rec, *operands, form))
			rc = msg_fail(RC_USAGE,
			    form == REC_NAMES
				? "%s: not a name NAMESPACE/KEY"
				: "%s: not a path NAMESPACE/KEY.seg",
			    *operands);
	return rc;
}

void
cli_each_set(struct cli *cli, char *const *operands,
    const struct cli_sets *sets, void *ctx)
{
	struct rec_reader *r;

	if (*operands) {
		enum rc rc = check_operands(operands, sets->form);

		cli->rc = rc_max(cli->rc, rc);
		if (rc)
			return;
		r = rec_reader_operands(operands, sets->form);
	} else {
		r = rec_reader_new(STDIN_FILENO, sets->form, cli->eof_ends_set);
		rec_reader_idle(r, sets->idle, ctx);
	}
	each_set(cli, r, sets, ctx);
	rec_reader_free(r);
}

int
cli_exit(struct cli *cli)
{
	free(cli->libsql_store);
	return rc_max(cli->rc, io_close_stdout());
}

/* ---- progress ---- */

enum { PROGRESS_AFTER = 1000, PROGRESS_EVERY = 200 };

static uint64_t
monotonic(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void
progress_begin(struct progress *p, const char *unit, uint64_t total)
{
	*p = (struct progress){.unit = unit, .total = total};
	if (isatty(STDERR_FILENO) && !msg_is_quiet())
		p->began = p->drawn = monotonic();
}

/* "12.3 MiB" or "12 segments". */
static void
amount(struct buf *b, double n, const char *unit)
{
	static const char *const prefix[] = {"", "Ki", "Mi", "Gi", "Ti"};
	size_t i = 0;

	if (strcmp(unit, "B") != 0) {
		buf_addf(b, "%.0f %s", n, unit);
		return;
	}
	for (; n >= 1024 && i < 4; i++)
		n /= 1024;
	buf_addf(b, "%.*f %sB", i ? 1 : 0, n, prefix[i]);
}

static void
draw(struct progress *p, uint64_t now)
{
	struct buf b = {0};
	double seconds = (double)(now - p->began) / 1000;
	double rate = seconds > 0 ? (double)p->done / seconds : 0;

	/* What is done twice, or was not foreseen. */
	if (p->total && p->total < p->done)
		p->total = p->done;
	buf_addf(&b, "%s: ", msg_name());
	amount(&b, (double)p->done, p->unit);
	if (p->total) {
		buf_adds(&b, " of ");
		amount(&b, (double)p->total, p->unit);
		buf_addf(&b, " (%u%%)",
		    (unsigned)((double)p->done * 100 / (double)p->total));
	}
	buf_adds(&b, ", ");
	amount(&b, rate, p->unit);
	buf_adds(&b, "/s");
	if (p->total > p->done && rate > 0) {
		uint64_t left = (uint64_t)((double)(p->total - p->done) / rate);

		buf_addf(&b, ", %llu:%02llu left",
		    (unsigned long long)(left / 60),
		    (unsigned long long)(left % 60));
	}
	msg_status(b.data);
	buf_release(&b);
}

void
progress_add(struct progress *p, uint64_t n)
{
	uint64_t now;

	p->done += n;
	if (!p->began)
		return;
	now = monotonic();
	if (now - p->began < PROGRESS_AFTER || now - p->drawn < PROGRESS_EVERY)
		return;
	p->drawn = now;
	draw(p, now);
}

void
progress_moved(void *progress, uint64_t n)
{
	progress_add(progress, n);
}

void
progress_end(struct progress *p)
{
	if (p->began)
		msg_status(NULL);
	p->began = 0;
}
