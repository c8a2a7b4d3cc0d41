/*
 * rowdiff: which rows of a table differ between two states.
 *
 * Rows are known by their key, or where a part of it is NULL and in tables
 * without one by their rowid; compared are types and bytes, whatever the
 * collations say.  A column that one of the tables lacks is taken to be NULL
 * there.
 *
 * Memory: two pages a level of the tree, two rows, an external sort.
 */
#ifndef SEGTOOLS_ROWDIFF_H
#define SEGTOOLS_ROWDIFF_H

#include "diff/table.h"
#include "diff/unchanged.h"

/* A row that differs; which of its columns is for who is told to find out. */
struct rowdiff;
struct row_change {
	const struct rowdiff *rows; /* of which tables */
	/* At the row; NULL: it is not in that state.  Both NULL: the table's
	 * rows have no names (table_has_names()): something differs. */
	sqlite3_stmt *from, *to;
	bool by_rowid; /* it is known by that */
	/* Rows with a key have rowids that count, since other rows of the table
	 * are known by theirs; and the row's has changed, perhaps nothing
	 * else. */
	bool rowids_count, moved, same;
};

struct rowdiff {
	const struct unchanged *unchanged;
	const struct table *from, *to; /* one may be NULL: all rows are new */
	enum rc (*change)(void *arg, const struct row_change *);
	void *arg;
};
enum rc rowdiff_run(const struct rowdiff *);

/* Has the column of that number the same value in both?  In columns of to. */
bool rowdiff_same_value(const struct row_change *, size_t column);

#endif
