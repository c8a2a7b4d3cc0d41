/* script: see script.h. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/output.h"
#include "diff/rowsql.h"
#include "diff/script.h"

enum { FLUSH_AT = 64 << 10, SPOOL_AT = 1 << 20 };

struct script {
	struct diff *d;
	struct buf out;
	/* Rows of the table that come when all others have gone. */
	struct buf later;
	struct file *spool;
	uint64_t spooled;
	/* Of the objects of from: triggers that were dropped. */
	bool *dropped;
	bool changes; /* anything */
	/* Dropped was what SQLite has statistics of, which go with it. */
	bool forgets;
	/* The table. */
	const struct diff_table *table;
	bool touched;
	bool is_new;
	uint64_t counted;
};

/* ---- output ---- */

static enum rc
flush(struct script *s)
{
	output_begin();
	fwrite(s->out.data, 1, s->out.len, stdout);
	buf_clear(&s->out);
	return output_check();
}

/* A statement has ended. */
static enum rc
ended(struct script *s)
{
	s->changes = true;
	buf_adds(&s->out, ";\n");
	return s->out.len >= FLUSH_AT ? flush(s) : RC_OK;
}

static enum rc
spool(struct script *s)
{
	enum rc rc = RC_OK;

	if (!s->spool)
		rc = file_scratch(&s->spool);
	if (rc == RC_OK)
		rc = file_write(
		    s->spool, s->later.data, s->later.len, s->spooled);
	s->spooled += s->later.len;
	buf_clear(&s->later);
	return rc;
}

/* What waited, behind what was written. */
static enum rc
unspool(struct script *s)
{
	enum rc rc = flush(s);
	uint64_t at = 0;

	while (rc == RC_OK && at < s->spooled) {
		uint64_t left = s->spooled - at;
		size_t n = left < FLUSH_AT ? (size_t)left : FLUSH_AT;

		rc = file_read(s->spool, buf_reserve(&s->out, n), n, at);
		s->out.len += n;
		at += n;
		if (rc == RC_OK)
			rc = flush(s);
	}
	s->spooled = 0;
	if (rc == RC_OK && s->later.len > 0) {
		output_begin();
		fwrite(s->later.data, 1, s->later.len, stdout);
		rc = output_check();
	}
	buf_clear(&s->later);
	return rc;
}

/* ---- schema ---- */

static const char *
word_of(enum object_type type)
{
	static const char *const word[] = {
	    [OBJECT_TABLE] = "TABLE",
	    [OBJECT_VIRTUAL] = "TABLE",
	    [OBJECT_INDEX] = "INDEX",
	    [OBJECT_VIEW] = "VIEW",
	    [OBJECT_TRIGGER] = "TRIGGER",
	};

	return word[type];
}

static enum rc
drop(struct script *s, const struct object *o)
{
	buf_addf(&s->out, "DROP %s ", word_of(o->type));
	s->forgets |= o->type != OBJECT_VIEW && o->type != OBJECT_TRIGGER;
	/* A shadow table may have gone with what it belonged to. */
	if (o->type == OBJECT_TABLE && schema_shadow_of(&s->d->from, o->name))
		buf_adds(&s->out, "IF EXISTS ");
	value_name(&s->out, o->name);
	return ended(s);
}

/* Does it go with its table? */
static bool
goes_with_table(const struct diff *d, const struct object *o)
{
	const struct diff_table *t = diff_find(d, o->table);

	return o->type == OBJECT_INDEX && t && (!t->to || t->rebuilt);
}

static enum rc
drop_all(struct script *s, enum object_type type)
{
	const struct schema *schema = &s->d->from;
	enum rc rc = RC_OK;

	for (size_t i = schema->n; rc == RC_OK && i-- > 0;) {
		const struct object *o = &schema->object[i];

		if (o->type != type || !diff_wants(s->d, o->table) ||
		    diff_keeps(s->d, o) || goes_with_table(s->d, o))
			continue;
		rc = drop(s, o);
	}
	return rc;
}

/* ANALYZE alone makes its tables. */
static bool
is_statistics(const struct object *o)
{
	return strncasecmp(o->name, "sqlite_stat", 11) == 0;
}

/* What is stored may end in a comment. */
static void
put_sql(struct buf *b, const char *sql)
{
	static const char *const end[] = {";", "\n;", "*/;"};
	size_t at = b->len;

	for (size_t i = 0; i < sizeof(end) / sizeof(end[0]); i++) {
		b->len = at;
		buf_adds(b, sql);
		buf_adds(b, end[i]);
		if (sqlite3_complete(b->data + at))
			break;
	}
	b->len--;
}

/* Made with the virtual table that it belongs to? */
static bool
is_shadow(const struct script *s, const struct object *o)
{
	return o->type == OBJECT_TABLE && schema_shadow_of(&s->d->to, o->name);
}

static enum rc
create(struct script *s, const struct object *o)
{
	static const char start[] = "CREATE TABLE ";

	if (strstr(o->sql, "\r\n"))
		msg_warn("%s: CR LF in its definition: sqlite3 makes LF of it",
		    o->name);
	if (o->type == OBJECT_TABLE && is_statistics(o)) {
		buf_adds(&s->out, "ANALYZE sqlite_master");
	} else if (is_shadow(s, o) &&
		   strncasecmp(o->sql, start, sizeof(start) - 1) == 0) {
		/* It has rows already. */
		buf_addf(&s->out, "%sIF NOT EXISTS ", start);
		put_sql(&s->out, o->sql + sizeof(start) - 1);
		buf_adds(&s->out, ";\nDELETE FROM ");
		value_name(&s->out, o->name);
	} else {
		put_sql(&s->out, o->sql);
	}
	return ended(s);
}

/* A trigger that was dropped, since its table was written? */
static bool
was_dropped(const struct script *s, const struct object *o)
{
	const struct object *x = schema_find(&s->d->from, o->type, o->name);

	return x && s->dropped[x - s->d->from.object];
}

/* Of a type; tables: those that are no shadow tables, or those that are. */
static enum rc
create_these(struct script *s, enum object_type type, bool shadow)
{
	const struct schema *schema = &s->d->to;
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < schema->n; i++) {
		const struct object *o = &schema->object[i];

		if (o->type != type || is_shadow(s, o) != shadow ||
		    !diff_wants(s->d, o->table) ||
		    (diff_keeps(s->d, o) && !was_dropped(s, o)))
			continue;
		rc = create(s, o);
	}
	return rc;
}

static enum rc
create_all(struct script *s, enum object_type type)
{
	return create_these(s, type, false);
}

/* ---- a row ---- */

static enum rc
delete_row(struct script *s, const struct row_change *c)
{
	rowsql_delete(&s->out, &s->d->pair, c);
	return ended(s);
}

static enum rc
update_row(struct script *s, const struct row_change *c)
{
	rowsql_update(&s->out, &s->d->pair, c);
	return ended(s);
}

static enum rc
insert_row(struct script *s, const struct row_change *c)
{
	if (s->is_new) {
		rowsql_insert(&s->out, &s->d->pair, c);
		return ended(s);
	}
	rowsql_insert(&s->later, &s->d->pair, c);
	buf_adds(&s->later, ";\n");
	return s->later.len >= SPOOL_AT ? spool(s) : RC_OK;
}

/* ---- a table ---- */

/* The first change of a table that is there: its triggers are not to run. */
static enum rc
touch(struct script *s)
{
	const struct schema *schema = &s->d->from;
	const char *name = s->table->to->name;
	enum rc rc = RC_OK;

	if (s->touched || s->is_new)
		return RC_OK;
	s->touched = true;
	for (size_t i = 0; rc == RC_OK && i < schema->n; i++) {
		const struct object *o = &schema->object[i];

		if (o->type != OBJECT_TRIGGER ||
		    strcasecmp(o->table, name) != 0 || !diff_keeps(s->d, o))
			continue;
		s->dropped[i] = true;
		rc = drop(s, o);
	}
	return rc;
}

static enum rc
change_row(void *arg, const struct row_change *c)
{
	struct script *s = arg;
	enum rc rc;

	if (!c->from && !c->to) {
		s->counted++;
		return RC_OK;
	}
	rc = touch(s);
	if (rc)
		return rc;
	if (!c->to)
		return delete_row(s, c);
	if (!c->from)
		return insert_row(s, c);
	if (!c->moved && !rowsql_changes_unique(c))
		return update_row(s, c);
	rc = delete_row(s, c);
	return rc ? rc : insert_row(s, c);
}

/* All rows anew: of a table that is, or whose rows cannot be named. */
static enum rc
write_new(struct script *s)
{
	struct diff_table all = {.to = s->table->to};
	struct rowdiff rows = {.change = change_row, .arg = s};

	s->is_new = true;
	return diff_rows(s->d, &all, &rows);
}

/* A table that is there, emptied and filled. */
static enum rc
write_over(struct script *s)
{
	enum rc rc = touch(s);

	buf_adds(&s->out, "DELETE FROM ");
	value_name(&s->out, s->table->to->name);
	rc = rc_max(rc, ended(s));
	return rc ? rc : write_new(s);
}

static enum rc
write_table(struct script *s, const struct diff_table *t)
{
	struct rowdiff rows = {.change = change_row, .arg = s};
	enum rc rc;

	if (!t->to)
		return RC_OK;
	s->table = t;
	s->touched = s->is_new = false;
	s->counted = 0;
	if (!t->from || t->rebuilt)
		return write_new(s);
	if (s->forgets && is_statistics(t->to))
		return write_over(s);
	rc = diff_rows(s->d, t, &rows);
	if (rc == RC_OK && s->counted > 0)
		rc = write_over(s);
	return rc ? rc : unspool(s);
}

/* ---- sqlite_sequence ---- */

static enum rc
select_sequence(const struct side *side, sqlite3_stmt **stmt)
{
	return side_prepare(side, stmt,
	    "SELECT name, seq, name FROM sqlite_sequence ORDER BY rowid");
}

/* SQLite makes the table with the first that counts. */
static enum rc
create_sequence(struct script *s)
{
	struct buf name = {0};
	unsigned i = 0;
	enum rc rc;

	do {
		buf_clear(&name);
		buf_addf(&name, "seg_diff_%u", i++);
	} while (schema_find(&s->d->to, OBJECT_TABLE, name.data) ||
		 schema_find(&s->d->to, OBJECT_INDEX, name.data) ||
		 schema_find(&s->d->to, OBJECT_VIEW, name.data) ||
		 schema_find(&s->d->from, OBJECT_TABLE, name.data));
	buf_addf(&s->out,
	    "CREATE TABLE %s(i INTEGER PRIMARY KEY AUTOINCREMENT);\n"
	    "DROP TABLE %s",
	    name.data, name.data);
	rc = ended(s);
	buf_release(&name);
	return rc;
}

/* Rows of the tables that are asked for. */
static enum rc
write_sequence_rows(struct script *s)
{
	const struct side *to = &s->d->pair.to;
	sqlite3_stmt *stmt;
	enum rc rc = select_sequence(to, &stmt);

	while (rc == RC_OK && (rc = side_step(to, stmt)) == RC_OK) {
		const char *name = (const char *)sqlite3_column_text(stmt, 2);

		if (*s->d->wanted && (!name || !diff_wants(s->d, name)))
			continue;
		buf_adds(&s->out, "INSERT INTO sqlite_sequence VALUES(");
		rowsql_value(&s->out, &s->d->pair, stmt, 0);
		buf_adds(&s->out, ", ");
		rowsql_value(&s->out, &s->d->pair, stmt, 1);
		buf_addc(&s->out, ')');
		rc = ended(s);
	}
	sqlite3_finalize(stmt);
	return rc == RC_ABSENT ? RC_OK : rc;
}

static enum rc
same_sequences(const struct diff *d, bool *same)
{
	sqlite3_stmt *a, *b = NULL;
	enum rc rc = select_sequence(&d->pair.from, &a), to;

	if (rc == RC_OK)
		rc = select_sequence(&d->pair.to, &b);
	*same = true;
	while (rc == RC_OK && *same) {
		rc = side_step(&d->pair.from, a);
		to = side_step(&d->pair.to, b);
		if (rc > 0 || to > 0)
			rc = rc_max(rc, to);
		*same = rc == to;
		for (int i = 0; rc == RC_OK && *same && i < 2; i++) {
			struct value v = value_of(a, i, SIDE_UTF8);
			struct value w = value_of(b, i, SIDE_UTF8);

			*same = value_same(&v, &w);
		}
	}
	sqlite3_finalize(a);
	sqlite3_finalize(b);
	return rc == RC_ABSENT ? RC_OK : rc;
}

static enum rc
clear_sequence(struct script *s)
{
	enum rc rc = RC_OK;

	if (!*s->d->wanted) {
		buf_adds(&s->out, "DELETE FROM sqlite_sequence");
		return ended(s);
	}
	for (size_t i = 0; rc == RC_OK && i < s->d->n; i++) {
		const struct diff_table *t = &s->d->table[i];
		struct value v = {.type = SQLITE_TEXT};

		v.bytes = t->to ? t->to->name : t->from->name;
		v.len = strlen(v.bytes);
		buf_adds(&s->out, "DELETE FROM sqlite_sequence WHERE name = ");
		value_literal(&s->out, &v, SIDE_UTF8, s->d->pair.from.encoding);
		rc = ended(s);
	}
	return rc;
}

/* Inserting changes it: last. */
static enum rc
write_sequence(struct script *s)
{
	bool from = s->d->from.has_sequence, to = s->d->to.has_sequence;
	bool same = false;
	enum rc rc = RC_OK;

	if (!from && !to)
		return RC_OK;
	if (from && to && !s->changes)
		rc = same_sequences(s->d, &same);
	if (rc == RC_OK && !from && to)
		rc = create_sequence(s);
	if (rc || same)
		return rc;
	rc = clear_sequence(s);
	return rc || !to ? rc : write_sequence_rows(s);
}

/* ---- versions ---- */

static enum rc
read_number(const struct side *side, const char *pragma, int64_t *n)
{
	sqlite3_stmt *stmt;
	enum rc rc = side_prepare(side, &stmt, "PRAGMA main.%s", pragma);

	if (rc == RC_OK)
		rc = side_step(side, stmt);
	if (rc == RC_OK)
		*n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return rc == RC_ABSENT ? RC_OK : rc;
}

static enum rc
write_number(struct script *s, const char *pragma)
{
	int64_t from = 0, to = 0;
	enum rc rc = read_number(&s->d->pair.from, pragma, &from);

	if (rc == RC_OK)
		rc = read_number(&s->d->pair.to, pragma, &to);
	if (rc || from == to || *s->d->wanted)
		return rc;
	buf_addf(&s->out, "PRAGMA %s = %lld", pragma, (long long)to);
	return ended(s);
}

/* ---- all ---- */

static enum rc
write_schema(struct script *s,
    enum rc (*each)(struct script *, enum object_type),
    const enum object_type *order, size_t n)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < n; i++)
		rc = each(s, order[i]);
	return rc;
}

static enum rc
write_all(struct script *s)
{
	/* Of what a virtual table shows, a table or a view, it asks when it is
	 * made, and when it goes. */
	static const enum object_type gone[] = {OBJECT_TRIGGER, OBJECT_VIRTUAL,
	    OBJECT_VIEW, OBJECT_INDEX, OBJECT_TABLE};
	static const enum object_type first[] = {
	    OBJECT_TABLE, OBJECT_VIEW, OBJECT_VIRTUAL};
	static const enum object_type last[] = {OBJECT_INDEX, OBJECT_TRIGGER};
	enum rc rc;

	buf_adds(&s->out, "PRAGMA foreign_keys = OFF;\n"
			  "PRAGMA ignore_check_constraints = ON;\n"
			  "BEGIN;\n");
	rc = write_schema(s, drop_all, gone, 5);
	if (rc == RC_OK)
		rc = write_schema(s, create_all, first, 3);
	if (rc == RC_OK)
		rc = create_these(s, OBJECT_TABLE, true);
	for (size_t i = 0; rc == RC_OK && i < s->d->n; i++)
		rc = write_table(s, &s->d->table[i]);
	if (rc == RC_OK)
		rc = write_schema(s, create_all, last, 2);
	if (rc == RC_OK)
		rc = write_sequence(s);
	if (rc == RC_OK)
		rc = write_number(s, "user_version");
	if (rc == RC_OK)
		rc = write_number(s, "application_id");
	if (rc == RC_OK)
		buf_adds(&s->out, "COMMIT;\n");
	return rc_max(rc, flush(s));
}

enum rc
script_write(struct diff *d)
{
	struct script s = {.d = d};
	enum rc rc;

	s.dropped = xcalloc(d->from.n + 1, sizeof(*s.dropped));
	rc = write_all(&s);
	file_close(&s.spool);
	buf_release(&s.out);
	buf_release(&s.later);
	free(s.dropped);
	return rc;
}
