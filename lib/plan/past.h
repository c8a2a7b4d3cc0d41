/*
 * past: which segments of a store a moment of a namespace takes, as seg-list and
 * seg-plan say it.
 */
#ifndef SEGTOOLS_PAST_H
#define SEGTOOLS_PAST_H

#include <stdbool.h>
#include <stdint.h>

#include "plan/keyset.h"
#include "plan/stored.h"
#include "store/store.h"

/* Neither: the newest state. */
struct past_moment {
	bool by_frame, by_time;
	uint64_t frame, time;
};

/* keys and stored are empty.  RC_DATA, reported, where there is no such state, or frames of
 * it are missing. */
enum rc past_choose(struct keyset *keys, struct stored *, struct store *,
    const char *cluster, const char *namespace, const struct past_moment *);

#endif
