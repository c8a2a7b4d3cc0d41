/*
 * catdb: the SQLite file of a catalogue: opening it, statements, transactions.
 * Failures are reported under the file's name.
 */
#ifndef SEGTOOLS_CATDB_H
#define SEGTOOLS_CATDB_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#include "base/msg.h"

struct catdb_kept {
	const char *sql;
	sqlite3_stmt *st;
};

struct catalog {
	sqlite3 *db;
	char *path;
	int wait_ms;             /* for a lock */
	bool old;                /* version 2, and only to be read */
	enum rc failed;          /* to record */
	bool committed;          /* something was */
	struct catdb_kept *kept; /* statements that were prepared */
	size_t n_kept;
};

/* Version 2 had no segments.pages: there it took them for what plain objects of
 * so many bytes have.  Of a compressed one that is wrong once in 4,112, until
 * it is listed again. */
#define CATDB_OLD_PAGES \
	"CASE WHEN bytes > 64 AND (bytes - 64) % 4112 = 0" \
	" THEN (bytes - 64) / 4112 END"

/* Open path, with SQLite's flags; a catalogue that cannot be changed fails at
 * once; one of version 2 that is to be changed becomes one of this.
 * catdb_open_file(): another file.  What is no regular file is RC_USAGE. */
enum rc catdb_open(struct catalog *, int flags);
enum rc catdb_open_file(sqlite3 **, const char *path, int flags, int wait_ms);
void catdb_close(struct catalog *);

/* What the last call of SQLite failed of. */
enum rc catdb_fail(struct catalog *);

enum rc catdb_run(struct catalog *, const char *sql);
/* The statement of a literal, which is kept: who is done with it, and it may be
 * NULL, says so.  Only then may the same one be asked for again. */
enum rc catdb_prepare(struct catalog *, sqlite3_stmt **, const char *sql);
void catdb_done(sqlite3_stmt *);
void catdb_bind_text(sqlite3_stmt *, int i, const char *text);
/* RC_OK: a row; RC_ABSENT: no more. */
enum rc catdb_step(struct catalog *, sqlite3_stmt *);
/* The one row and column of a statement. */
enum rc catdb_integer(struct catalog *, const char *sql, int64_t *value);
/* A statement without rows, with a namespace's name as its parameter. */
enum rc catdb_run_name(
    struct catalog *, const char *sql, const char *namespace);
/* A change that changes nothing. */
enum rc catdb_touch(struct catalog *);
/* Commit, or if rc is a failure, roll back and return that. */
enum rc catdb_finish(struct catalog *, enum rc rc);

#endif
