/*
 * restore: a database file out of a set of segments.
 */
#ifndef SEGTOOLS_RESTORE_H
#define SEGTOOLS_RESTORE_H

#include <stdbool.h>

#include "base/msg.h"
#include "merge/merge.h"
#include "restore/dbcheck.h"

struct restore_opts {
	bool replace;       /* an existing file and what is beside it */
	unsigned busy_ms;   /* how long it may be in use then */
	bool dry_run;       /* read and check everything, write nothing */
	enum dbcheck check; /* SQLite's own, before the file has its name */
};

/*
 * Is path free, and nothing stale (-wal, -shm, -journal) beside it?  RC_DATA
 * reported.  If it may be replaced: can it be (replace.h)?
 */
enum rc restore_target(const char *path, const struct restore_opts *);

/* Of a database that is not there nothing is left beside it; RC_DATA reported. */
enum rc restore_nothing_beside(const char *path);

/*
 * The set, after merge_check() with from_start, becomes the file: exactly
 * size_after pages, holes where no segment has a page.  If the last segment's
 * id carries a database checksum, it must be that of what was restored
 * (seg-segment(5)).  Only what passed all checks gets the name.  The very
 * same database that another process has made meanwhile is as good as ours.
 */
enum rc restore_restore(struct merge *, const struct merge_info *,
    const char *path, const struct restore_opts *);
/* The same to standard output, by way of a scratch file. */
enum rc restore_restore_stdout(
    struct merge *, const struct merge_info *, const struct restore_opts *);

#endif
