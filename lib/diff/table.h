/*
 * table: what is known of a table in one of the states, and its rows by SQLite.
 */
#ifndef SEGTOOLS_TABLE_H
#define SEGTOOLS_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "diff/tree.h"
#include "diff/value.h"

struct column {
	char *name;
	/* Part of something that must be unique, as far as that can change
	 * while a row stays the same: not of an INTEGER PRIMARY KEY. */
	bool unique;
};

struct key_column {
	size_t column;
	/* By which values of the key are the same, where the column has another
	 * one; else NULL. */
	char *collation;
};

struct table {
	struct side *side;
	char *name, *sql;
	struct tree tree;
	/* Columns that are stored, and no others. */
	struct column *column;
	size_t n;
	bool has_generated; /* others */
	bool has_rowid;
	/* What the rowid is called, and which column it is; NULL: it cannot be
	 * named, since columns have all of its names.  -1: none. */
	const char *rowid;
	int integer_key;
	const char *alias; /* a name of rowids that no column has; NULL: none */
	/* The PRIMARY KEY that rows are known by, as columns in its order; none:
	 * by the rowid. */
	struct key_column *key;
	size_t keys;
};

/* name and sql are borrowed and copied. */
enum rc table_open(struct table *, struct side *, const char *name,
    const char *sql, uint32_t root);
void table_close(struct table *);

/* Can its rows be asked for one by one? */
bool table_has_names(const struct table *);

/*
 * Column 0 of these statements is the rowid or NULL, the next ones are the
 * table's columns: the row with the rowid or, without those, with the key, which
 * is bound to ?1 and so on; all rows.
 */
enum rc table_select_row(const struct table *, sqlite3_stmt **);
enum rc table_select_all(const struct table *, sqlite3_stmt **);

/* Bind the key that the payload of a row without a rowid begins with; it must
 * stay. */
enum rc table_bind_key(
    const struct table *, sqlite3_stmt *, const struct buf *payload);

/* A column of the key, to be compared as the key does. */
void table_key_name(struct buf *, const struct table *, size_t key);

/* A column by its name; -1: none. */
int table_find(const struct table *, const char *column);

#endif
