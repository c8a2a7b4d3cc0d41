/*
 * retention: which states a calendar keeps: "24h,7d,5w,12m,3y".
 *
 * A state is the END of a segment that can be restored; its time is the least
 * TIME of the segments that lead to it.  "7d": of the days that hold a state the
 * seven newest, wherever now is, and of each the state with the greatest END.
 * Hours, days, weeks (from Monday), months and years are those of UTC; a time on
 * a border belongs to the later one.
 */
#ifndef SEGTOOLS_RETENTION_H
#define SEGTOOLS_RETENTION_H

#include <stdbool.h>
#include <stdint.h>

#include "plan/plan.h"

enum { RETENTION_UNITS = 5 }; /* h d w m y */

struct retention {
	uint64_t keep[RETENTION_UNITS]; /* how many of each; 0: none */
};

/* Each unit at most once, each number at least 1; false otherwise. */
bool retention_parse(struct retention *, const char *text);

/* Mark the states in promised, as plan_keep() takes them.  The plan is solved;
 * 16 bytes a segment. */
void retention_promise(
    const struct retention *, const struct plan *, bool *promised);

#endif
