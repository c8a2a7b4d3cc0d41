/*
 * changeset: see changeset.h.
 *
 * SQLite's session code records what happens to a table.  So it is made to
 * happen: in a table in memory with the same columns and key, and without types,
 * so that values stay as they are.
 */

#define SQLITE_ENABLE_SESSION
#define SQLITE_ENABLE_PREUPDATE_HOOK

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/output.h"
#include "base/sqlite.h"
#include "diff/changeset.h"

/* Bytes of rows in memory; then what was recorded is written. */
enum { PART = 16 << 20 };

struct changeset {
	struct diff *d;
	enum rc rc; /* RC_DATA: something was told */
	/* The table. */
	const struct diff_table *table;
	const struct rowdiff *rows;
	const char *reason; /* it cannot be in it, which was told */
	bool null_key;      /* so was this */
	sqlite3 *db;
	/* Of rows that go, written first, since a key may come in their place
	 * that a collation takes for theirs; of others. */
	sqlite3_session *session[2];
	sqlite3_stmt *insert, *update, *delete;
	uint64_t bytes;
};

static void
tell(struct changeset *c, const char *name, const char *why)
{
	c->rc = msg_fail(RC_DATA, "%s: not in a changeset: %s", name, why);
}

static enum rc
failed(struct changeset *c)
{
	return sqlite_fail(c->db, "SQLite's session code");
}

/* ---- parts ---- */

static int
put(void *arg, const void *data, int n)
{
	(void)arg;
	return fwrite(data, 1, (size_t)n, stdout) == (size_t)n ? SQLITE_OK
							       : SQLITE_IOERR;
}

static enum rc
begin_part(struct changeset *c)
{
	c->bytes = 0;
	for (int i = 0; i < 2; i++) {
		sqlite3_session **s = &c->session[i];

		if (sqlite3session_create(c->db, "main", s) != SQLITE_OK ||
		    sqlite3session_attach(*s, NULL) != SQLITE_OK)
			return failed(c);
		sqlite3session_enable(*s, 0);
	}
	return RC_OK;
}

static void
delete_sessions(struct changeset *c)
{
	for (int i = 0; i < 2; i++) {
		if (c->session[i])
			sqlite3session_delete(c->session[i]);
		c->session[i] = NULL;
	}
}

static enum rc
end_part(struct changeset *c)
{
	struct buf sql = {0};
	int result = SQLITE_OK;
	enum rc rc;

	for (int i = 0; result == SQLITE_OK && i < 2; i++)
		result =
		    sqlite3session_changeset_strm(c->session[i], put, NULL);
	rc = output_check();
	delete_sessions(c);
	buf_adds(&sql, "DELETE FROM ");
	value_name(&sql, c->table->to->name);
	if (rc == RC_OK &&
	    (result || sqlite3_exec(c->db, sql.data, NULL, NULL, NULL)))
		rc = failed(c);
	buf_release(&sql);
	return rc;
}

/* ---- rows ---- */

/* A column of the row, as the parameter of the same number. */
static int
bind(struct changeset *c, sqlite3_stmt *stmt, sqlite3_stmt *row, int i)
{
	struct value v = value_of(row, i, SIDE_UTF8);

	c->bytes += 16 + v.len;
	if (v.type != SQLITE_TEXT)
		return sqlite3_bind_value(
		    stmt, i, sqlite3_column_value(row, i));
	/* Text in UTF-16 that begins with a mark of order would lose it. */
	return sqlite3_bind_text64(
	    stmt, i, v.bytes, v.len, SQLITE_STATIC, SQLITE_UTF8);
}

static enum rc
run(struct changeset *c, sqlite3_stmt *stmt, sqlite3_stmt *row,
    sqlite3_session *recorder)
{
	int result = SQLITE_OK;

	if (recorder)
		sqlite3session_enable(recorder, 1);
	for (size_t i = 0; row && result == SQLITE_OK && i < c->rows->to->n;
	     i++)
		result = bind(c, stmt, row, (int)i + 1);
	if (result == SQLITE_OK)
		(void)sqlite3_step(stmt);
	result = sqlite3_reset(stmt);
	if (recorder)
		sqlite3session_enable(recorder, 0);
	return result == SQLITE_OK ? RC_OK : failed(c);
}

/* The row that was put there last. */
static void
bind_last(struct changeset *c, sqlite3_stmt *stmt, size_t at)
{
	sqlite3_bind_int64(stmt, (int)at, sqlite3_last_insert_rowid(c->db));
}

static enum rc
record(struct changeset *c, const struct row_change *r)
{
	enum rc rc;

	if (!r->from)
		return run(c, c->insert, r->to, c->session[1]);
	rc = run(c, c->insert, r->from, NULL);
	if (rc)
		return rc;
	if (!r->to) {
		bind_last(c, c->delete, 1);
		return run(c, c->delete, NULL, c->session[0]);
	}
	bind_last(c, c->update, c->rows->to->n + 1);
	return run(c, c->update, r->to, c->session[1]);
}

/* ---- what it takes ---- */

static enum rc
prepare(struct changeset *c, sqlite3_stmt **stmt, struct buf *sql)
{
	int result = sqlite3_prepare_v2(c->db, sql->data, -1, stmt, NULL);

	buf_clear(sql);
	return result == SQLITE_OK ? RC_OK : failed(c);
}

static void
put_list(
    struct buf *b, const struct table *t, const char *before, const char *after)
{
	for (size_t i = 0; i < t->n; i++) {
		buf_adds(b, i > 0 ? "," : "");
		buf_adds(b, before);
		value_name(b, t->column[i].name);
		buf_adds(b, after);
	}
}

static void
put_create(struct buf *b, const struct table *t)
{
	buf_adds(b, "CREATE TABLE ");
	value_name(b, t->name);
	buf_addc(b, '(');
	put_list(b, t, "", "");
	buf_adds(b, ", PRIMARY KEY(");
	if (t->integer_key >= 0)
		value_name(b, t->column[t->integer_key].name);
	for (size_t i = 0; i < t->keys; i++) {
		buf_adds(b, i > 0 ? "," : "");
		value_name(b, t->column[t->key[i].column].name);
	}
	buf_adds(b, "))");
}

static enum rc
prepare_all(struct changeset *c)
{
	const struct table *t = c->rows->to;
	struct buf b = {0};
	enum rc rc;

	buf_adds(&b, "INSERT INTO ");
	value_name(&b, t->name);
	buf_adds(&b, " VALUES(?");
	for (size_t i = 1; i < t->n; i++)
		buf_adds(&b, ",?");
	buf_adds(&b, ")");
	rc = prepare(c, &c->insert, &b);
	buf_adds(&b, "DELETE FROM ");
	value_name(&b, t->name);
	buf_addf(&b, " WHERE %s = ?", t->alias);
	if (rc == RC_OK)
		rc = prepare(c, &c->delete, &b);
	buf_adds(&b, "UPDATE ");
	value_name(&b, t->name);
	buf_adds(&b, " SET ");
	put_list(&b, t, "", " = ?");
	buf_addf(&b, " WHERE %s = ?", t->alias);
	if (rc == RC_OK)
		rc = prepare(c, &c->update, &b);
	buf_release(&b);
	return rc;
}

/* The table in memory. */
static enum rc
begin_table(struct changeset *c)
{
	struct buf sql = {0};
	enum rc rc = RC_OK;

	put_create(&sql, c->rows->to);
	if (sqlite3_open(":memory:", &c->db) != SQLITE_OK ||
	    sqlite3_exec(c->db, sql.data, NULL, NULL, NULL) != SQLITE_OK)
		rc = failed(c);
	buf_release(&sql);
	if (rc == RC_OK)
		rc = prepare_all(c);
	return rc ? rc : begin_part(c);
}

static void
close_table(struct changeset *c)
{
	delete_sessions(c);
	sqlite3_finalize(c->insert);
	sqlite3_finalize(c->update);
	sqlite3_finalize(c->delete);
	sqlite3_close(c->db);
	c->insert = c->update = c->delete = NULL;
	c->db = NULL;
}

/* ---- tables ---- */

/* NULL: it can be in a changeset. */
static const char *
reason_of(const struct changeset *c)
{
	const struct table *t = c->rows->to;

	if (schema_shadow_of(&c->d->from, t->name) ||
	    schema_shadow_of(&c->d->to, t->name))
		return "it belongs to a virtual table";
	if (t->keys == 0 && t->integer_key < 0)
		return "it has no PRIMARY KEY";
	if (t->has_generated)
		return "it has generated columns";
	for (size_t i = 0; i < t->keys; i++)
		if (t->key[i].collation)
			return "its key has another collation than its columns";
	return t->alias ? NULL : "columns have all names of the rowid";
}

static enum rc
change(void *arg, const struct row_change *r)
{
	struct changeset *c = arg;
	const char *name = r->rows->to->name;
	enum rc rc = RC_OK;

	c->rows = r->rows;
	if (r->same || c->reason)
		return RC_OK;
	c->reason = reason_of(c);
	if (c->reason) {
		tell(c, name, c->reason);
		return RC_OK;
	}
	if (r->by_rowid && c->rows->to->keys > 0) {
		if (!c->null_key)
			tell(c, name, "rows with NULL in their key");
		c->null_key = true;
		return RC_OK;
	}
	if (!c->db)
		rc = begin_table(c);
	if (rc == RC_OK)
		rc = record(c, r);
	if (rc || c->bytes < PART)
		return rc;
	rc = end_part(c);
	return rc ? rc : begin_part(c);
}

static enum rc
write_table(struct changeset *c, const struct diff_table *t)
{
	struct rowdiff rows = {.change = change, .arg = c};
	enum rc rc;

	if (!t->from || !t->to || t->rebuilt ||
	    strncasecmp(t->to->name, "sqlite_", 7) == 0)
		return RC_OK;
	c->table = t;
	c->reason = NULL;
	c->null_key = false;
	rc = diff_rows(c->d, t, &rows);
	if (rc == RC_OK && c->db)
		rc = end_part(c);
	close_table(c);
	return rc;
}

/* Objects of one schema that are not so in the other. */
static void
tell_schema(struct changeset *c, const struct schema *s, bool all)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct object *o = &s->object[i];
		const struct schema *other =
		    s == &c->d->from ? &c->d->to : &c->d->from;

		if (!diff_wants(c->d, o->table) || diff_keeps(c->d, o) ||
		    strncasecmp(o->name, "sqlite_", 7) == 0)
			continue;
		if (all || !schema_find(other, o->type, o->name))
			tell(c, o->name, "its schema has changed");
	}
}

enum rc
changeset_write(struct diff *d)
{
	struct changeset c = {.d = d};
	enum rc rc = RC_OK;

	tell_schema(&c, &d->from, true);
	tell_schema(&c, &d->to, false);
	for (size_t i = 0; rc == RC_OK && i < d->n; i++)
		rc = write_table(&c, &d->table[i]);
	return rc_max(c.rc, rc);
}
