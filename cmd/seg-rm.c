/*
 * seg-rm: deletes segments from a store: see retire/retire.h.
 */

#include "catalog/catalog_sync.h"
#include "cli/cli.h"
#include "cli/open_store.h"
#include "cli/progress.h"
#include "cli/sets.h"
#include "retire/retire.h"
#include "store/store.h"

static const char synopsis[] =
    "usage: seg-rm [-eFJnqv] [-C CLUSTER] [-j N] [-k CATALOG] [-s STORE]\n"
    "              [--busy-timeout MS] [--metrics FILE] [--retry-for SECONDS]\n"
    "              [--unless-retained] [NAME ...]\n";

enum { BUSY = CLI_OWN, UNLESS_RETAINED };

static const struct cli_option own[] = {
    {'n', "dry-run", NULL, "judge, and print what would go"},
    {'F', "force", NULL,
	"remove what a restore may need, and what others hold"},
    {'k', "catalog", "CATALOG",
	"record what has gone in a catalogue of seg-sync"},
    {'j', "jobs", "N", "removals at a time (16)"},
    {BUSY, "busy-timeout", "MS", "how long to wait for another remover (5000)"},
    {UNLESS_RETAINED, "unless-retained", NULL,
	"what is locked in a bucket stays, which is no failure"},
    {0},
};

enum { BUSY_MS = 5000, BUSY_MAX = 24 * 60 * 60 * 1000 };

struct rm {
	struct cli cli;
	struct retire_opts o;
	struct retire *retire;
	struct progress progress;
};

static enum rc
print_gone(void *arg, const struct rec *rec)
{
	struct rm *r = arg;

	return rec_write(&r->cli.out, rec);
}

static enum rc
take_record(void *ctx, const struct rec *rec)
{
	struct rm *r = ctx;

	retire_add(r->retire, rec);
	return RC_OK;
}

/* An index and a data object each. */
static enum rc
end_set(void *ctx)
{
	struct rm *r = ctx;
	enum rc rc;

	progress_begin(
	    &r->progress, "object", 2 * (uint64_t)retire_count(r->retire));
	rc = retire_set(r->retire);
	progress_end(&r->progress);
	return rc;
}

static void
forget_set(void *ctx)
{
	struct rm *r = ctx;

	retire_forget(r->retire);
}

static void
parse(struct rm *r, int argc, char **argv)
{
	int c;

	cli_init(&r->cli, argv, synopsis, "sCkjeJnFrM", own);
	r->o.busy_ms = BUSY_MS;
	while ((c = cli_getopt(&r->cli, argc, argv)) != -1) {
		if (c == UNLESS_RETAINED)
			r->o.unless_retained = true;
		else
			r->o.busy_ms = (unsigned)cli_number(
			    &r->cli, "--busy-timeout", optarg, 0, BUSY_MAX);
	}
	r->o.cluster = r->cli.cluster;
	r->o.force = r->cli.force;
	r->o.dry_run = r->cli.dry_run;
	r->o.progress = progress_moved;
	r->o.progress_arg = &r->progress;
	r->o.gone = print_gone;
	r->o.arg = r;
}

int
main(int argc, char **argv)
{
	static const struct cli_sets sets = {
	    .form = REC_ANYTHING,
	    .not_done = "nothing removed",
	    .record = take_record,
	    .end = end_set,
	    .fail = forget_set,
	};
	struct rm r = {0};

	parse(&r, argc, argv);
	if (r.cli.catalog)
		r.cli.rc = catalog_open(&r.o.catalog, r.cli.catalog,
		    r.cli.dry_run ? CATALOG_READ : CATALOG_CHANGE,
		    r.cli.retry_for);
	if (r.cli.rc == RC_OK)
		r.cli.rc = cli_store(&r.cli, false, &r.o.store);
	if (r.cli.rc == RC_OK) {
		r.retire = retire_new(&r.o);
		cli_each_set(&r.cli, argv + optind, &sets, &r);
	}
	retire_free(r.retire);
	catalog_free(r.o.catalog);
	store_free(r.o.store);
	return cli_exit(&r.cli);
}
