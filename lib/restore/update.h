/*
 * update: a copy of a database, kept up to date by seg-restore -u: see
 * standby.h for what it remembers.
 */
#ifndef SEGTOOLS_UPDATE_H
#define SEGTOOLS_UPDATE_H

#include "base/msg.h"
#include "merge/merge.h"
#include "restore/restore.h"

/* May path be such a copy, or become one?  RC_DATA or RC_USAGE, reported. */
enum rc update_target(const char *path, const struct restore_opts *);

/*
 * The set, after merge_check(), becomes the file: all of it, if it begins at
 * frame 1; else what is there, which the set must lead on from, is changed in a
 * clone or a copy.  Checked as a whole restore is; readers of the old file keep
 * it.  With opts.replace whatever is there goes, and the set begins at 1.
 */
enum rc update_run(struct merge *, const struct merge_info *, const char *path,
    const struct restore_opts *);

#endif
