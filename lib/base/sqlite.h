/*
 * sqlite: what SQLite says, in our words; names that it takes as they are.
 */
#ifndef SEGTOOLS_SQLITE_H
#define SEGTOOLS_SQLITE_H

#include <sqlite3.h>

#include "base/msg.h"

/* sqlite3_open_v2(), and from then on a disk that cannot be read is told from a
 * damaged file. */
int sqlite_open(const char *name, sqlite3 **, int flags, const char *vfs);
/* From here on SQLite removes no files but the -journal and the -wal of the
 * database with that path, as SQLite has it; NULL: what it likes. */
void sqlite_remove_beside(const char *db);
/* The errno of a read by SQLite that failed just now. */
int sqlite_errno(void);

/*
 * "OBJECT: REASON" of the connection's last failure; the system's reason where
 * there is one.  A file that is no database or a damaged one is RC_DATA;
 * permissions RC_USAGE; locks, the disk and memory RC_SYSTEM.
 */
enum rc sqlite_fail(sqlite3 *, const char *object);

/* A URI of path with these parameters: malloced. */
char *sqlite_uri(const char *path, const char *parameters);

#endif
