/*
 * livevfs: how SQLite opens the files of a database that is not ours: it makes
 * none that the database's owner could not have made, tells which one could not
 * be opened and why, and takes paths of any length.
 *
 * SQLite makes an empty -wal and a -shm beside a WAL database that nobody has
 * open.  Made by somebody else than its owner they lock the owner out.  So they
 * are made by the owner and by root alone, by root as the owner's from their
 * first moment on.
 */
#ifndef SEGTOOLS_LIVEVFS_H
#define SEGTOOLS_LIVEVFS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/msg.h"

/* All-zero is empty. */
struct livevfs {
	const char *path; /* of the database, as messages have it; borrowed */
	bool look;        /* make nothing at all */
	uid_t owner;      /* of the database, with its group */
	gid_t group;
	char *sql_path; /* to the database, as SQLite takes it */
	int dir;        /* of its directory, if sql_path goes through it */
	/* The last file that could not be opened; NULL: none. */
	char *failed;
	int err;      /* why */
	bool refused; /* it was not there, and we may not make it */
};

/* What to give to sqlite3_open_v2() as the name of the VFS; NULL: out of
 * memory. */
const char *livevfs_name(void);

/* Make sql_path.  An absolute path that is longer than SQLite takes goes
 * through a descriptor of its directory. */
enum rc livevfs_path(struct livevfs *);
void livevfs_release(struct livevfs *);

/* From here on SQLite's opens are those of this database; NULL: of none. */
void livevfs_watch(struct livevfs *);

/* Say what could not be opened.  False: nothing is known. */
bool livevfs_explain(const struct livevfs *, enum rc *);

#endif
