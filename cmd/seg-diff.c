/* seg-diff: what leads from one state of a database to another. */

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/number.h"
#include "base/output.h"
#include "cli/cli.h"
#include "cli/open_store.h"
#include "cli/progress.h"
#include "cli/rows.h"
#include "cli/sets.h"
#include "diff/changeset.h"
#include "diff/script.h"
#include "diff/summary.h"
#include "plan/keyset.h"
#include "plan/stored.h"

static const char synopsis[] =
    "usage: seg-diff [-qv] [-C CLUSTER] [-j N] [-s STORE] [--cache BYTES]\n"
    "                [--changeset | --summary] [--retry-for SECONDS] [--undo]\n"
    "                [TABLE ...]\n";

enum { CACHE = CLI_OWN, CHANGESET, SUMMARY, UNDO };

static const struct cli_option own[] = {
    {UNDO, "undo", NULL, "from the second state back to the first"},
    {CHANGESET, "changeset", NULL, "as SQLite's session code has it, not SQL"},
    {SUMMARY, "summary", NULL, "how many rows of which tables"},
    {CACHE, "cache", "BYTES", "of pages kept in memory (67108864)"},
    {0},
};

enum { SETS = 2 };

struct comparison {
	struct cli cli;
	struct store *store;
	struct progress progress;
	uint64_t cache;
	bool changeset, summary, undo;
	/* The sets: those that came, and what the first two are. */
	unsigned sets;
	struct {
		struct sole_namespace sole;
		struct keyset keys;
		struct stored stored;
	} set[SETS];
	struct diff diff;
};

/* ---- sets ---- */

static enum rc
take_record(void *ctx, const struct rec *rec)
{
	struct comparison *c = ctx;
	enum rc rc;

	if (c->sets >= SETS)
		return RC_OK; /* is said at the end */
	rc = sole_namespace_take(&c->set[c->sets].sole, rec);
	if (rc)
		return rc;
	keyset_append(&c->set[c->sets].keys, &rec->name.key);
	stored_add(&c->set[c->sets].stored, rec);
	return RC_OK;
}

static enum rc
end_set(void *ctx)
{
	struct comparison *c = ctx;

	if (c->sets < SETS)
		keyset_settle(&c->set[c->sets].keys);
	c->sets++;
	return RC_OK;
}

static void
fail_set(void *ctx)
{
	struct comparison *c = ctx;

	c->sets++;
}

static void
read_sets(struct comparison *c)
{
	static const struct cli_sets sets = {
	    .form = REC_NAMES,
	    .not_done = "not compared",
	    .record = take_record,
	    .end = end_set,
	    .fail = fail_set,
	    .silent = true,
	};
	char *const none[] = {NULL};

	cli_each_set(&c->cli, none, &sets, c);
	if (c->cli.rc == RC_OK && c->sets != SETS)
		c->cli.rc = msg_fail(RC_DATA,
		    "standard input: %u set%s, not two: nothing is compared",
		    c->sets, number_s(c->sets));
}

/* ---- the comparison ---- */

static enum rc
compare(struct comparison *c, char **tables)
{
	const struct state_opts o = {
	    .store = c->store,
	    .cluster = c->cli.cluster,
	    .cache = c->cache,
	};
	struct side_plan plan[SETS];
	enum rc rc;

	for (int i = 0; i < SETS; i++)
		plan[i] = (struct side_plan){
		    .namespace = c->set[i].sole.text,
		    .keys = &c->set[i].keys,
		    .stored = &c->set[i].stored,
		};
	rc = diff_open(&c->diff, &o, &plan[c->undo], &plan[!c->undo], tables);
	if (rc == RC_OK)
		rc = c->summary     ? summary_write(&c->diff)
		     : c->changeset ? changeset_write(&c->diff)
				    : script_write(&c->diff);
	diff_close(&c->diff);
	return rc;
}

static void
run(struct comparison *c, char **tables)
{
	rows_end_at_interrupt();
	read_sets(c);
	if (c->cli.rc)
		return;
	progress_begin(&c->progress, "B", 0);
	store_on_moved(c->store, progress_moved, &c->progress);
	c->cli.rc = compare(c, tables);
	progress_end(&c->progress);
}

/* ---- main ---- */

static void
parse(struct comparison *c, int argc, char **argv)
{
	int o;

	cli_init(&c->cli, argv, synopsis, "sCjr", own);
	c->cache = 64 << 20;
	while ((o = cli_getopt(&c->cli, argc, argv)) != -1) {
		switch (o) {
		case CACHE:
			c->cache = cli_number(
			    &c->cli, "--cache", optarg, 0, UINT64_MAX);
			break;
		case CHANGESET:
			c->changeset = true;
			break;
		case SUMMARY:
			c->summary = true;
			break;
		case UNDO:
			c->undo = true;
			break;
		}
	}
	if (c->changeset && c->summary)
		cli_usage(&c->cli, "--changeset and --summary: one of them");
}

int
main(int argc, char **argv)
{
	static struct comparison c;

	parse(&c, argc, argv);
	for (int i = 0; i < SETS; i++)
		c.set[i].stored.counts = true;
	c.cli.rc = cli_store(&c.cli, false, &c.store);
	if (c.cli.rc == RC_OK)
		run(&c, argv + optind);
	for (int i = 0; i < SETS; i++) {
		keyset_release(&c.set[i].keys);
		stored_release(&c.set[i].stored);
	}
	store_free(c.store);
	return cli_exit(&c.cli);
}
