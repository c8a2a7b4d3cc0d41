/*
 * value: a value of a row, as it is stored: its type and its bytes.
 */
#ifndef SEGTOOLS_VALUE_H
#define SEGTOOLS_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "diff/side.h"

struct value {
	int type; /* SQLITE_INTEGER, ... */
	int64_t integer;
	double real;
	const void *bytes; /* of a text or blob: borrowed of the statement */
	size_t len;
};

/* A column of the row that a statement is at.  Text as the bytes that it has, in
 * a database of that encoding; with SIDE_UTF8 in any as UTF-8. */
struct value value_of(sqlite3_stmt *, int column, enum side_encoding);
bool value_same(const struct value *, const struct value *);

/*
 * As SQL, which gives the same value in a database of that encoding; text has
 * the encoding "in".
 */
void value_literal(struct buf *, const struct value *, enum side_encoding in,
    enum side_encoding encoding);
/* A name, quoted. */
void value_name(struct buf *, const char *name);

/* So that what it gives in SQL is a number that SQLite itself reads back. */
void value_close(void);

#endif
