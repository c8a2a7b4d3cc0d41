/*
 * restart: what can be known of the changes since the last cut where the log
 * was restarted since.
 *
 * A restart begins a new generation at the log's first frame; frames of the old
 * one stay in the file until new ones reach them.  So every page that changed
 * has a frame in the new generation, or in what the old one has behind the
 * place of the last cut: its tail.  A page that is named too often (by a commit
 * that died, by a transaction that was rolled back) does no harm, since what is
 * cut is the state's page, and only if it is not what the memory says.  One
 * that is not named is lost.  What must hold, and what happens otherwise:
 *
 *   the same database and log, which is not shorter than it was: else a file
 *       was replaced, or shortened with all that its end said
 *   the first salt is one more than it was: a restart adds one.  Else there
 *       were two, and of the generation between little or nothing is left; or
 *       the log was begun anew (the journal mode was switched, or the last
 *       connection closed, or an older copy was put back)
 *   the last cut saw a frame of it, which is in its place, after the tail was
 *       read: frames are written in order, so that it would have gone before
 *       its tail; else the tail is overwritten, wholly or in part.  (Writers
 *       cannot be held up: hence after.)
 *   the tail goes to where its checksums break, at a whole frame or just at
 *       the end of the file: within a frame the file was cut off
 *       (journal_size_limit does that when a log is restarted)
 *   the commits that the wal-index has counted since are exactly those in the
 *       tail and in the new generation: else commits of the tail are gone (the
 *       log was cut off at a frame's border, however long it is; an older copy
 *       of the database or the log was put back), or dead ones are in it (a
 *       writer was killed before the wal-index knew of its commit)
 *   that count did not begin anew.  It does so with the wal-index, when nobody
 *       had the database open or a writer was killed while it wrote there.
 *       What was counted since is then fewer than what is seen, by all that
 *       was counted before and more: so the last cut must have seen a count
 *       above 0, and then the numbers cannot agree, unless just as many
 *       commits were lost
 *   for that a tail must have been cut off.  So one that goes up to the end of
 *       the file is believed only if the wal-index still shows that there were
 *       no more frames (of a log of some 4000 it does), or if so many commits
 *       had been counted that nothing loses just that many
 *   the system was not started anew: with synchronous NORMAL or OFF a loss of
 *       power takes frames, also ones in the middle that were overwritten and
 *       are back, so that what is left can tell anything
 *
 * What remains: an older copy was put under a longer log while nobody had the
 * database open, and just as many commits are gone as had been counted when the
 * last cut was made.  For this, and for faults of SQLite's (before 3.51.3 one
 * could restart a log that was not wholly in the file), all pages are compared
 * now and then: judge.h.
 */
#ifndef SEGTOOLS_RESTART_H
#define SEGTOOLS_RESTART_H

#include <stdbool.h>

#include "base/msg.h"
#include "cut/livedb.h"

struct sort;

/*
 * Before the state is fixed, where judge_same_log() holds: whether the log was
 * restarted once since *then; what is left of its tail is added to frames, as
 * livelog_tail() does.  RC_ABSENT: that cannot be known.
 */
enum rc restart_tail(struct livedb *, const struct livedb_state *then,
    struct sort *frames, struct livelog_end *tail);

/* After it, with all of the log scanned: whether tail and log name every page
 * that can have changed. */
bool restart_names_all(struct livedb *, const struct livedb_state *then,
    const struct livelog_end *tail, const struct livelog_end *now);

#endif
