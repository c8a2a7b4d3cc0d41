/*
 * plan: which segments of a namespace to take.  Pure: no files, no store.
 *
 * A plan is the shortest chain (chain.h) from border 0 to the border of the
 * state that is wanted.
 */
#ifndef SEGTOOLS_PLAN_H
#define SEGTOOLS_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/msg.h"
#include "format/key.h"
#include "plan/chain.h"

#define PLAN_NONE CHAIN_NONE

/* All segments of one namespace.  Some tens of bytes each. */
struct plan {
	struct chain_segment *s;
	size_t n, cap;
	uint64_t from; /* the border that paths begin at: 0, or a copy's END */
};

/* Room for so many and no more, where it is known how many come. */
void plan_reserve(struct plan *, size_t n);
void plan_add(
    struct plan *, const struct key *, uint64_t bytes, uint64_t pages);
/* After the last plan_add(): sorts by key, drops what is there twice, and finds
 * the best path to every border. */
void plan_solve(struct plan *);
void plan_release(struct plan *);

/* A path: indexes into plan.s in frame order. */
struct plan_path {
	uint32_t *i;
	size_t n;
};
void plan_path_to(const struct plan *, uint32_t last, struct plan_path *);
void plan_path_release(struct plan_path *);

/*
 * The segment with which the best path to a state ends, or PLAN_NONE:
 * the greatest END, END = frame, or the greatest END that has a TIME of at most
 * time.  *end is set to the END that is meant, 0 if there is no such segment:
 * with PLAN_NONE and *end > 0 frames are missing.
 */
uint32_t plan_newest(const struct plan *, uint64_t *end);
uint32_t plan_frame(const struct plan *, uint64_t frame, uint64_t *end);
uint32_t plan_time(const struct plan *, uint64_t time, uint64_t *end);
/* Does a segment have that END and TIME? */
bool plan_has_state(const struct plan *, uint64_t end, uint64_t time);
/* The furthest reachable state with END <= frame and TIME <= time. */
uint32_t plan_furthest(const struct plan *, uint64_t frame, uint64_t time);

/*
 * What a clock that was set wrong has left: ahead segments have a TIME after
 * now, the greatest of them furthest; fall is the first, in frame order, with
 * a lower TIME than one before it, which had the TIME before (PLAN_NONE: none).
 * plan_time() then does not give what somebody means who looks at the clock.
 */
struct plan_clock {
	size_t ahead;
	uint64_t furthest;
	uint32_t fall;
	uint64_t before;
};
struct plan_clock plan_clock(const struct plan *, uint64_t now);

/* The ranges of frames in 1..end that no segment covers, ascending. */
void plan_gaps(const struct plan *, uint64_t end,
    void (*gap)(void *arg, uint64_t first, uint64_t last), void *arg);

/*
 * The sets to merge out of a path: cut[k] and cut[k+1] are the bounds of the
 * k-th group (indexes into path->i).  A group of one is left alone.
 */
struct plan_groups {
	size_t *cut;
	size_t n; /* groups */
};
void plan_all(const struct plan_path *, struct plan_groups *);
/* Halves: the older half, then half of what is left, and so on. */
void plan_log(const struct plan_path *, struct plan_groups *);
/* Tiers that at least double towards the oldest, at most most of them. */
void plan_levels(const struct plan *, const struct plan_path *, size_t most,
    struct plan_groups *);
void plan_groups_release(struct plan_groups *);

/*
 * What must stay.  promised[i] at the last segment of an END promises that
 * state.  plan_promise_since() adds the newest state, that of every moment from
 * since on, and every END with a TIME after it.  What cannot be restored is not
 * promised, whatever is marked.
 */
void plan_promise_since(const struct plan *, uint64_t since, bool *promised);

/*
 * keep[i] for each segment that a promised state needs: none of them can go
 * without one of these states going, and each is the only one that leads to its
 * END.  RC_ABSENT if the newest state cannot be restored.
 */
enum rc plan_keep(struct plan *, const bool *promised, bool *keep);

/*
 * The chains of two segments or more that lead from one promised state to the
 * next, the fewest segments each, as groups of a path that holds nothing else.
 * The plan is then no longer solved.
 */
void plan_between(struct plan *, const bool *promised, struct plan_path *,
    struct plan_groups *);

#endif
