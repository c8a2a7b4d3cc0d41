/* seg-restore: one set of segments becomes a database file. */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/number.h"
#include "cli/cli.h"
#include "cli/metrics.h"
#include "cli/progress.h"
#include "cli/sets.h"
#include "merge/merge.h"
#include "restore/restore.h"
#include "restore/update.h"

static const char synopsis[] =
    "usage: seg-restore [-eFnquv] [-I none | quick | full] [--busy-timeout "
    "MS]\n"
    "                   [--metrics FILE] DB [FILE ...]\n";

enum { BUSY = CLI_OWN };
enum { BUSY_MS = 5000, BUSY_MAX = 24 * 3600 * 1000 };

static const struct cli_option own[] = {
    {'F', "force", NULL, "replace DB, remove its -wal, -shm and -journal"},
    {BUSY, "busy-timeout", "MS", "how long DB may be in use, with -F (5000)"},
    {'I', "integrity", "CHECK", "SQLite's own check: none, quick or full"},
    {'n', "dry-run", NULL, "read and check everything, write nothing"},
    {'u', "update", NULL, "keep DB, a copy, up to date: see seg-plan -u"},
    {0},
};

struct restore {
	struct cli cli;
	const char *db;
	bool update;
	struct restore_opts opts;
	struct merge *merge;
	size_t n; /* records */
	struct progress progress;
};

static enum rc
on_record(void *ctx, const struct rec *rec)
{
	struct restore *r = ctx;

	r->n++;
	return merge_add(r->merge, rec->text, &rec->name);
}

static enum rc
on_end(void *ctx)
{
	struct restore *r = ctx;
	struct merge_info info;
	enum rc rc;

	/* Nothing is lacking. */
	if (r->update && r->n == 0)
		return RC_OK;
	rc = merge_check(r->merge, !r->update, &info);
	if (rc)
		return rc;
	msg_info("%s: %zu segment%s, %u page%s of %u bytes", r->db,
	    info.segments, number_s(info.segments), info.size_after,
	    number_s(info.size_after), info.page_size);
	progress_begin(&r->progress, "B", info.bytes);
	merge_on_progress(r->merge, progress_moved, &r->progress);
	if (r->update)
		rc = update_run(r->merge, &info, r->db, &r->opts);
	else if (strcmp(r->db, "-") == 0)
		rc = restore_restore_stdout(r->merge, &info, &r->opts);
	else
		rc = restore_restore(r->merge, &info, r->db, &r->opts);
	progress_end(&r->progress);
	if (rc == RC_OK)
		metrics_segments(r->cli.metrics, &info.name, info.segments,
		    info.frames, info.bytes);
	return rc;
}

static enum dbcheck
integrity(const struct cli *cli, const char *text)
{
	if (strcmp(text, "none") == 0)
		return DBCHECK_NONE;
	if (strcmp(text, "quick") == 0)
		return DBCHECK_QUICK;
	if (strcmp(text, "full") != 0)
		cli_usage(cli, "-I %s: not none, quick or full", text);
	return DBCHECK_FULL;
}

static void
parse(struct restore *r, int argc, char **argv)
{
	int c;

	cli_init(&r->cli, argv, synopsis, "enFM", own);
	while ((c = cli_getopt(&r->cli, argc, argv)) != -1) {
		if (c == 'I')
			r->opts.check = integrity(&r->cli, optarg);
		else if (c == 'u')
			r->update = true;
		else
			r->opts.busy_ms = (unsigned)cli_number(
			    &r->cli, "--busy-timeout", optarg, 0, BUSY_MAX);
	}
	if (optind == argc || !*argv[optind])
		cli_usage(&r->cli, "no database file named");
	r->db = argv[optind];
	if (r->update && strcmp(r->db, "-") == 0)
		cli_usage(&r->cli, "-u: standard output is no copy to update");
	r->opts.replace = r->cli.force;
	r->opts.dry_run = r->cli.dry_run;
}

/* Before anything is read: nobody should wait for a "no". */
static enum rc
check_target(const struct restore *r)
{
	if (r->update)
		return update_target(r->db, &r->opts);
	return strcmp(r->db, "-") == 0 ? RC_OK
				       : restore_target(r->db, &r->opts);
}

int
main(int argc, char **argv)
{
	struct cli_sets sets = {
	    .form = REC_PATHS,
	    .not_done = "not made",
	    .record = on_record,
	    .end = on_end,
	    .one_set = true,
	    .silent = true,
	};
	struct restore r = {.opts = {.busy_ms = BUSY_MS}};

	parse(&r, argc, argv);
	sets.object = strcmp(r.db, "-") == 0 ? "the database" : r.db;
	r.cli.rc = check_target(&r);
	if (r.cli.rc == RC_OK) {
		r.merge = merge_new();
		cli_each_set(&r.cli, argv + optind + 1, &sets, &r);
		merge_free(r.merge);
	}
	return cli_exit(&r.cli);
}
