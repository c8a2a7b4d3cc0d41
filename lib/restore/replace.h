/*
 * replace: a new database file takes the place of one that is there, with what
 * SQLite keeps beside it: -wal, -shm and -journal.
 *
 * Whatever happens, and wherever it is killed, either the old database is there
 * with every transaction that was committed to it, or the new one with nothing
 * beside it that SQLite would apply to it.
 */
#ifndef SEGTOOLS_REPLACE_H
#define SEGTOOLS_REPLACE_H

#include "base/file.h"
#include "base/msg.h"

struct replace;

/* What is kept beside a database can be removed, or replaced, as a file can.
 * RC_USAGE: it is a directory. */
enum rc replace_removable(const char *beside);

/*
 * What path means: a symbolic link is followed, also to a file that is not
 * there.  RC_USAGE: it is no regular file, or by a link that anybody may have
 * made, or what is beside it cannot be removed; RC_SYSTEM: another process holds
 * a lock on it, or has it open in WAL mode, for longer than busy_ms.
 */
enum rc replace_new(struct replace **, const char *path, unsigned busy_ms);
void replace_free(struct replace *); /* NULL-safe */
/* The file that is meant. */
const char *replace_path(const struct replace *);

/*
 * Before file, made for replace_path() with FILE_REPLACE | FILE_PRIVATE, gets
 * its contents: will it be able to have the owner and the group of the one that
 * is there?  Else RC_USAGE.  The secrecy is for where there is none.
 */
enum rc replace_prepare(
    struct replace *, struct file *file, const struct secrecy *);
/* Put it in place; it is closed and *file NULL, whatever happened. */
enum rc replace_commit(struct replace *, struct file **file);

#endif
