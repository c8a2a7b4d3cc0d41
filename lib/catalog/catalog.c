/* catalog: see catalog.h. */

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/sqlite.h"
#include "catalog/catalog.h"
#include "catalog/catdb.h"
#include "catalog/catrows.h"

enum rc
catalog_open(struct catalog **out, const char *path, enum catalog_mode mode,
    unsigned wait)
{
	static const int flags[] = {
	    [CATALOG_READ] = SQLITE_OPEN_READONLY,
	    [CATALOG_CHANGE] = SQLITE_OPEN_READWRITE,
	    [CATALOG_CREATE] = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
	};
	struct catalog *c = xcalloc(1, sizeof(*c));
	enum rc rc;

	c->path = xstrdup(path);
	c->wait_ms = wait > INT_MAX / 1000 ? INT_MAX : (int)wait * 1000;
	rc = catdb_open(c, flags[mode]);
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
	catdb_close(c);
	free(c->path);
	free(c);
}

/* In WAL mode alone does that leave the file whole. */
enum rc
catalog_hurry(struct catalog *c)
{
	sqlite3_stmt *st = NULL;
	bool wal = false;
	enum rc rc = catdb_prepare(c, &st, "PRAGMA journal_mode");

	if (rc == RC_OK)
		rc = catdb_step(c, st);
	if (rc == RC_OK)
		wal = strcmp((const char *)sqlite3_column_text(st, 0), "wal") ==
		      0;
	catdb_done(st);
	return rc == RC_OK && wal ? catdb_run(c, "PRAGMA synchronous = NORMAL")
				  : rc;
}

/* The sync of one more transaction makes the whole log durable. */
enum rc
catalog_settle(struct catalog *c)
{
	enum rc rc = catdb_run(c, "PRAGMA synchronous = FULL");

	if (rc || !c->committed)
		return rc;
	rc = catdb_run(c, "BEGIN IMMEDIATE");
	return rc ? rc : catdb_finish(c, catdb_touch(c));
}

/* ---- namespaces ---- */

enum rc
catalog_monitor(struct catalog *c, const char *namespace)
{
	enum rc rc = catdb_run(c, "BEGIN IMMEDIATE");

	if (rc)
		return rc;
	rc = catdb_run_name(c,
	    "INSERT INTO namespaces(name) VALUES (?1)"
	    " ON CONFLICT(name) DO NOTHING",
	    namespace);
	return catdb_finish(c, rc);
}

/* And its rows: SQLite, if it were to see to that, would look up the namespace of
 * each row that is put, and whether there is such a row. */
enum rc
catalog_unmonitor(struct catalog *c, const char *namespace)
{
	enum rc rc = catdb_run(c, "BEGIN IMMEDIATE");

	if (rc)
		return rc;
	rc = catdb_run_name(c,
	    "DELETE FROM segments WHERE namespace_id ="
	    " (SELECT id FROM namespaces WHERE name = ?1)",
	    namespace);
	if (rc == RC_OK)
		rc = catdb_run_name(
		    c, "DELETE FROM namespaces WHERE name = ?1", namespace);
	return catdb_finish(c, rc);
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
		return sqlite_fail(meta, path);
	while (rc == RC_OK && (err = sqlite3_step(st)) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(st, 0);
		size_t len = (size_t)sqlite3_column_bytes(st, 0);

		if (!name || !namespace_valid(name, len))
			rc = msg_fail(RC_DATA, "%s: %s: not a valid namespace",
			    path, name ? name : "NULL");
		else
			rc = catdb_run_name(c,
			    "INSERT OR IGNORE INTO wanted VALUES (?1)", name);
	}
	if (rc == RC_OK && err != SQLITE_DONE)
		rc = sqlite_fail(meta, path);
	sqlite3_finalize(st);
	return rc;
}

enum rc
catalog_from_metastore(struct catalog *c, const char *path)
{
	sqlite3 *meta = NULL;
	enum rc rc =
	    catdb_open_file(&meta, path, SQLITE_OPEN_READONLY, c->wait_ms);

	if (rc == RC_OK)
		rc = catdb_run(c, "CREATE TEMP TABLE IF NOT EXISTS"
				  " wanted(name TEXT PRIMARY KEY);"
				  "DELETE FROM temp.wanted");
	if (rc == RC_OK)
		rc = read_metastore(c, meta, path);
	if (rc == RC_OK)
		rc = catdb_run(c, "BEGIN IMMEDIATE");
	if (rc == RC_OK)
		rc = catdb_finish(c,
		    catdb_run(c, "DELETE FROM segments WHERE namespace_id IN"
				 " (SELECT id FROM namespaces WHERE name NOT IN"
				 "  (SELECT name FROM temp.wanted));"
				 "DELETE FROM namespaces WHERE name NOT IN"
				 " (SELECT name FROM temp.wanted);"
				 "INSERT INTO namespaces(name)"
				 " SELECT name FROM temp.wanted WHERE true"
				 " ON CONFLICT(name) DO NOTHING"));
	sqlite3_close(meta);
	return rc;
}

enum rc
catalog_count(struct catalog *c, uint64_t *n, uint64_t *segments)
{
	int64_t count = 0, known = 0;
	enum rc rc =
	    catdb_integer(c, "SELECT count(*) FROM namespaces", &count);

	if (rc == RC_OK)
		rc = catdb_integer(c, "SELECT count(*) FROM segments", &known);
	*n = (uint64_t)count;
	*segments = (uint64_t)known;
	return rc;
}

/* The next name after the one in it; "" is before the first. */
static enum rc
next_namespace(struct catalog *c, sqlite3_stmt *st, char *name)
{
	const char *text;
	size_t len;
	enum rc rc;

	catdb_bind_text(st, 1, name);
	rc = catdb_step(c, st);
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
	enum rc rc = catdb_prepare(c, &st,
	    known ? "SELECT name FROM namespaces n WHERE name > ?1 AND EXISTS"
		    " (SELECT 1 FROM segments WHERE namespace_id = n.id)"
		    " ORDER BY name LIMIT 1"
		  : "SELECT name FROM namespaces WHERE name > ?1"
		    " ORDER BY name LIMIT 1");

	while (rc == RC_OK && (rc = next_namespace(c, st, name)) == RC_OK)
		rc = each(arg, name);
	catdb_done(st);
	return rc == RC_ABSENT ? RC_OK : rc;
}

/* ---- segments ---- */

enum rc
catalog_segments(struct catalog *c, const char *namespace,
    enum rc (*each)(void *, const struct key *, uint64_t, uint64_t), void *arg)
{
	sqlite3_stmt *st = NULL;
	struct catrows_segment row;
	struct catrows_space space = {0};
	enum rc rc = catrows_find(c, namespace, &space);

	if (rc)
		return rc;
	rc = catdb_prepare(c, &st, catrows_select(c));
	sqlite3_bind_int64(st, 1, space.id);
	while (rc == RC_OK && (rc = catrows_next(c, st, &row)) == RC_OK)
		rc = each(arg, &row.key, row.bytes, row.pages);
	catdb_done(st);
	return rc == RC_ABSENT ? RC_OK : rc;
}
