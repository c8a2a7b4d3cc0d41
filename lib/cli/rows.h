/*
 * rows: what a query gives, a line for each row, on stdout.
 *
 * Lines come out whole, however the process ends: they are collected, and
 * written at the end of one.
 */
#ifndef SEGTOOLS_ROWS_H
#define SEGTOOLS_ROWS_H

#include <stdbool.h>

#include <sqlite3.h>

#include "base/buf.h"
#include "base/msg.h"

struct rows {
	bool json;
	bool header;     /* a line with the columns' names before each result */
	bool namespaces; /* that it is of comes first */
	struct buf line; /* lines, not yet written */
	struct buf names; /* of the columns of a result, each ending in 0 */
	int columns;
};

/* A result begins: of a statement that gives rows. */
void rows_begin(struct rows *, sqlite3_stmt *);
/* The row that the statement is at. */
enum rc rows_add(struct rows *, sqlite3_stmt *, const char *namespace);
/* Write what was collected. */
enum rc rows_flush(struct rows *);
void rows_release(struct rows *);

/* End the process with status 3 at SIGINT, between two lines. */
void rows_end_at_interrupt(void);

#endif
