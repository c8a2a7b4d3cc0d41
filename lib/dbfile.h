/*
 * dbfile: a database file out of a set of segments.
 */
#ifndef SEGTOOLS_DBFILE_H
#define SEGTOOLS_DBFILE_H

#include <stdbool.h>

#include "merge.h"
#include "msg.h"

enum dbfile_check { DBFILE_NONE, DBFILE_QUICK, DBFILE_FULL };

struct dbfile_opts {
	bool replace; /* an existing file and what is beside it */
	bool dry_run; /* read and check everything, write nothing */
	enum dbfile_check
	    check; /* SQLite's own, before the file has its name */
};

/* Is path free, and nothing stale (-wal, -shm, -journal) beside it?  RC_DATA
 * reported, unless it may be replaced. */
enum rc dbfile_target(const char *path, const struct dbfile_opts *);

/*
 * The set, after merge_check() with from_start, becomes the file: exactly
 * size_after pages, holes where no segment has a page.  If the last segment's
 * id carries a database checksum, it must be that of what was restored
 * (spec/segment.md 1.6).  Only what passed all checks gets the name.
 */
enum rc dbfile_restore(struct merge *, const struct merge_info *,
    const char *path, const struct dbfile_opts *);
/* The same to standard output, by way of a scratch file. */
enum rc dbfile_restore_stdout(
    struct merge *, const struct merge_info *, const struct dbfile_opts *);

#endif
