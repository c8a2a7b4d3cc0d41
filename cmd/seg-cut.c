/*
 * seg-cut: the pages of a live SQLite database that changed since the last cut
 * become a segment.  The work is in lib/cut.
 */

#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/open_store.h"
#include "cli/progress.h"
#include "cut/cut.h"
#include "format/key.h"
#include "store/store.h"

static const char synopsis[] =
    "usage: seg-cut [-FJnqv] [-C CLUSTER] [-d DIR] [-s STORE]\n"
    "               [--busy-timeout MS] [--full] [--metrics FILE]\n"
    "               [--retry-for SECONDS] NAMESPACE DB\n";

enum { FULL = CLI_OWN, BUSY };

static const struct cli_option own[] = {
    {FULL, "full", NULL, "every page, whatever is remembered"},
    {'F', "force", NULL, "a full cut after another writer's segments"},
    {'n', "dry-run", NULL, "say what would be cut, write nothing"},
    {BUSY, "busy-timeout", "MS", "how long to wait for a busy database (5000)"},
    {0},
};

enum { BUSY_MS = 5000, BUSY_MAX = 24 * 3600 * 1000 };

struct cutting {
	struct cli cli;
	struct cut_opts opts;
	struct progress progress;
};

static enum rc
print(void *arg, const struct rec *r)
{
	struct cutting *c = arg;

	return rec_write(&c->cli.out, r);
}

static void
on_progress(void *arg, uint64_t bytes, uint64_t total)
{
	struct cutting *c = arg;

	c->progress.total = total;
	progress_add(&c->progress, bytes);
}

static void
parse(struct cli *cli, struct cut_opts *o, int argc, char **argv)
{
	int c;

	cli_init(cli, argv, synopsis, "sCdJFnrM", own);
	while ((c = cli_getopt(cli, argc, argv)) != -1) {
		if (c == FULL)
			o->full = true;
		else
			o->busy_ms = (unsigned)cli_number(
			    cli, "--busy-timeout", optarg, 0, BUSY_MAX);
	}
	if (argc - optind != 2)
		cli_usage(cli, "a namespace and a database are needed");
	o->namespace = argv[optind];
	o->path = argv[optind + 1];
	if (!namespace_valid(o->namespace, strlen(o->namespace)))
		cli_usage(cli, "%s: not a valid namespace", o->namespace);
	if (!*o->path)
		cli_usage(cli, "the database's name is empty");
}

int
main(int argc, char **argv)
{
	struct cutting c = {.opts = {.busy_ms = BUSY_MS,
				.emit = print,
				.progress = on_progress,
				.arg = &c}};
	struct cli *cli = &c.cli;

	parse(cli, &c.opts, argc, argv);
	c.opts.dir = cli->dir;
	c.opts.force = cli->force;
	c.opts.dry_run = cli->dry_run;
	c.opts.cluster = cli->cluster;
	if (cli->store) {
		cli->rc = cli_store(cli, false, &c.opts.store);
		c.opts.store_name = cli->store;
	}
	if (cli->rc == RC_OK) {
		progress_begin(&c.progress, "B", 0);
		cli->rc = cut_run(&c.opts);
		progress_end(&c.progress);
		if (cli->rc != RC_USAGE)
			(void)rec_end(&cli->out, cli->rc != RC_OK);
	}
	store_free(c.opts.store);
	return cli_exit(cli);
}
