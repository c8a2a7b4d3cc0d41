/* catrows: see catrows.h. */

#include <inttypes.h>
#include <stdio.h>

#include "base/number.h"
#include "work/catrows.h"

enum { DIGITS = 20 };

enum rc
catrows_find(
    struct catalog *c, const char *namespace, struct catrows_space *space)
{
	sqlite3_stmt *st = NULL;
	const char *newest;
	enum rc rc = catdb_prepare(c, &st,
	    "SELECT id, changes, newest FROM namespaces WHERE name = ?1");

	if (rc == RC_OK) {
		catdb_bind_text(st, 1, namespace);
		rc = catdb_step(c, st);
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

enum rc
catrows_touch(struct catalog *c, const struct catrows_space *space)
{
	sqlite3_stmt *st = NULL;
	char text[KEY_LEN + 1];
	enum rc rc = catdb_prepare(c, &st,
	    "UPDATE namespaces SET changes = changes + 1, newest = ?2"
	    " WHERE id = ?1");

	if (rc == RC_OK) {
		sqlite3_bind_int64(st, 1, space->id);
		if (space->listed)
			catdb_bind_text(st, 2, key_text(&space->newest, text));
		rc = catdb_step(c, st);
	}
	sqlite3_finalize(st);
	return rc == RC_ABSENT ? RC_OK : rc;
}

static bool
column_u64(sqlite3_stmt *st, int i, uint64_t *value)
{
	const char *text = (const char *)sqlite3_column_text(st, i);

	return text && sqlite3_column_bytes(st, i) == DIGITS &&
	       number_u64(text, DIGITS, value);
}

enum rc
catrows_next(
    struct catalog *c, sqlite3_stmt *st, struct key *key, uint64_t *bytes)
{
	enum rc rc = catdb_step(c, st);

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

enum rc
catrows_edit(struct catrows_edit *e, struct catalog *c)
{
	enum rc rc;

	*e = (struct catrows_edit){.c = c};
	rc = catdb_prepare(c, &e->put,
	    "INSERT OR REPLACE INTO segments"
	    "(namespace_id, end, start, time, bytes)"
	    " VALUES (?1, ?2, ?3, ?4, ?5)");
	if (rc == RC_OK)
		rc = catdb_prepare(c, &e->del,
		    "DELETE FROM segments WHERE namespace_id = ?1"
		    " AND end = ?2 AND start = ?3 AND time = ?4");
	return rc;
}

void
catrows_edited(struct catrows_edit *e)
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
		catdb_bind_text(st, i + 2, text);
	}
}

static enum rc
change(struct catrows_edit *e, sqlite3_stmt *st)
{
	enum rc rc = catdb_step(e->c, st);

	sqlite3_reset(st);
	e->changed = true;
	return rc == RC_ABSENT ? RC_OK : rc;
}

enum rc
catrows_put(
    struct catrows_edit *e, int64_t id, const struct key *key, uint64_t bytes)
{
	bind_key(e->put, id, key);
	if (bytes > INT64_MAX)
		sqlite3_bind_null(e->put, 5);
	else
		sqlite3_bind_int64(e->put, 5, (int64_t)bytes);
	return change(e, e->put);
}

enum rc
catrows_del(struct catrows_edit *e, int64_t id, const struct key *key)
{
	bind_key(e->del, id, key);
	return change(e, e->del);
}
