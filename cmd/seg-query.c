/*
 * seg-query: SQL on the states that plans stand for, where they lie.
 *
 * Plans are answered one after the other, in their order; while one is, the next
 * ones are opened, as many as there may be transfers at a time.
 */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/sqlite.h"
#include "cli/cli.h"
#include "cli/open_store.h"
#include "cli/progress.h"
#include "cli/rows.h"
#include "cli/sets.h"
#include "plan/keyset.h"
#include "query/guard.h"
#include "query/state.h"
#include "query/statevfs.h"

static const char synopsis[] =
    "usage: seg-query [-eJqv] [-C CLUSTER] [-j N] [-s STORE] [--cache BYTES]\n"
    "                 [--cache-dir DIR] [--cache-disk BYTES] [--header]\n"
    "                 [--retry-for SECONDS] [--with-namespace] SQL [NAME "
    "...]\n";

enum { CACHE = CLI_OWN, CACHE_DIR, CACHE_DISK, HEADER, WITH_NAMESPACE };

static const struct cli_option own[] = {
    {'J', "json", NULL, "one JSON object a row"},
    {HEADER, "header", NULL, "before each result the names of its columns"},
    {WITH_NAMESPACE, "with-namespace", NULL, "in the first column"},
    {CACHE, "cache", "BYTES", "of pages kept in memory (67108864)"},
    {CACHE_DIR, "cache-dir", "DIR", "where to keep pages for the next run"},
    {CACHE_DISK, "cache-disk", "BYTES", "of that, at most (1073741824)"},
    {0},
};

#define VFS_NAME "seg-query"

/* Segments of plans that are opened ahead; files that a plan has open beside
 * those of its segments, and a segment. */
enum { SEGMENTS_AHEAD = 256, PLAN_FILES = 5, SEGMENT_FILES = 2 };

/* A plan: one that is read, or waits for its turn. */
struct asked {
	struct sole_namespace sole;
	struct keyset keys;
	struct stored stored;
	struct state *state; /* being opened */
	enum rc rc;
	struct asked *next;
};

struct query {
	struct statevfs vfs; /* first: whose open() is asked for the query */
	struct state_source source;
	struct cli cli;
	struct store *store;
	struct disk_cache *disk;
	struct rows rows;
	struct progress progress;
	const char *sql, *cache_dir;
	uint64_t cache, cache_disk;
	struct asked *reading;
	struct asked *first, **last; /* of those that wait */
	size_t waiting, segments;
	/* The one that is answered. */
	const char *namespace;
	/* Sets so far; what was asked for is not in the last of them; or is
	 * refused, in all of them. */
	uint64_t sets;
	bool lacks, refused;
};

/* ---- SQL on a state ---- */

static enum rc
failed(struct query *q, sqlite3 *db, const struct guard *g)
{
	enum rc rc;

	/* A page that is not to be had was reported. */
	if (q->source.rc && (sqlite3_errcode(db) & 0xff) == SQLITE_IOERR)
		return q->source.rc;
	rc = guard_fail(g, db, q->namespace, &q->lacks);
	q->refused = g->refused;
	return rc;
}

static enum rc
run_statement(struct query *q, sqlite3 *db, struct guard *g, sqlite3_stmt *stmt)
{
	enum rc rc = RC_OK;
	int result;

	if (sqlite3_column_count(stmt) > 0)
		rows_begin(&q->rows, stmt);
	while (rc == RC_OK && (result = guard_step(g, stmt)) != SQLITE_DONE) {
		if (result == SQLITE_ROW)
			rc = rows_add(&q->rows, stmt, q->namespace);
		else
			rc = failed(q, db, g);
	}
	q->lacks = false; /* what it names was there */
	return rc;
}

static enum rc
run_all(struct query *q, sqlite3 *db, struct guard *g)
{
	const char *sql = q->sql;
	enum rc rc = RC_OK;

	while (rc == RC_OK && *sql) {
		sqlite3_stmt *stmt = NULL;

		if (guard_prepare(g, db, sql, &stmt, &sql) != SQLITE_OK)
			rc = failed(q, db, g);
		else if (stmt)
			rc = run_statement(q, db, g, stmt);
		sqlite3_finalize(stmt);
	}
	return rc;
}

static enum rc
run_on_state(struct query *q)
{
	struct guard g = {0};
	sqlite3 *db = NULL;
	enum rc rc;

	/* For writing, lest :memory: cannot be written: the VFS says what the
	 * state is. */
	if (sqlite3_open_v2(
		q->namespace, &db, SQLITE_OPEN_READWRITE, VFS_NAME) ||
	    guard_connection(&g, db))
		rc = failed(q, db, &g);
	else
		rc = run_all(q, db, &g);
	sqlite3_close(db);
	return rc;
}

/* ---- the state as a file ---- */

static enum rc
open_state(struct statevfs *vfs, const char *name, struct state_source **out)
{
	struct query *q = (struct query *)vfs;

	(void)name;
	*out = &q->source;
	return RC_OK;
}

/* Its owner does. */
static void
close_state(struct state_source *s)
{
	(void)s;
}

/* ---- sets ---- */

static struct asked *
asked_new(void)
{
	struct asked *a = xcalloc(1, sizeof(*a));

	a->stored.counts = true;
	return a;
}

static void
asked_free(struct asked *a)
{
	state_close(a->state);
	keyset_release(&a->keys);
	stored_release(&a->stored);
	free(a);
}

static enum rc
take_record(void *ctx, const struct rec *rec)
{
	struct asked *a = ((struct query *)ctx)->reading;
	enum rc rc = sole_namespace_take(&a->sole, rec);

	if (rc)
		return rc;
	keyset_append(&a->keys, &rec->name.key);
	stored_add(&a->stored, rec);
	return RC_OK;
}

static void
forget_set(void *ctx)
{
	struct query *q = ctx;

	asked_free(q->reading);
	q->reading = asked_new();
	q->sets++;
}

/* Begin to open it. */
static void
begin(struct query *q, struct asked *a)
{
	const struct state_opts o = {
	    .store = q->store,
	    .cluster = q->cli.cluster,
	    .cache = q->cache,
	    .disk = q->disk,
	    .stored = &a->stored,
	};

	a->rc = state_begin(&a->state, &o, a->sole.text, &a->keys);
}

static enum rc
ask(struct query *q, struct asked *a)
{
	enum rc rc = a->rc ? a->rc : state_finish(a->state);

	if (rc)
		return rc;
	q->namespace = a->sole.text;
	q->lacks = false;
	q->source =
	    (struct state_source){.state = a->state, .close = close_state};
	return run_on_state(q);
}

/* The next in turn; those behind it go on while it waits for the store.  There
 * is no point in it without a store or an output. */
static void
answer(struct query *q)
{
	struct asked *a = q->first;
	enum rc rc = RC_USAGE, flushed;

	q->first = a->next;
	if (!q->first)
		q->last = &q->first;
	q->waiting--;
	q->segments -= a->keys.n;
	for (struct asked *b = q->first; b; b = b->next)
		if (b->rc == RC_OK)
			state_advance(b->state);
	if (q->cli.out.rc || store_is_missing(q->store))
		rc = RC_OK;
	else if (!q->refused)
		rc = ask(q, a);
	asked_free(a);
	flushed = rows_flush(&q->rows);
	q->cli.out.rc = rc_max(q->cli.out.rc, flushed);
	q->cli.rc = rc_max(q->cli.rc, rc_max(rc, flushed));
}

/* More than is good to have open? */
static bool
is_far_ahead(const struct query *q)
{
	size_t open = q->cli.jobs + PLAN_FILES * q->waiting;

	return q->waiting > q->cli.jobs + 1 || q->segments > SEGMENTS_AHEAD ||
	       q->segments > fd_room(SEGMENT_FILES, open);
}

static enum rc
ask_set(void *ctx)
{
	struct query *q = ctx;
	struct asked *a = q->reading;

	q->reading = asked_new();
	q->sets++;
	keyset_settle(&a->keys); /* counted as what is opened */
	q->waiting++;
	q->segments += a->keys.n;
	while (q->first && is_far_ahead(q))
		answer(q);
	*q->last = a;
	q->last = &a->next;
	begin(q, a);
	return RC_OK;
}

/* Nothing more has come so far. */
static enum rc
answer_meanwhile(void *ctx, int fd)
{
	struct query *q = ctx;

	while (q->waiting > 0 && !fd_readable(fd))
		answer(q);
	return RC_OK;
}

/* ---- main ---- */

static void
parse(struct query *q, int argc, char **argv)
{
	int o;

	cli_init(&q->cli, argv, synopsis, "sCjeJr", own);
	q->cache = 64 << 20;
	q->cache_disk = 1 << 30;
	while ((o = cli_getopt(&q->cli, argc, argv)) != -1) {
		switch (o) {
		case HEADER:
			q->rows.header = true;
			break;
		case WITH_NAMESPACE:
			q->rows.namespaces = true;
			break;
		case CACHE:
			q->cache = cli_number(
			    &q->cli, "--cache", optarg, 0, UINT64_MAX);
			break;
		case CACHE_DIR:
			q->cache_dir = cli_named(
			    &q->cli, "--cache-dir", "directory", optarg);
			break;
		case CACHE_DISK:
			q->cache_disk = cli_number(
			    &q->cli, "--cache-disk", optarg, 0, UINT64_MAX);
			break;
		}
	}
	q->rows.json = q->cli.out.json;
	if (optind == argc)
		cli_usage(&q->cli, "no SQL");
	q->sql = argv[optind++];
}

static void
run(struct query *q, char **operands)
{
	static const struct cli_sets sets = {
	    .form = REC_NAMES,
	    .not_done = "not asked",
	    .record = take_record,
	    .end = ask_set,
	    .fail = forget_set,
	    .idle = answer_meanwhile,
	    .silent = true,
	};

	statevfs_init(&q->vfs, VFS_NAME, sqlite3_vfs_find(NULL));
	q->vfs.open = open_state;
	sqlite3_vfs_register(&q->vfs.vfs, 0);
	progress_begin(&q->progress, "B", 0);
	store_on_moved(q->store, progress_moved, &q->progress);
	rows_end_at_interrupt();
	q->reading = asked_new();
	q->last = &q->first;
	cli_each_set(&q->cli, operands, &sets, q);
	while (q->waiting > 0)
		answer(q);
	asked_free(q->reading);
	progress_end(&q->progress);
	/* It is the SQL that is wrong, as far as anybody knows. */
	if (q->lacks && q->sets == 1)
		q->cli.rc = rc_max(q->cli.rc, RC_USAGE);
	rows_release(&q->rows);
}

int
main(int argc, char **argv)
{
	struct query q = {0};

	parse(&q, argc, argv);
	q.cli.rc = guard_check(q.sql);
	if (q.cli.rc == RC_OK)
		q.cli.rc = cli_store(&q.cli, false, &q.store);
	if (q.cli.rc == RC_OK && q.cache_dir)
		q.cli.rc = disk_cache_open(&q.disk, q.cache_dir, q.cache_disk);
	if (q.cli.rc == RC_OK)
		run(&q, argv + optind);
	disk_cache_close(q.disk);
	store_free(q.store);
	return cli_exit(&q.cli);
}
