/*
 * rules: the rules that protect what is in a store, over keys and sets alone:
 * may this be published?  may this be removed?  Pure: no files, no store.
 */
#ifndef SEGTOOLS_RULES_H
#define SEGTOOLS_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "format/key.h"
#include "plan/keyset.h"

/*
 * The END that a cut of so many pages continues: the one before its first frame
 * number.  A full cut, whose START is 1, numbers its pages as the last frames
 * up to END.
 */
uint64_t rules_base(const struct key *, uint64_t pages);
/* Is it numbered as a cut is, each page once?  A merge need not be. */
bool rules_is_cut(const struct key *, uint64_t pages);

/* How a segment fits into the history known. */
enum rules_fit {
	RULES_THERE,   /* it is in it */
	RULES_EXTENDS, /* END beyond the newest, which it continues */
	/* A chain of segments leads over exactly its frames; one with the same
	 * END has its TIME: *same is its place.  The two must agree on the
	 * checksum of the database, where both have one. */
	RULES_MERGES,
	RULES_NOT /* *why says why not */
};
enum rules_fit rules_fit(const struct keyset *known, const struct key *,
    uint64_t pages, size_t *same, const char **why);

/*
 * Of a published segment that continues END base: does another in known continue
 * it too, with a history that does not lead over ours?  *other: which.
 */
bool rules_forked(const struct keyset *known, const struct key *ours,
    uint64_t base, struct key *other);

/* May before become after? */
enum rules_removal {
	RULES_MAY_GO,
	RULES_LAST_COVER, /* nothing else would hold frame *missing */
	RULES_LAST_WAY    /* the newest state could no longer be restored */
};
enum rules_removal rules_removal(
    const struct keyset *before, const struct keyset *after, uint64_t *missing);

#endif
