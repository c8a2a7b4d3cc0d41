/* catrows: see catrows.h. */

#include "base/number.h"
#include "catalog/catrows.h"

enum { DIGITS = NUMBER_MAX };

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
	catdb_done(st);
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
	catdb_done(st);
	return rc == RC_ABSENT ? RC_OK : rc;
}

static bool
column_u64(sqlite3_stmt *st, int i, uint64_t *value)
{
	const char *text = (const char *)sqlite3_column_text(st, i);

	return text && sqlite3_column_bytes(st, i) == DIGITS &&
	       number_u64(text, DIGITS, value);
}

/* A number, or UINT64_MAX. */
static uint64_t
column_count(sqlite3_stmt *st, int i)
{
	int64_t n = sqlite3_column_int64(st, i);

	return sqlite3_column_type(st, i) == SQLITE_INTEGER && n >= 0
		   ? (uint64_t)n
		   : UINT64_MAX;
}

#define SELECT(pages) \
	"SELECT end, start, time, bytes, " pages " FROM segments" \
	" WHERE namespace_id = ?1 ORDER BY end, start, time"

const char *
catrows_select(const struct catalog *c)
{
	return c->old ? SELECT(CATDB_OLD_PAGES) : SELECT("pages");
}

enum rc
catrows_next(
    struct catalog *c, sqlite3_stmt *st, struct catrows_segment *segment)
{
	struct key *key = &segment->key;
	enum rc rc = catdb_step(c, st);

	if (rc)
		return rc;
	if (!column_u64(st, 0, &key->end) || !column_u64(st, 1, &key->start) ||
	    !column_u64(st, 2, &key->time) || key->start < 1 ||
	    key->end < key->start)
		return msg_fail(RC_DATA, "%s: a malformed segment", c->path);
	segment->bytes = column_count(st, 3);
	segment->pages = column_count(st, 4);
	return RC_OK;
}

#define ROW "(?,?,?,?,?,?)"
#define EIGHT_ROWS ROW "," ROW "," ROW "," ROW "," ROW "," ROW "," ROW "," ROW
#define PUT \
	"INSERT OR REPLACE INTO segments" \
	"(namespace_id, end, start, time, bytes, pages) VALUES "

enum rc
catrows_edit(struct catrows_edit *e, struct catalog *c)
{
	enum rc rc;

	*e = (struct catrows_edit){.c = c};
	rc = catdb_prepare(c, &e->put, PUT ROW);
	if (rc == RC_OK)
		rc = catdb_prepare(c, &e->put_many,
		    PUT EIGHT_ROWS "," EIGHT_ROWS "," EIGHT_ROWS
				   "," EIGHT_ROWS);
	if (rc == RC_OK)
		rc = catdb_prepare(c, &e->del,
		    "DELETE FROM segments WHERE namespace_id = ?"
		    " AND end = ? AND start = ? AND time = ?");
	return rc;
}

/* ID, END, START and TIME, from the i-th parameter on: it must stay. */
static void
bind_row(sqlite3_stmt *st, int i, const struct catrows_waiting *row)
{
	sqlite3_bind_int64(st, i, row->id);
	for (int p = 0; p < 3; p++)
		sqlite3_bind_text(
		    st, i + 1 + p, row->part[p], NUMBER_MAX, SQLITE_STATIC);
}

static void
bind_count(sqlite3_stmt *st, int i, uint64_t n)
{
	if (n > INT64_MAX)
		sqlite3_bind_null(st, i);
	else
		sqlite3_bind_int64(st, i, (int64_t)n);
}

static void
set_row(struct catrows_waiting *row, int64_t id, const struct key *key)
{
	row->id = id;
	number_text(key->end, NUMBER_MAX, row->part[0]);
	number_text(key->start, NUMBER_MAX, row->part[1]);
	number_text(key->time, NUMBER_MAX, row->part[2]);
}

static enum rc
change(struct catrows_edit *e, sqlite3_stmt *st)
{
	enum rc rc = catdb_step(e->c, st);

	sqlite3_reset(st);
	e->changed = true;
	return rc == RC_ABSENT ? RC_OK : rc;
}

/* The n that wait from the first-th on, by a statement for as many. */
static enum rc
put_rows(struct catrows_edit *e, sqlite3_stmt *st, size_t first, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct catrows_waiting *row = &e->waiting[first + i];
		int at = 6 * (int)i + 1;

		bind_row(st, at, row);
		bind_count(st, at + 4, row->bytes);
		bind_count(st, at + 5, row->pages);
	}
	return change(e, st);
}

static enum rc
put_waiting(struct catrows_edit *e)
{
	enum rc rc = RC_OK;

	if (e->n == CATROWS_MANY)
		rc = put_rows(e, e->put_many, 0, e->n);
	else
		for (size_t i = 0; rc == RC_OK && i < e->n; i++)
			rc = put_rows(e, e->put, i, 1);
	e->n = 0;
	return rc;
}

enum rc
catrows_put(
    struct catrows_edit *e, int64_t id, const struct catrows_segment *segment)
{
	struct catrows_waiting *row = &e->waiting[e->n++];

	set_row(row, id, &segment->key);
	row->bytes = segment->bytes;
	row->pages = segment->pages;
	return e->n == CATROWS_MANY ? put_waiting(e) : RC_OK;
}

enum rc
catrows_del(struct catrows_edit *e, int64_t id, const struct key *key)
{
	struct catrows_waiting row;
	enum rc rc = put_waiting(e);

	if (rc)
		return rc;
	set_row(&row, id, key);
	bind_row(e->del, 1, &row);
	rc = change(e, e->del);
	sqlite3_clear_bindings(e->del);
	return rc;
}

enum rc
catrows_edited(struct catrows_edit *e, enum rc rc)
{
	if (rc == RC_OK)
		rc = put_waiting(e);
	catdb_done(e->put);
	catdb_done(e->put_many);
	catdb_done(e->del);
	return rc;
}
