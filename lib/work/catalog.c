/* catalog: see catalog.h. */

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/number.h"
#include "store/store.h"
#include "work/catalog.h"
#include "work/listing.h"

enum {
	APPLICATION_ID = 0x73656763, /* "segc" */
	SCHEMA_VERSION = 2,          /* 1 had no namespaces.newest */
	DIGITS = 20,
	ATTEMPTS = 8
};

static const char schema[] =
    "CREATE TABLE namespaces ("
    " id INTEGER PRIMARY KEY,"
    " name TEXT NOT NULL UNIQUE,"
    " changes INTEGER NOT NULL DEFAULT 0,"
    " newest TEXT);"
    "CREATE TABLE segments ("
    " namespace_id INTEGER NOT NULL"
    "  REFERENCES namespaces(id) ON DELETE CASCADE,"
    " end TEXT NOT NULL,"
    " start TEXT NOT NULL,"
    " time TEXT NOT NULL,"
    " bytes INTEGER,"
    " PRIMARY KEY (namespace_id, end, start, time)) WITHOUT ROWID;"
    "PRAGMA application_id = 1936025443;"
    "PRAGMA user_version = 2;";

struct catalog {
	sqlite3 *db;
	char *path;
	int wait_ms;    /* for a lock */
	enum rc failed; /* to record */
};

/* ---- SQLite ---- */

static enum rc
fail_db(sqlite3 *db, const char *path)
{
	int err = sqlite3_system_errno(db);

	switch (sqlite3_errcode(db) & 0xff) {
	case SQLITE_CANTOPEN:
		errno = err ? err : EACCES;
		return msg_errno(path);
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return msg_fail(RC_USAGE, "%s: %s", path, sqlite3_errmsg(db));
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_FULL:
	case SQLITE_IOERR:
	case SQLITE_NOMEM:
		return msg_fail(RC_SYSTEM, "%s: %s", path, sqlite3_errmsg(db));
	default:
		return msg_fail(RC_DATA, "%s: %s", path, sqlite3_errmsg(db));
	}
}

static enum rc
fail(struct catalog *c)
{
	return fail_db(c->db, c->path);
}

static enum rc
run(struct catalog *c, const char *sql)
{
	return sqlite3_exec(c->db, sql, NULL, NULL, NULL) ? fail(c) : RC_OK;
}

static enum rc
prepare(struct catalog *c, sqlite3_stmt **st, const char *sql)
{
	return sqlite3_prepare_v2(c->db, sql, -1, st, NULL) ? fail(c) : RC_OK;
}

static void
bind_text(sqlite3_stmt *st, int i, const char *text)
{
	sqlite3_bind_text(st, i, text, -1, SQLITE_TRANSIENT);
}

/* RC_OK: a row; RC_ABSENT: no more. */
static enum rc
step(struct catalog *c, sqlite3_stmt *st)
{
	switch (sqlite3_step(st)) {
	case SQLITE_ROW:
		return RC_OK;
	case SQLITE_DONE:
		return RC_ABSENT;
	default:
		return fail(c);
	}
}

static enum rc
integer(struct catalog *c, const char *sql, int64_t *value)
{
	sqlite3_stmt *st = NULL;
	enum rc rc = prepare(c, &st, sql);

	if (rc == RC_OK)
		rc = step(c, st);
	if (rc == RC_OK)
		*value = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return rc;
}

/* A statement without rows, with a namespace's name as its parameter. */
static enum rc
run_name(struct catalog *c, const char *sql, const char *namespace)
{
	sqlite3_stmt *st = NULL;
	enum rc rc = prepare(c, &st, sql);

	if (rc == RC_OK) {
		bind_text(st, 1, namespace);
		rc = step(c, st);
	}
	sqlite3_finalize(st);
	return rc == RC_ABSENT ? RC_OK : rc;
}

/* Commit, or if rc is a failure, roll back and return that. */
static enum rc
finish(struct catalog *c, enum rc rc)
{
	if (rc == RC_OK)
		rc = run(c, "COMMIT");
	if (rc != RC_OK)
		sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}

/* ---- opening ---- */

static enum rc
open_db(sqlite3 **db, const char *path, int flags, int wait_ms)
{
	/* Nothing that SQLite would take for a special name. */
	char *plain = xasprintf("%s%s", *path == '/' ? "" : "./", path);
	int err = sqlite3_open_v2(plain, db, flags, NULL);

	free(plain);
	if (err)
		return fail_db(*db, path);
	sqlite3_busy_timeout(*db, wait_ms);
	return RC_OK;
}

/* *empty: it has nothing in it yet.  Looked at in one transaction, since
 * another may be making it. */
static enum rc
check_identity(struct catalog *c, bool *empty)
{
	int64_t id = 0, version = 0, tables = 0;
	enum rc rc = run(c, "SAVEPOINT look");

	if (rc == RC_OK)
		rc = integer(c, "PRAGMA application_id", &id);
	if (rc == RC_OK)
		rc = integer(c, "PRAGMA user_version", &version);
	if (rc == RC_OK)
		rc = integer(c, "SELECT count(*) FROM sqlite_schema", &tables);
	if (rc == RC_OK)
		rc = run(c, "RELEASE look");
	if (rc)
		return rc;
	*empty = id == 0 && version == 0 && tables == 0;
	if (*empty)
		return RC_OK;
	if (id != APPLICATION_ID)
		return msg_fail(RC_DATA, "%s: not a catalogue", c->path);
	if (version != SCHEMA_VERSION)
		return msg_fail(RC_DATA,
		    "%s: catalogue of version %" PRId64 ", not %d", c->path,
		    version, SCHEMA_VERSION);
	return RC_OK;
}

/* Several that do this at once would wait for each other for ever; SQLite sees
 * it and returns at once, whatever the time to wait. */
static enum rc
make_wal(struct catalog *c)
{
	int err, pause = 5;

	for (int waited = 0;; waited += pause) {
		err = sqlite3_exec(
		    c->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
		if (err != SQLITE_BUSY || waited >= c->wait_ms)
			return err ? fail(c) : RC_OK;
		sqlite3_sleep(pause);
	}
}

static enum rc
create_schema(struct catalog *c)
{
	bool empty = false;
	enum rc rc = make_wal(c);

	if (rc == RC_OK)
		rc = run(c, "BEGIN IMMEDIATE");
	if (rc)
		return rc;
	rc = check_identity(c, &empty); /* another may have been faster */
	if (rc == RC_OK && empty)
		rc = run(c, schema);
	return finish(c, rc);
}

/*
 * Take the lock that a change needs, and leave it: what would keep us from
 * changing the catalogue is found out before anything else is done.  The log is
 * made to stay, empty, when we close: who may not write in the directory could
 * not make it, and not read without it.
 */
static enum rc
prepare_changes(struct catalog *c)
{
	int stay = 1;
	enum rc rc;

	if (sqlite3_db_readonly(c->db, "main"))
		return msg_fail(RC_USAGE, "%s: may not be written", c->path);
	rc = run(c, "PRAGMA journal_size_limit = 1048576");
	if (rc == RC_OK && sqlite3_file_control(
			       c->db, "main", SQLITE_FCNTL_PERSIST_WAL, &stay))
		rc = fail(c);
	if (rc == RC_OK)
		rc = run(c, "BEGIN IMMEDIATE");
	return rc ? rc : run(c, "ROLLBACK");
}

static enum rc
open_catalog(struct catalog *c, enum catalog_mode mode)
{
	static const int flags[] = {
	    [CATALOG_READ] = SQLITE_OPEN_READONLY,
	    [CATALOG_CHANGE] = SQLITE_OPEN_READWRITE,
	    [CATALOG_CREATE] = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
	};
	bool empty = false;
	enum rc rc = open_db(&c->db, c->path, flags[mode], c->wait_ms);

	if (rc == RC_OK)
		rc = check_identity(c, &empty);
	if (rc == RC_OK && empty)
		rc = mode == CATALOG_CREATE
			 ? create_schema(c)
			 : msg_fail(RC_DATA, "%s: not a catalogue", c->path);
	if (rc == RC_OK)
		rc = run(c, "PRAGMA foreign_keys = ON");
	if (rc == RC_OK && mode != CATALOG_READ)
		rc = prepare_changes(c);
	return rc;
}

enum rc
catalog_open(struct catalog **out, const char *path, enum catalog_mode mode,
    unsigned wait)
{
	struct catalog *c = xcalloc(1, sizeof(*c));
	enum rc rc;

	c->path = xstrdup(path);
	c->wait_ms = wait > INT_MAX / 1000 ? INT_MAX : (int)wait * 1000;
	rc = open_catalog(c, mode);
	if (rc) {
		catalog_free(c);
		c = NULL;
	}
	*out = c;
	return rc;
}

void
catalog_free(struct catalog *c)
{
	if (!c)
		return;
	sqlite3_close(c->db);
	free(c->path);
	free(c);
}

/* ---- namespaces ---- */

enum rc
catalog_monitor(struct catalog *c, const char *namespace)
{
	return run_name(c,
	    "INSERT INTO namespaces(name) VALUES (?1)"
	    " ON CONFLICT(name) DO NOTHING",
	    namespace);
}

enum rc
catalog_unmonitor(struct catalog *c, const char *namespace)
{
	return run_name(c, "DELETE FROM namespaces WHERE name = ?1", namespace);
}

/* Fill the temporary table wanted with what the metastore has. */
static enum rc
read_metastore(struct catalog *c, sqlite3 *meta, const char *path)
{
	sqlite3_stmt *st = NULL;
	enum rc rc = RC_OK;
	int err;

	if (sqlite3_prepare_v2(
		meta, "SELECT namespace FROM namespace_configs", -1, &st, NULL))
		return fail_db(meta, path);
	while (rc == RC_OK && (err = sqlite3_step(st)) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(st, 0);
		size_t len = (size_t)sqlite3_column_bytes(st, 0);

		if (!name || !namespace_valid(name, len))
			rc = msg_fail(RC_DATA, "%s: %s: not a valid namespace",
			    path, name ? name : "NULL");
		else
			rc = run_name(c,
			    "INSERT OR IGNORE INTO wanted VALUES (?1)", name);
	}
	if (rc == RC_OK && err != SQLITE_DONE)
		rc = fail_db(meta, path);
	sqlite3_finalize(st);
	return rc;
}

enum rc
catalog_from_metastore(struct catalog *c, const char *path)
{
	sqlite3 *meta = NULL;
	enum rc rc = open_db(&meta, path, SQLITE_OPEN_READONLY, c->wait_ms);

	if (rc == RC_OK)
		rc = run(c, "CREATE TEMP TABLE IF NOT EXISTS"
			    " wanted(name TEXT PRIMARY KEY);"
			    "DELETE FROM temp.wanted");
	if (rc == RC_OK)
		rc = read_metastore(c, meta, path);
	if (rc == RC_OK)
		rc = run(c, "BEGIN IMMEDIATE");
	if (rc == RC_OK)
		rc = finish(c, run(c, "DELETE FROM namespaces WHERE name NOT IN"
				      " (SELECT name FROM temp.wanted);"
				      "INSERT INTO namespaces(name)"
				      " SELECT name FROM temp.wanted WHERE true"
				      " ON CONFLICT(name) DO NOTHING"));
	sqlite3_close(meta);
	return rc;
}

enum rc
catalog_count(struct catalog *c, uint64_t *n)
{
	int64_t count = 0;
	enum rc rc = integer(c, "SELECT count(*) FROM namespaces", &count);

	*n = (uint64_t)count;
	return rc;
}

/* The next name after the one in it; "" is before the first. */
static enum rc
next_namespace(struct catalog *c, sqlite3_stmt *st, char *name)
{
	const char *text;
	size_t len;
	enum rc rc;

	bind_text(st, 1, name);
	rc = step(c, st);
	if (rc == RC_OK) {
		text = (const char *)sqlite3_column_text(st, 0);
		len = (size_t)sqlite3_column_bytes(st, 0);
		if (text && namespace_valid(text, len))
			memcpy(name, text, len + 1);
		else
			rc = msg_fail(
			    RC_DATA, "%s: not a valid namespace", c->path);
	}
	sqlite3_reset(st);
	return rc;
}

enum rc
catalog_namespaces(struct catalog *c, bool known,
    enum rc (*each)(void *, const char *), void *arg)
{
	char name[NAMESPACE_MAX + 1] = "";
	sqlite3_stmt *st = NULL;
	enum rc rc = prepare(c, &st,
	    known ? "SELECT name FROM namespaces n WHERE name > ?1 AND EXISTS"
		    " (SELECT 1 FROM segments WHERE namespace_id = n.id)"
		    " ORDER BY name LIMIT 1"
		  : "SELECT name FROM namespaces WHERE name > ?1"
		    " ORDER BY name LIMIT 1");

	while (rc == RC_OK && (rc = next_namespace(c, st, name)) == RC_OK)
		rc = each(arg, name);
	sqlite3_finalize(st);
	return rc == RC_ABSENT ? RC_OK : rc;
}

struct space {
	int64_t id;
	int64_t changes; /* transactions that changed its segments */
	/* The store's newest, as listing_newest() has it, up to whose END all
	 * is known; false: it was never listed. */
	bool listed;
	struct key newest;
};

/* RC_ABSENT: not monitored. */
static enum rc
find(struct catalog *c, const char *namespace, struct space *space)
{
	sqlite3_stmt *st = NULL;
	const char *newest;
	enum rc rc = prepare(c, &st,
	    "SELECT id, changes, newest FROM namespaces WHERE name = ?1");

	if (rc == RC_OK) {
		bind_text(st, 1, namespace);
		rc = step(c, st);
	}
	if (rc == RC_OK) {
		space->id = sqlite3_column_int64(st, 0);
		space->changes = sqlite3_column_int64(st, 1);
		newest = (const char *)sqlite3_column_text(st, 2);
		space->listed =
		    newest && key_parse(&space->newest, newest,
				  (size_t)sqlite3_column_bytes(st, 2));
	}
	sqlite3_finalize(st);
	return rc;
}

/* Count a change to its segments, and remember what is newest. */
static enum rc
touch(struct catalog *c, const struct space *space)
{
	sqlite3_stmt *st = NULL;
	char text[KEY_LEN + 1];
	enum rc rc = prepare(c, &st,
	    "UPDATE namespaces SET changes = changes + 1, newest = ?2"
	    " WHERE id = ?1");

	if (rc == RC_OK) {
		sqlite3_bind_int64(st, 1, space->id);
		if (space->listed)
			bind_text(st, 2, key_text(&space->newest, text));
		rc = step(c, st);
	}
	sqlite3_finalize(st);
	return rc == RC_ABSENT ? RC_OK : rc;
}

/* ---- segments ---- */

static bool
column_u64(sqlite3_stmt *st, int i, uint64_t *value)
{
	const char *text = (const char *)sqlite3_column_text(st, i);

	return text && sqlite3_column_bytes(st, i) == DIGITS &&
	       number_u64(text, DIGITS, value);
}

/* One row of SELECT end, start, time, bytes. */
static enum rc
next_row(struct catalog *c, sqlite3_stmt *st, struct key *key, uint64_t *bytes)
{
	enum rc rc = step(c, st);

	if (rc)
		return rc;
	if (!column_u64(st, 0, &key->end) || !column_u64(st, 1, &key->start) ||
	    !column_u64(st, 2, &key->time) || key->start < 1 ||
	    key->end < key->start)
		return msg_fail(RC_DATA, "%s: a malformed segment", c->path);
	*bytes = UINT64_MAX;
	if (sqlite3_column_type(st, 3) == SQLITE_INTEGER &&
	    sqlite3_column_int64(st, 3) >= 0)
		*bytes = (uint64_t)sqlite3_column_int64(st, 3);
	return RC_OK;
}

#define SELECT_SEGMENTS \
	"SELECT end, start, time, bytes FROM segments WHERE namespace_id = ?1" \
	" ORDER BY end, start, time"

enum rc
catalog_segments(struct catalog *c, const char *namespace,
    enum rc (*each)(void *, const struct key *, uint64_t), void *arg)
{
	sqlite3_stmt *st = NULL;
	struct key key;
	uint64_t bytes;
	struct space space = {0};
	enum rc rc = find(c, namespace, &space);

	if (rc)
		return rc;
	rc = prepare(c, &st, SELECT_SEGMENTS);
	sqlite3_bind_int64(st, 1, space.id);
	while (rc == RC_OK && (rc = next_row(c, st, &key, &bytes)) == RC_OK)
		rc = each(arg, &key, bytes);
	sqlite3_finalize(st);
	return rc == RC_ABSENT ? RC_OK : rc;
}

/* ---- changing segments ---- */

struct edit {
	struct catalog *c;
	sqlite3_stmt *put, *del;
	bool changed;
};

static enum rc
edit_begin(struct edit *e, struct catalog *c)
{
	enum rc rc;

	*e = (struct edit){.c = c};
	rc = prepare(c, &e->put,
	    "INSERT OR REPLACE INTO segments"
	    "(namespace_id, end, start, time, bytes)"
	    " VALUES (?1, ?2, ?3, ?4, ?5)");
	if (rc == RC_OK)
		rc = prepare(c, &e->del,
		    "DELETE FROM segments WHERE namespace_id = ?1"
		    " AND end = ?2 AND start = ?3 AND time = ?4");
	return rc;
}

static void
edit_end(struct edit *e)
{
	sqlite3_finalize(e->put);
	sqlite3_finalize(e->del);
}

static void
bind_key(sqlite3_stmt *st, int64_t id, const struct key *key)
{
	const uint64_t part[] = {key->end, key->start, key->time};
	char text[DIGITS + 1];

	sqlite3_bind_int64(st, 1, id);
	for (int i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), "%020" PRIu64, part[i]);
		bind_text(st, i + 2, text);
	}
}

static enum rc
change(struct edit *e, sqlite3_stmt *st)
{
	enum rc rc = step(e->c, st);

	sqlite3_reset(st);
	e->changed = true;
	return rc == RC_ABSENT ? RC_OK : rc;
}

static enum rc
put(struct edit *e, int64_t id, const struct key *key, uint64_t bytes)
{
	bind_key(e->put, id, key);
	if (bytes > INT64_MAX)
		sqlite3_bind_null(e->put, 5);
	else
		sqlite3_bind_int64(e->put, 5, (int64_t)bytes);
	return change(e, e->put);
}

static enum rc
del(struct edit *e, int64_t id, const struct key *key)
{
	bind_key(e->del, id, key);
	return change(e, e->del);
}

/* ---- recording ---- */

/*
 * What was published becomes the newest if nothing can be between it and what
 * was: others may have published what only a listing finds.
 */
static void
move_newest(struct space *space, const struct key *key)
{
	const struct key *newest = &space->newest;

	if (space->listed &&
	    (key->start == newest->end + 1 ||
		(key->end == newest->end && key_cmp(key, newest) < 0)))
		space->newest = *key;
}

/* Those at the beginning that are of one namespace; *done of them. */
static enum rc
record_space(struct edit *e, const struct catalog_change *changes, size_t n,
    size_t *done)
{
	const char *namespace = changes->namespace;
	struct space space = {0};
	enum rc found = find(e->c, namespace, &space), rc = RC_OK;

	if (found == RC_ABSENT)
		msg_info("%s: %s: not monitored", e->c->path, namespace);
	else if (found)
		return found;
	for (*done = 0; rc == RC_OK && *done < n; ++*done) {
		const struct catalog_change *x = &changes[*done];

		if (strcmp(x->namespace, namespace) != 0)
			break;
		if (found == RC_ABSENT)
			continue;
		if (!x->gone)
			move_newest(&space, &x->key);
		rc = x->gone ? del(e, space.id, &x->key)
			     : put(e, space.id, &x->key, x->bytes);
	}
	/* Counted even if it was known: a sync that is listing must not undo
	 * it. */
	if (rc == RC_OK && found == RC_OK)
		rc = touch(e->c, &space);
	return rc;
}

enum rc
catalog_record(
    struct catalog *c, const struct catalog_change *changes, size_t n)
{
	struct edit e = {0};
	enum rc rc = c->failed;

	if (rc || n == 0)
		return rc;
	rc = run(c, "BEGIN IMMEDIATE");
	if (rc == RC_OK) {
		rc = edit_begin(&e, c);
		for (size_t i = 0, one = 0; rc == RC_OK && i < n; i += one)
			rc = record_space(&e, changes + i, n - i, &one);
		edit_end(&e);
		rc = finish(c, rc);
	}
	return c->failed = rc;
}

/* ---- syncing ---- */

struct sync {
	struct catalog *c;
	struct listing *h;
	struct space space;
	bool full;
	struct edit edit;
	sqlite3_stmt *rows;
	struct key key; /* of the row that comes next */
	uint64_t bytes;
	bool have;
};

static enum rc
advance(struct sync *s)
{
	enum rc rc = next_row(s->c, s->rows, &s->key, &s->bytes);

	s->have = rc == RC_OK;
	return rc == RC_ABSENT ? RC_OK : rc;
}

/* Take the row out that comes next, if the store no longer has it. */
static enum rc
pass(struct sync *s)
{
	enum rc rc = RC_OK;

	if (s->full)
		rc = del(&s->edit, s->space.id, &s->key);
	return rc ? rc : advance(s);
}

/* A segment of the listing, after the rows that come before it. */
static enum rc
take(struct sync *s, const struct listing_entry *e)
{
	enum rc rc = RC_OK;
	bool same = s->have && key_cmp(&s->key, &e->key) == 0;

	if (!same || s->bytes != e->bytes)
		rc = put(&s->edit, s->space.id, &e->key, e->bytes);
	return rc == RC_OK && same ? advance(s) : rc;
}

/* Rows and listing are in frame order: walk them side by side.  *newest: of
 * the listing, as listing_newest() has it; *any: there is one. */
static enum rc
compare(struct sync *s, struct key *newest, bool *any)
{
	struct listing_entry e;
	enum rc rc = advance(s);

	while (rc == RC_OK && (rc = listing_next(s->h, &e)) == RC_OK) {
		if (!e.index)
			continue;
		if (!*any || e.key.end > newest->end)
			*newest = e.key;
		*any = true;
		while (rc == RC_OK && s->have && key_cmp(&s->key, &e.key) < 0)
			rc = pass(s);
		if (rc == RC_OK)
			rc = take(s, &e);
	}
	if (rc != RC_ABSENT)
		return rc;
	for (rc = RC_OK; rc == RC_OK && s->have;)
		rc = pass(s);
	return rc;
}

static enum rc
update(struct sync *s)
{
	struct space *space = &s->space;
	struct key newest = {0};
	bool any = false;
	enum rc rc = edit_begin(&s->edit, s->c);

	if (rc == RC_OK)
		rc = prepare(s->c, &s->rows, SELECT_SEGMENTS);
	if (rc == RC_OK) {
		sqlite3_bind_int64(s->rows, 1, space->id);
		rc = compare(s, &newest, &any);
	}
	sqlite3_finalize(s->rows);
	edit_end(&s->edit);
	if (any != space->listed ||
	    (any && key_cmp(&newest, &space->newest) != 0))
		s->edit.changed = true;
	space->listed = any;
	space->newest = newest;
	return rc == RC_OK && s->edit.changed ? touch(s->c, space) : rc;
}

/*
 * The listing is made outside the transaction, lest others wait for the
 * network.  If somebody changed the namespace meanwhile it may be older than
 * what the catalogue has: *stale, and nothing is done.
 */
static enum rc
sync_once(struct catalog *c, struct store *store, const char *cluster,
    const char *namespace, bool full, bool *stale)
{
	struct sync s = {.c = c, .full = full};
	struct space before = {0};
	enum rc rc = find(c, namespace, &before);

	if (rc == RC_OK)
		rc = listing_open(&s.h, store, cluster, namespace);
	if (rc == RC_OK)
		rc = run(c, "BEGIN IMMEDIATE");
	if (rc == RC_OK) {
		rc = find(c, namespace, &s.space);
		*stale = rc == RC_OK && (s.space.id != before.id ||
					    s.space.changes != before.changes);
		if (rc == RC_OK && !*stale)
			rc = update(&s);
		rc = finish(c, rc);
	}
	listing_free(s.h);
	return rc;
}

/* Is the store's newest the one up to which all is known? */
static enum rc
is_current(struct catalog *c, struct store *store, const char *cluster,
    const char *namespace, bool *current)
{
	struct space space = {0};
	struct key key;
	enum rc rc = find(c, namespace, &space);

	if (rc)
		return rc;
	rc = listing_newest(store, cluster, namespace, &key);
	/* Nothing there: nothing newer. */
	*current = rc == RC_ABSENT || (rc == RC_OK && space.listed &&
					  key_cmp(&key, &space.newest) == 0);
	return rc == RC_ABSENT ? RC_OK : rc;
}

enum rc
catalog_sync(struct catalog *c, struct store *store, const char *cluster,
    const char *namespace, bool full)
{
	bool current = false, stale = true;
	enum rc rc = RC_OK;

	if (!full)
		rc = is_current(c, store, cluster, namespace, &current);
	if (current)
		return rc;
	for (int i = 0; rc == RC_OK && stale && i < ATTEMPTS; i++)
		rc = sync_once(c, store, cluster, namespace, full, &stale);
	if (rc == RC_ABSENT)
		return msg_fail(
		    RC_DATA, "%s: %s: not monitored", c->path, namespace);
	if (rc == RC_OK && stale)
		return msg_fail(RC_SYSTEM, "%s: %s: others keep changing it",
		    c->path, namespace);
	return rc;
}
