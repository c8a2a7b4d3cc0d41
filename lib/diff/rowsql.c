/* rowsql: see rowsql.h. */

#include "diff/rowsql.h"

void
rowsql_value(
    struct buf *b, const struct pair *p, sqlite3_stmt *stmt, size_t column)
{
	struct value v = value_of(stmt, (int)column, p->text);

	value_literal(b, &v, p->text, p->from.encoding);
}

/* A table's name for its rowid is none of its columns'. */
static void
put_rowid(struct buf *b, const struct table *t)
{
	if (t->integer_key < 0)
		buf_adds(b, t->rowid);
	else
		value_name(b, t->rowid);
}

/* Where it is before it is changed. */
static void
put_where(struct buf *b, const struct pair *p, const struct row_change *c)
{
	const struct table *t = c->rows->from;
	bool by_rowid = c->by_rowid;
	size_t n = by_rowid ? 1 : t->keys;

	for (size_t i = 0; i < n; i++) {
		size_t column = by_rowid ? 0 : t->key[i].column + 1;

		buf_adds(b, i == 0 ? " WHERE " : " AND ");
		if (by_rowid)
			put_rowid(b, t);
		else
			table_key_name(b, t, i);
		buf_adds(b, " = ");
		rowsql_value(b, p, c->from, column);
	}
}

void
rowsql_delete(struct buf *b, const struct pair *p, const struct row_change *c)
{
	buf_adds(b, "DELETE FROM ");
	value_name(b, c->rows->from->name);
	put_where(b, p, c);
}

void
rowsql_update(struct buf *b, const struct pair *p, const struct row_change *c)
{
	const struct table *t = c->rows->to;
	const char *before = " SET ";

	buf_adds(b, "UPDATE ");
	value_name(b, t->name);
	for (size_t i = 0; i < t->n; i++) {
		if (rowdiff_same_value(c, i))
			continue;
		buf_adds(b, before);
		value_name(b, t->column[i].name);
		buf_adds(b, " = ");
		rowsql_value(b, p, c->to, i + 1);
		before = ", ";
	}
	put_where(b, p, c);
}

void
rowsql_insert(struct buf *b, const struct pair *p, const struct row_change *c)
{
	const struct table *t = c->rows->to;
	bool rowid = t->has_rowid && t->integer_key < 0 && t->rowid &&
		     (c->by_rowid || c->rowids_count);

	buf_adds(b, "INSERT INTO ");
	value_name(b, t->name);
	buf_addc(b, '(');
	if (rowid)
		put_rowid(b, t);
	for (size_t i = 0; i < t->n; i++) {
		if (i > 0 || rowid)
			buf_addc(b, ',');
		value_name(b, t->column[i].name);
	}
	buf_adds(b, ") VALUES(");
	if (rowid)
		rowsql_value(b, p, c->to, 0);
	for (size_t i = 0; i < t->n; i++) {
		if (i > 0 || rowid)
			buf_addc(b, ',');
		rowsql_value(b, p, c->to, i + 1);
	}
	buf_addc(b, ')');
}

bool
rowsql_changes_unique(const struct row_change *c)
{
	const struct table *from = c->rows->from, *to = c->rows->to;

	for (size_t i = 0; i < to->n; i++)
		if ((to->column[i].unique || from->column[i].unique) &&
		    !rowdiff_same_value(c, i))
			return true;
	return false;
}
