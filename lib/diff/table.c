/* table: see table.h. */

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "diff/table.h"

/* ---- columns ---- */

enum { XINFO_NAME = 1, XINFO_HIDDEN = 6 };

static const char *
text_of(sqlite3_stmt *stmt, int column)
{
	const char *text = (const char *)sqlite3_column_text(stmt, column);

	return text ? text : "";
}

int
table_find(const struct table *t, const char *column)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcasecmp(t->column[i].name, column) == 0)
			return (int)i;
	return -1;
}

/* The first of the rowid's names that no column has. */
static const char *
free_name(const bool taken[3], const char *const name[3])
{
	for (int i = 0; i < 3; i++)
		if (!taken[i])
			return name[i];
	return NULL;
}

static enum rc
read_columns(struct table *t)
{
	static const char *const rowid[3] = {"rowid", "_rowid_", "oid"};
	bool taken[3] = {0};
	sqlite3_stmt *stmt;
	enum rc rc = side_prepare(
	    t->side, &stmt, "PRAGMA main.table_xinfo(%Q)", t->name);

	while (rc == RC_OK && (rc = side_step(t->side, stmt)) == RC_OK) {
		const char *name = text_of(stmt, XINFO_NAME);

		for (int i = 0; i < 3; i++)
			taken[i] |= strcasecmp(name, rowid[i]) == 0;
		if (sqlite3_column_int(stmt, XINFO_HIDDEN) != 0) {
			t->has_generated = true;
			continue;
		}
		t->column =
		    xreallocarray(t->column, t->n + 1, sizeof(*t->column));
		t->column[t->n++] = (struct column){.name = xstrdup(name)};
	}
	sqlite3_finalize(stmt);
	t->rowid = t->alias = free_name(taken, rowid);
	return rc == RC_ABSENT ? RC_OK : rc;
}

/* ---- keys and what is unique ---- */

enum { LIST_NAME = 1, LIST_UNIQUE = 2, LIST_ORIGIN = 3, LIST_PARTIAL = 4 };
enum { INDEX_COLUMN = 2, INDEX_COLLATION = 4, INDEX_KEY = 5 };

static void
all_unique(struct table *t)
{
	for (size_t i = 0; i < t->n; i++)
		t->column[i].unique = true;
}

/* The collation that a comparison with the column takes unless it names one. */
static const char *
collation_of(const struct table *t, size_t column)
{
	const char *type, *collation = NULL;
	int not_null, key, autoincrement;

	if (sqlite3_table_column_metadata(t->side->db, "main", t->name,
		t->column[column].name, &type, &collation, &not_null, &key,
		&autoincrement) != SQLITE_OK ||
	    !collation)
		return "BINARY";
	return collation;
}

static void
add_key(struct table *t, size_t column, const char *collation)
{
	bool own = strcasecmp(collation, collation_of(t, column)) == 0;
	struct key_column *k;

	for (size_t i = 0; i < t->keys; i++) {
		k = &t->key[i];
		if (k->column == column && own == !k->collation &&
		    (own || strcasecmp(k->collation, collation) == 0))
			return;
	}
	t->key = xreallocarray(t->key, t->keys + 1, sizeof(*t->key));
	k = &t->key[t->keys++];
	k->column = column;
	k->collation = own ? NULL : xstrdup(collation);
}

/* The columns of a unique index. */
static enum rc
read_index(struct table *t, const char *index, bool is_key)
{
	sqlite3_stmt *stmt;
	enum rc rc =
	    side_prepare(t->side, &stmt, "PRAGMA main.index_xinfo(%Q)", index);

	while (rc == RC_OK && (rc = side_step(t->side, stmt)) == RC_OK) {
		int column = -1;

		if (!sqlite3_column_int(stmt, INDEX_KEY))
			continue;
		if (sqlite3_column_type(stmt, INDEX_COLUMN) == SQLITE_TEXT)
			column = table_find(t, text_of(stmt, INDEX_COLUMN));
		if (column < 0) {
			/* An expression or a generated column. */
			all_unique(t);
			continue;
		}
		t->column[column].unique = true;
		if (is_key)
			add_key(
			    t, (size_t)column, text_of(stmt, INDEX_COLLATION));
	}
	sqlite3_finalize(stmt);
	return rc == RC_ABSENT ? RC_OK : rc;
}

static enum rc
read_indexes(struct table *t)
{
	sqlite3_stmt *stmt;
	enum rc rc =
	    side_prepare(t->side, &stmt, "PRAGMA main.index_list(%Q)", t->name);

	while (rc == RC_OK && (rc = side_step(t->side, stmt)) == RC_OK) {
		if (!sqlite3_column_int(stmt, LIST_UNIQUE))
			continue;
		if (sqlite3_column_int(stmt, LIST_PARTIAL))
			all_unique(t);
		rc = read_index(t, text_of(stmt, LIST_NAME),
		    strcmp(text_of(stmt, LIST_ORIGIN), "pk") == 0);
	}
	sqlite3_finalize(stmt);
	return rc == RC_ABSENT ? RC_OK : rc;
}

/* The column that is the rowid: the one of a PRIMARY KEY without an index. */
static enum rc
read_integer_key(struct table *t)
{
	enum { XINFO_PK = 5 };
	sqlite3_stmt *stmt;
	enum rc rc = side_prepare(
	    t->side, &stmt, "PRAGMA main.table_xinfo(%Q)", t->name);

	while (rc == RC_OK && (rc = side_step(t->side, stmt)) == RC_OK)
		if (sqlite3_column_int(stmt, XINFO_PK) > 0)
			t->integer_key =
			    table_find(t, text_of(stmt, XINFO_NAME));
	sqlite3_finalize(stmt);
	if (t->integer_key >= 0)
		t->rowid = t->column[t->integer_key].name;
	return rc == RC_ABSENT ? RC_OK : rc;
}

enum rc
table_open(struct table *t, struct side *s, const char *name, const char *sql,
    uint32_t root)
{
	enum rc rc;

	*t = (struct table){.side = s, .integer_key = -1};
	t->name = xstrdup(name);
	t->sql = xstrdup(sql);
	rc = tree_open(&t->tree, s, root);
	t->has_rowid = !t->tree.is_index;
	if (rc == RC_OK)
		rc = read_columns(t);
	if (rc == RC_OK)
		rc = read_indexes(t);
	if (rc == RC_OK && t->has_rowid && t->keys == 0)
		rc = read_integer_key(t);
	if (rc == RC_OK && (t->n == 0 || (!t->has_rowid && t->keys == 0)))
		rc = msg_fail(RC_DATA,
		    "%s: %s: its schema is not that of its rows", s->name,
		    name);
	return rc;
}

void
table_close(struct table *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->column[i].name);
	free(t->column);
	for (size_t i = 0; i < t->keys; i++)
		free(t->key[i].collation);
	free(t->key);
	free(t->name);
	free(t->sql);
}

bool
table_has_names(const struct table *t)
{
	return !t->has_rowid || t->rowid;
}

void
table_key_name(struct buf *b, const struct table *t, size_t key)
{
	const struct key_column *k = &t->key[key];

	value_name(b, t->column[k->column].name);
	if (!k->collation)
		return;
	buf_adds(b, " COLLATE ");
	value_name(b, k->collation);
}

/* ---- rows ---- */

static void
put_select(struct buf *b, const struct table *t)
{
	buf_adds(b, "SELECT ");
	if (t->has_rowid && t->rowid)
		value_name(b, t->rowid);
	else
		buf_adds(b, "NULL");
	for (size_t i = 0; i < t->n; i++) {
		buf_addc(b, ',');
		value_name(b, t->column[i].name);
	}
	buf_adds(b, " FROM main.");
	value_name(b, t->name);
	if (t->has_rowid)
		buf_adds(b, " NOT INDEXED");
}

static enum rc
prepare(const struct table *t, sqlite3_stmt **stmt, struct buf *sql)
{
	enum rc rc = side_prepare(t->side, stmt, "%s", sql->data);

	buf_release(sql);
	return rc;
}

enum rc
table_select_all(const struct table *t, sqlite3_stmt **stmt)
{
	struct buf sql = {0};

	put_select(&sql, t);
	return prepare(t, stmt, &sql);
}

enum rc
table_select_row(const struct table *t, sqlite3_stmt **stmt)
{
	struct buf sql = {0};

	put_select(&sql, t);
	buf_adds(&sql, " WHERE ");
	if (t->has_rowid) {
		value_name(&sql, t->rowid);
		buf_adds(&sql, " = ?1");
	}
	for (size_t i = 0; !t->has_rowid && i < t->keys; i++) {
		buf_adds(&sql, i > 0 ? " AND " : "");
		table_key_name(&sql, t, i);
		buf_addf(&sql, " = ?%zu", i + 1);
	}
	return prepare(t, stmt, &sql);
}

/* ---- the key in a record ---- */

enum { SERIAL_REAL = 7, SERIAL_ZERO = 8, SERIAL_ONE = 9, SERIAL_BLOB = 12 };

static uint64_t
serial_size(uint64_t type)
{
	static const uint8_t size[SERIAL_BLOB] = {0, 1, 2, 3, 4, 6, 8, 8};

	return type < SERIAL_BLOB ? size[type] : (type - SERIAL_BLOB) / 2;
}

static uint64_t
big_endian(const uint8_t *p, size_t n)
{
	uint64_t v = n > 0 && p[0] & 0x80 ? UINT64_MAX : 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

static int
bind_text(sqlite3_stmt *stmt, int i, const uint8_t *p, size_t n,
    enum side_encoding encoding)
{
	static const unsigned char names[] = {
	    0, SQLITE_UTF8, SQLITE_UTF16LE, SQLITE_UTF16BE};

	return sqlite3_bind_text64(
	    stmt, i, (const char *)p, n, SQLITE_STATIC, names[encoding]);
}

static int
bind_field(sqlite3_stmt *stmt, int i, uint64_t type, const uint8_t *p,
    enum side_encoding encoding)
{
	size_t n = (size_t)serial_size(type);
	uint64_t bits = big_endian(p, n < 8 ? n : 8);
	double real;

	if (type == 0)
		return sqlite3_bind_null(stmt, i);
	if (type == SERIAL_REAL) {
		memcpy(&real, &bits, sizeof(real));
		return sqlite3_bind_double(stmt, i, real);
	}
	if (type == SERIAL_ZERO || type == SERIAL_ONE)
		return sqlite3_bind_int(stmt, i, type == SERIAL_ONE);
	if (type < SERIAL_BLOB)
		return sqlite3_bind_int64(stmt, i, (int64_t)bits);
	if (type % 2)
		return bind_text(stmt, i, p, n, encoding);
	return sqlite3_bind_blob64(stmt, i, p, n, SQLITE_STATIC);
}

enum rc
table_bind_key(
    const struct table *t, sqlite3_stmt *stmt, const struct buf *payload)
{
	const uint8_t *p = (const uint8_t *)payload->data;
	const uint8_t *end = p + payload->len, *data;
	uint64_t header = 0, type;
	unsigned n = p ? btree_varint(p, end, &header) : 0;

	if (n == 0 || header > payload->len)
		goto damaged;
	data = p + header;
	p += n;
	for (size_t i = 0; i < t->keys; i++) {
		n = btree_varint(
		    p, (const uint8_t *)payload->data + header, &type);
		if (n == 0 || serial_size(type) > (uint64_t)(end - data))
			goto damaged;
		if (bind_field(stmt, (int)i + 1, type, data,
			t->side->encoding) != SQLITE_OK)
			return side_fail(t->side);
		p += n;
		data += serial_size(type);
	}
	return RC_OK;
damaged:
	return msg_fail(
	    RC_DATA, "%s: %s: a row that is damaged", t->side->name, t->name);
}
