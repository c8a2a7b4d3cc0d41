/*
 * seg-upload: puts segments into a store: see publish/publish.h.
 */

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/signals.h"
#include "base/time.h"
#include "catalog/catalog_sync.h"
#include "cli/cli.h"
#include "cli/open_store.h"
#include "cli/progress.h"
#include "cli/sets.h"
#include "format/zseek_writer.h"
#include "publish/publish.h"
#include "store/store.h"

static const char synopsis[] =
    "usage: seg-upload [-eFJmnqv] [-C CLUSTER] [-j N] [-k CATALOG] [-s STORE]\n"
    "                  [-z[LEVEL]] [--busy-timeout MS] [--create] [--lock "
    "AGE]\n"
    "                  [--metrics FILE] [--retry-for SECONDS] [--sse METHOD]\n"
    "                  [--sse-key KEY-ID] [--storage-class CLASS] [FILE ...]\n";

enum { CREATE = CLI_OWN, BUSY, CLASS, SSE, SSE_KEY, LOCK };

static const struct cli_option own[] = {
    {'m', "move", NULL, "remove the local files of what is published"},
    {'z', "compress", "[LEVEL]", "data in zstd, of level 1 to 19 (3)"},
    {'n', "dry-run", NULL, "verify and judge, put nothing"},
    {'F', "force", NULL, "publish what leaves a gap or forks the history"},
    {BUSY, "busy-timeout", "MS", "how long to wait for another writer (5000)"},
    {CREATE, "create", NULL, "make the store if it is not there"},
    {'k', "catalog", "CATALOG",
	"record what is published in a catalogue of seg-sync"},
    {CLASS, "storage-class", "CLASS", "of data objects in a bucket"},
    {SSE, "sse", "METHOD",
	"encryption by the service: AES256, aws:kms or aws:kms:dsse"},
    {SSE_KEY, "sse-key", "KEY-ID", "the key of aws:kms, aws:kms:dsse"},
    {LOCK, "lock", "AGE", "nobody can remove the segments for so long"},
    {0},
};

enum {
	BUSY_MS = 5000,
	BUSY_MAX = 24 * 60 * 60 * 1000,
	LEVEL = 3,
	GRACE = 30 /* s: after a first signal, for the input to end */
};

#define DAY UINT64_C(86400000)
#define LOCK_MAX (36500 * DAY)

struct upload {
	struct cli cli;
	struct publish_opts o;
	struct publish *publish;
	struct cli_store_opts with;
};

static enum rc
print_published(void *arg, const struct rec *rec)
{
	struct upload *u = arg;

	return rec_write(&u->cli.out, rec);
}

static enum rc
take_record(void *ctx, const struct rec *rec)
{
	struct upload *u = ctx;

	publish_add(u->publish, rec);
	return RC_OK;
}

static enum rc
end_set(void *ctx)
{
	struct upload *u = ctx;
	struct progress progress;
	enum rc rc;

	progress_begin(&progress, "B", publish_judge(u->publish));
	store_on_moved(u->o.store, progress_moved, &progress);
	rc = publish_set(u->publish);
	store_on_moved(u->o.store, NULL, NULL);
	progress_end(&progress);
	return rc;
}

static void
forget_set(void *ctx)
{
	struct upload *u = ctx;

	u->cli.rc = rc_max(u->cli.rc, publish_forget(u->publish));
}

static void
take_option(struct upload *u, int c)
{
	struct store_keep *keep = &u->with.keep;

	if (c == 'm')
		u->o.move = true;
	else if (c == CREATE)
		u->with.create = true;
	else if (c == 'z')
		u->o.level = optarg ? (int)cli_number(&u->cli, "-z", optarg,
					  ZSEEK_LEVEL_MIN, ZSEEK_LEVEL_MAX)
				    : LEVEL;
	else if (c == CLASS)
		keep->storage_class = optarg;
	else if (c == SSE)
		keep->sse = optarg;
	else if (c == SSE_KEY)
		keep->sse_key = optarg;
	else if (c == BUSY)
		u->o.busy_ms = (unsigned)cli_number(
		    &u->cli, "--busy-timeout", optarg, 0, BUSY_MAX);
	else if (!time_span(optarg, &keep->lock) || keep->lock == 0 ||
		 keep->lock > LOCK_MAX)
		cli_usage(&u->cli, "--lock: %s is not an age up to %llu days",
		    optarg, (unsigned long long)(LOCK_MAX / DAY));
}

/* These become headers. */
static bool
is_word(const char *text)
{
	for (const char *p = text; *p; p++)
		if (*p <= ' ' || *p >= 0x7F)
			return false;
	return *text;
}

static void
check_keep(const struct upload *u)
{
	const struct store_keep *k = &u->with.keep;
	bool kms = k->sse && strncmp(k->sse, "aws:kms", 7) == 0;

	if (k->storage_class && !is_word(k->storage_class))
		cli_usage(&u->cli, "--storage-class: not a class");
	if (k->sse && strcmp(k->sse, "AES256") != 0 &&
	    strcmp(k->sse, "aws:kms") != 0 &&
	    strcmp(k->sse, "aws:kms:dsse") != 0)
		cli_usage(&u->cli,
		    "--sse: %s is not AES256, aws:kms or aws:kms:dsse", k->sse);
	if (k->sse_key && (!kms || !is_word(k->sse_key)))
		cli_usage(&u->cli, kms ? "--sse-key: not a key"
				       : "--sse-key goes with --sse aws:kms or "
					 "aws:kms:dsse");
}

static void
parse(struct upload *u, int argc, char **argv)
{
	int c;

	cli_init(&u->cli, argv, synopsis, "sCkjeJnFrM", own);
	u->o.busy_ms = BUSY_MS;
	while ((c = cli_getopt(&u->cli, argc, argv)) != -1)
		take_option(u, c);
	check_keep(u);
	u->with.create = u->with.create && !u->cli.dry_run;
	u->o.cluster = u->cli.cluster;
	u->o.jobs = u->cli.jobs;
	u->o.force = u->cli.force;
	u->o.dry_run = u->cli.dry_run;
	u->o.published = print_published;
	u->o.arg = u;
}

/* Whoever writes into it gets the signal too, and has a last set to tell. */
static bool
is_in_a_pipe(void)
{
	struct stat st;

	return fstat(STDIN_FILENO, &st) == 0 &&
	       (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
}

int
main(int argc, char **argv)
{
	static const struct cli_sets sets = {
	    .form = REC_PATHS,
	    .not_done = "nothing uploaded",
	    .record = take_record,
	    .end = end_set,
	    .fail = forget_set,
	};
	struct upload u = {0};

	parse(&u, argc, argv);
	if (optind == argc && is_in_a_pipe())
		signals_grace(GRACE);
	/* Before the store, which may have to be made. */
	if (u.cli.catalog)
		u.cli.rc = catalog_open(&u.o.catalog, u.cli.catalog,
		    u.cli.dry_run ? CATALOG_READ : CATALOG_CHANGE,
		    u.cli.retry_for);
	if (u.cli.rc == RC_OK)
		u.cli.rc = cli_store_with(&u.cli, &u.with, &u.o.store);
	if (u.cli.rc == RC_OK) {
		u.publish = publish_new(&u.o);
		cli_each_set(&u.cli, argv + optind, &sets, &u);
	}
	publish_free(u.publish);
	catalog_free(u.o.catalog);
	store_free(u.o.store);
	return cli_exit(&u.cli);
}
