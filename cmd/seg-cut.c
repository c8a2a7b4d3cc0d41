/*
 * seg-cut: the pages of live SQLite databases that changed since the last
 * cut become segments.  The work is in lib/cut.
 */

#include <stdbool.h>
#include <string.h>

#include "base/number.h"
#include "base/time.h"
#include "cli/cli.h"
#include "cli/metrics.h"
#include "cli/open_store.h"
#include "cli/progress.h"
#include "cut/cut.h"
#include "cut/rounds.h"
#include "cut/targets.h"
#include "store/store.h"

static const char synopsis[] =
    "usage: seg-cut [-FJnqv] [-C CLUSTER] [-d DIR] [-s STORE]\n"
    "               [--busy-timeout MS] [--full] [--metrics FILE]\n"
    "               [--every INTERVAL] [--retry-for SECONDS]\n"
    "               {NAMESPACE DB ... | --list FILE}\n";

enum { FULL = CLI_OWN, BUSY, LIST, EVERY };

static const struct cli_option own[] = {
    {FULL, "full", NULL, "every page, whatever is remembered"},
    {'F', "force", NULL, "a full cut after another writer's segments"},
    {'n', "dry-run", NULL, "say what would be cut, write nothing"},
    {LIST, "list", "FILE", "lines NAMESPACE TAB DB instead; -: stdin"},
    {EVERY, "every", "INTERVAL", "again and again: 500ms, 1s, 5m, ..."},
    {BUSY, "busy-timeout", "MS", "how long to wait for a busy database (5000)"},
    {0},
};

#define INTERVAL_MAX (1000ULL * 86400 * 3650) /* ms */

enum { BUSY_MS = 5000, BUSY_MAX = 24 * 3600 * 1000 };

struct cutting {
	struct cli cli;
	const char *list;
	uint64_t every; /* ms; 0: once */
	struct targets targets;
	uint64_t printed; /* records of a set */
	struct cut_opts opts;
	struct progress progress;
};

static enum rc
print(void *arg, const struct rec *r)
{
	struct cutting *c = arg;

	c->printed++;
	return rec_write(&c->cli.out, r);
}

static void
on_progress(void *arg, uint64_t bytes, uint64_t total)
{
	struct cutting *c = arg;

	c->progress.total = total;
	progress_add(&c->progress, bytes);
}

static bool
parse_interval(const char *text, uint64_t *ms)
{
	size_t len = strlen(text);
	bool good = len > 2 && strcmp(text + len - 2, "ms") == 0
			? number_u64(text, len - 2, ms)
			: time_span(text, ms);

	return good && *ms > 0 && *ms <= INTERVAL_MAX;
}

static void
parse(struct cutting *p, int argc, char **argv)
{
	struct cli *cli = &p->cli;
	int c;
	enum rc rc;

	cli_init(cli, argv, synopsis, "sCdJFnrM", own);
	while ((c = cli_getopt(cli, argc, argv)) != -1) {
		if (c == FULL)
			p->opts.full = true;
		else if (c == LIST)
			p->list = cli_named(cli, "--list", "file", optarg);
		else if (c == EVERY && !parse_interval(optarg, &p->every))
			cli_usage(
			    cli, "--every: %s is not an interval", optarg);
		else if (c == EVERY)
			continue;
		else
			p->opts.busy_ms = (unsigned)cli_number(
			    cli, "--busy-timeout", optarg, 0, BUSY_MAX);
	}
	if (!p->list && optind == argc)
		cli_usage(cli, "a namespace and a database are needed");
	if (p->every && (p->opts.full || cli->dry_run))
		cli_usage(cli, "--every goes with neither --full nor -n");
	if (p->list && optind < argc)
		cli_usage(cli, "--list and operands do not go together");
	rc = p->list ? targets_of_list(&p->targets, p->list)
		     : targets_of_operands(&p->targets, argv + optind);
	cli->rc = rc_max(cli->rc, rc);
}

static void
on_newest(void *arg, const char *namespace, const struct key *key)
{
	struct cutting *c = arg;
	struct name name;

	name_set(&name, namespace, key);
	metrics_segments(c->cli.metrics, &name, 0, REC_UNKNOWN, REC_UNKNOWN);
}

/* What its set does not say. */
static void
tell_metrics(struct cutting *c, const struct cut_result *res)
{
	if (res->last.end)
		on_newest(c, c->opts.namespace, &res->last);
	if (c->opts.store)
		metrics_pending(c->cli.metrics, c->opts.namespace, c->printed);
}

/* One database, one set.  A store that turns out to be missing is like one
 * that was not there from the beginning: nothing is printed of it. */
static bool
cut_one(struct cutting *c, const struct target *t)
{
	struct cli *cli = &c->cli;
	struct cut_result res;
	enum rc rc;

	c->printed = 0;
	c->opts.namespace = t->namespace;
	c->opts.path = t->path;
	progress_begin(&c->progress, "B", 0);
	rc = cut_run(&c->opts, &res);
	progress_end(&c->progress);
	if (rc == RC_OK)
		tell_metrics(c, &res);
	cli->rc = rc_max(cli->rc, rc);
	if (c->opts.store && store_is_missing(c->opts.store) && !cli->out.begun)
		return false;
	(void)rec_end(&cli->out, rc != RC_OK);
	return cli->out.rc == RC_OK;
}

static void
cut_all(struct cutting *c)
{
	struct cli *cli = &c->cli;

	if (cli->store) {
		cli->rc = cli_store(cli, false, &c->opts.store);
		c->opts.store_name = cli->store;
	}
	if (cli->rc)
		return;
	for (size_t i = 0; i < c->targets.n; i++)
		if (!cut_one(c, &c->targets.t[i]))
			break;
}

/* ---- again and again ---- */

static void
on_record(void *arg, const struct rec *rec)
{
	struct cutting *c = arg;

	if (c->cli.out.wrote)
		c->cli.out.wrote(c->cli.out.arg, rec);
}

static void
on_pending(void *arg, const char *namespace, uint64_t n)
{
	struct cutting *c = arg;

	metrics_pending(c->cli.metrics, namespace, n);
}

static void
on_round(void *arg, enum rc rc)
{
	struct cutting *c = arg;

	metrics_round(c->cli.metrics, rc);
}

static void
cut_every(struct cutting *c)
{
	struct cli *cli = &c->cli;
	const struct store_opts store_opts = {.parallel = cli->jobs,
	    .retry_for = cli->retry_for,
	    .counts = metrics_counts(cli->metrics)};
	struct rounds_opts o = {.cut = c->opts,
	    .interval = c->every,
	    .list = c->list,
	    .json = cli->out.json,
	    .store = cli->store,
	    .store_opts = &store_opts,
	    .wrote = on_record,
	    .newest = on_newest,
	    .pending = on_pending,
	    .round = on_round,
	    .arg = c};

	o.cut.progress = NULL;
	/* Only to see that it is one: rounds ask it by processes of their
	 * own. */
	if (cli->store)
		cli->rc = cli_store(cli, false, &c->opts.store);
	store_free(c->opts.store);
	c->opts.store = NULL;
	cli->opened = NULL;
	if (cli->rc == RC_OK)
		cli->rc = rounds_run(&o, &c->targets);
}

int
main(int argc, char **argv)
{
	struct cutting c = {.opts = {.busy_ms = BUSY_MS,
				.emit = print,
				.progress = on_progress,
				.arg = &c}};
	struct cli *cli = &c.cli;

	parse(&c, argc, argv);
	c.opts.dir = cli->dir;
	c.opts.force = cli->force;
	c.opts.dry_run = cli->dry_run;
	c.opts.cluster = cli->cluster;
	if (cli->rc == RC_OK && c.every)
		cut_every(&c);
	else if (cli->rc == RC_OK)
		cut_all(&c);
	store_free(c.opts.store);
	targets_release(&c.targets);
	return cli_exit(cli);
}
