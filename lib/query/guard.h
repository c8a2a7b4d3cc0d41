/*
 * guard: a connection of SQLite's that can only read, whatever the SQL and
 * whatever the database: temporary tables and :memory: are all that it may
 * write.
 */
#ifndef SEGTOOLS_GUARD_H
#define SEGTOOLS_GUARD_H

#include <stdbool.h>

#include <sqlite3.h>

#include "base/msg.h"

struct guard {
	bool refused;  /* something that is not allowed was asked for */
	bool attaches; /* so was :memory: */
	/* guard.c's own. */
	bool changes; /* rows are to be changed */
	bool inside;  /* by what a statement does, not by what it is */
};
/* SQLite's result.  The guard must outlive the connection. */
int guard_connection(struct guard *, sqlite3 *db);

/*
 * sqlite3_prepare_v2() and sqlite3_step(), for what is read through the guard:
 * with virtual tables, whose modules have statements of their own, which write
 * perhaps, for when they will be written to.  (Nothing is: the file is
 * read-only.)
 */
int guard_prepare(struct guard *, sqlite3 *db, const char *sql, sqlite3_stmt **,
    const char **rest);
int guard_step(struct guard *, sqlite3_stmt *);

/*
 * Is it SQL, and nothing that is refused?  All that can be said without a
 * database; RC_USAGE, reported, if it is not.
 */
enum rc guard_check(const char *sql);

/* The failure of the connection's last call, reported.  RC_USAGE: refused.
 * *lacks: what was asked for, a table or column or function, is not there. */
enum rc guard_fail(
    const struct guard *, sqlite3 *db, const char *object, bool *lacks);

#endif
