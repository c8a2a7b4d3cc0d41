/*
 * The pages of a history's state (history.h), as they are and through SQLite, as
 * seg-query asks for them: of an honest one they are what they should be, of any
 * other no page is given that is not one of that number (but a byte of a plain
 * object's page is not looked at), and whatever SQLite makes of the pages, nothing
 * goes on for ever or takes memory without bounds.
 */

#include <stdint.h>
#include <stdlib.h>

#include "history.h"
#include "query/guard.h"
#include "query/state.h"
#include "query/statevfs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LOOK_AT = 80, TABLES = 4, STEPS = 20000, ROWS = 200 };

static struct statevfs vfs;
static struct state_source source;
static struct store *store;
static unsigned steps;
static const uint8_t zeros[4096];

/* ---- pages ---- */

/* Is it what an honest one has? */
static bool
is_right(const struct history *h, uint32_t page, const uint8_t *bytes)
{
	size_t at;
	bool has = history_page(h, h->n, page, true, &at);

	return memcmp(bytes, has ? h->pages + at : zeros, h->page_size) == 0;
}

static void
look(const struct history *h, struct state *s)
{
	for (uint32_t page = 1; page < LOOK_AT; page++) {
		const uint8_t *bytes;
		enum rc rc = state_page(s, page, &bytes);

		if (h->honest && (rc || !is_right(h, page, bytes)))
			abort();
		if (rc == RC_OK && !h->unseen && !history_has(h, page, bytes) &&
		    memcmp(bytes, zeros, h->page_size) != 0)
			abort();
	}
}

/* ---- SQL ---- */

static enum rc
open_state(struct statevfs *v, const char *name, struct state_source **out)
{
	(void)v;
	(void)name;
	*out = &source;
	return RC_OK;
}

static void
close_state(struct state_source *s)
{
	(void)s;
}

static enum rc
refresh_state(struct state_source *s)
{
	(void)s;
	return RC_OK;
}

static int
enough(void *arg)
{
	(void)arg;
	return ++steps > STEPS;
}

static void
run(sqlite3 *db, struct guard *g, const char *sql)
{
	sqlite3_stmt *stmt = NULL;

	if (guard_prepare(g, db, sql, &stmt, &sql) == SQLITE_OK && stmt)
		for (int i = 0; i < ROWS; i++)
			if (guard_step(g, stmt) != SQLITE_ROW)
				break;
	sqlite3_finalize(stmt);
}

/* All of the first tables. */
static void
run_on_tables(sqlite3 *db, struct guard *g)
{
	sqlite3_stmt *names = NULL;
	char *sql[TABLES] = {0};

	(void)sqlite3_prepare_v2(db,
	    "SELECT printf('SELECT * FROM \"%w\" ORDER BY 1', name) FROM "
	    "sqlite_schema WHERE type IN ('table', 'view')",
	    -1, &names, NULL);
	for (int i = 0; i < TABLES; i++)
		if (names && sqlite3_step(names) == SQLITE_ROW)
			sql[i] = xstrdup(
			    (const char *)sqlite3_column_text(names, 0));
	sqlite3_finalize(names);
	for (int i = 0; i < TABLES; i++) {
		if (sql[i])
			run(db, g, sql[i]);
		free(sql[i]);
	}
}

static void
ask(struct state *s, bool follows)
{
	struct guard g;
	sqlite3 *db = NULL;

	source = (struct state_source){
	    .state = s,
	    .follows = follows,
	    .refresh = refresh_state,
	    .close = close_state,
	};
	steps = 0;
	if (sqlite3_open_v2("n", &db, SQLITE_OPEN_READWRITE, "fuzz") ==
		SQLITE_OK &&
	    guard_connection(&g, db) == SQLITE_OK) {
		sqlite3_progress_handler(db, 100, enough, NULL);
		run(db, &g, "SELECT * FROM sqlite_schema");
		run_on_tables(db, &g);
		/* It has a bit for each page that there is said to be. */
		if (state_pages(s) < 1 << 16)
			run(db, &g, "PRAGMA integrity_check(3)");
	}
	sqlite3_close(db);
}

/* ---- all ---- */

static void
begin(void)
{
	const struct store_opts opts = {.parallel = 4, .create = true};
	char *where = xasprintf("%s/store", place());

	place_directory(where);
	if (store_open(&store, where, &opts) != RC_OK)
		abort();
	free(where);
	statevfs_init(&vfs, "fuzz", sqlite3_vfs_find(NULL));
	vfs.open = open_state;
	if (sqlite3_vfs_register(&vfs.vfs, 0) != SQLITE_OK)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct state_opts o = {.cluster = "default"};
	struct keyset keys = {0};
	struct history h;
	struct state *s;
	enum rc rc;

	if (!store)
		begin();
	o.store = store;
	if (history_new(&h, data, size)) {
		history_put(&h, false);
		o.cache = (uint64_t)data[SAYS_CACHE] * h.page_size;
		history_keys(&h, h.n, &keys);
		rc = state_open(&s, &o, HISTORY_NAMESPACE, &keys);
		if (rc && h.honest)
			abort();
		if (rc == RC_OK) {
			look(&h, s);
			ask(s, data[SAYS_MORE] & 1);
			state_close(s);
		}
		history_remove(&h, false);
		keyset_release(&keys);
	}
	history_release(&h);
	return 0;
}
