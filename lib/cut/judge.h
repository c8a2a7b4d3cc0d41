/*
 * judge: the rules of a cut: what may be continued, with which number and
 * TIME, and when nothing can have changed.  Pure: facts in, answers out.
 */
#ifndef SEGTOOLS_JUDGE_H
#define SEGTOOLS_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "cut/livedb.h"
#include "format/key.h"
#include "plan/keyset.h"

/* What is known of a namespace. */
struct cut_known {
	const struct key *last;     /* what the memory says; NULL: none */
	const struct keyset *local; /* the segments in DIR */
	struct key stored; /* the newest of the store; all zero: none known */
	uint64_t doubtful; /* END of a cut that may or may not exist */
	/* The last cut of this run, which the memory may have lost; all zero:
	 * none. */
	struct key before;
};

/*
 * May a cut follow the last one?  Somebody else's segments are in the way: a
 * store ahead of the memory, or one whose newest is another cut with the same
 * END, or ends within one; or DIR ahead, where they were fetched.  *ahead: how far they go.
 */
bool judge_continues(const struct cut_known *, uint64_t *ahead);

/* The first frame number of a full cut: after everything that is known. */
uint64_t judge_full_first(const struct cut_known *);

/* TIME of a cut whose contents were fixed at now: never less than that of a
 * cut before it. */
uint64_t judge_time(const struct cut_known *, uint64_t now);

/* Whether a write after the stamps were taken must have changed them: they are
 * older than file systems' clocks are coarse. */
bool judge_stamps_tell(const struct livedb_state *);

/*
 * With a log: the files are the same, and the system was not started anew, so
 * that what a log says of the changes between the two can be all of them.  (A
 * loss of power takes pages back of which, with synchronous OFF, the log may
 * say nothing any more.)
 */
bool judge_same_log(
    const struct livedb_state *then, const struct livedb_state *now);

/* Without a log: nothing can have changed between two states. */
bool judge_untouched(
    const struct livedb_state *then, const struct livedb_state *now);

/*
 * Where the log tells what can have changed: whether all pages are to be
 * compared nevertheless, as is done once a day or every thousand cuts.
 * compared: when that was last done, cuts: how many cuts ago.
 */
bool judge_comparison_due(uint64_t compared, uint32_t cuts, uint64_t now);

#endif
