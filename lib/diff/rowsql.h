/*
 * rowsql: a row that differs, as a statement without its semicolon.
 */
#ifndef SEGTOOLS_ROWSQL_H
#define SEGTOOLS_ROWSQL_H

#include "diff/rowdiff.h"

void rowsql_delete(
    struct buf *, const struct pair *, const struct row_change *);
void rowsql_update(
    struct buf *, const struct pair *, const struct row_change *);
void rowsql_insert(
    struct buf *, const struct pair *, const struct row_change *);

/* Does an update change what must be unique? */
bool rowsql_changes_unique(const struct row_change *);

/* A column of the row that a statement is at, for the first state. */
void rowsql_value(
    struct buf *, const struct pair *, sqlite3_stmt *, size_t column);

#endif
