/*
 * restore: a database file out of a set of segments.
 */
#ifndef SEGTOOLS_DBFILE_H
#define SEGTOOLS_DBFILE_H

#include <stdbool.h>

#include "base/msg.h"
#include "work/merge.h"

enum restore_check { RESTORE_NONE, RESTORE_QUICK, RESTORE_FULL };

struct restore_opts {
	bool replace; /* an existing file and what is beside it */
	bool dry_run; /* read and check everything, write nothing */
	enum restore_check
	    check; /* SQLite's own, before the file has its name */
};

/* Is path free, and nothing stale (-wal, -shm, -journal) beside it?  RC_DATA
 * reported, unless it may be replaced. */
enum rc restore_target(const char *path, const struct restore_opts *);

/*
 * The set, after merge_check() with from_start, becomes the file: exactly
 * size_after pages, holes where no segment has a page.  If the last segment's
 * id carries a database checksum, it must be that of what was restored
 * (spec/segment.md 1.6).  Only what passed all checks gets the name.
 */
enum rc restore_restore(struct merge *, const struct merge_info *,
    const char *path, const struct restore_opts *);
/* The same to standard output, by way of a scratch file. */
enum rc restore_restore_stdout(
    struct merge *, const struct merge_info *, const struct restore_opts *);

#endif
