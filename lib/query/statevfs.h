/*
 * statevfs: states as database files of SQLite: the methods of a VFS.
 *
 * No function of SQLite's is called here: an extension has them only through the
 * table that it is given.  Whatever else SQLite opens through the VFS (temporary
 * files) is the base VFS's.
 */
#ifndef SEGTOOLS_STATEVFS_H
#define SEGTOOLS_STATEVFS_H

#include <stdbool.h>

#include <sqlite3.h>

#include "base/msg.h"
#include "query/state.h"

/* What a database file stands for: part of something of the opener's. */
struct state_source {
	struct state *state;
	/* The state changes: at the beginning of a read transaction refresh()
	 * may put another one in its place.  What SQLite keeps in memory is
	 * then told from what is new by page 1. */
	bool follows;
	enum rc (*refresh)(struct state_source *);
	void (*close)(struct state_source *);
	enum rc rc; /* the greatest that a read met */
};

struct statevfs {
	sqlite3_vfs vfs; /* to be registered */
	sqlite3_vfs *base;
	/* name as SQLite gives it to xOpen(), with the parameters of a URI
	 * behind it.  What fails is reported. */
	enum rc (*open)(
	    struct statevfs *, const char *name, struct state_source **);
};
/* name is borrowed. */
void statevfs_init(struct statevfs *, const char *name, sqlite3_vfs *base);

#endif
