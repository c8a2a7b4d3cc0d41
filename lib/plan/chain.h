/*
 * chain: which chain of segments leads from one END to another.  Pure: no
 * files, no store.
 *
 * The model: borders 0, 1, 2, ...; at border b all frames up to b are applied.
 * A segment START..END leads from border START-1 to border END.  In frame order
 * all that end at START-1 come before one that starts at START, since START-1 <
 * END: so one pass with a binary search for each segment finds all best chains.
 */
#ifndef SEGTOOLS_CHAIN_H
#define SEGTOOLS_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/key.h"

struct chain_segment {
	struct key key;
	uint64_t bytes; /* UINT64_MAX: unknown; counts as 0 */
	uint32_t pages; /* UINT32_MAX: unknown */

	/* The best chain that ends with this segment. */
	uint32_t hops; /* segments in it; 0: there is none */
	uint32_t prev; /* the one before; CHAIN_NONE: it is the first */
	/* At the last segment of each END: the best of that END. */
	uint32_t best;
	uint64_t total; /* bytes of the chain */
};
#define CHAIN_NONE UINT32_MAX

enum chain_kind {
	/* Of the chains from border base to a border the one of the fewest
	 * segments; of these the fewest bytes; of these the newest last one. */
	CHAIN_SHORTEST,
	/* The one of the most segments.  One that starts at frame 1 holds all
	 * that came before: it leads on from anywhere. */
	CHAIN_LONGEST
};

/* s: each key once, in frame order. */
void chain_solve(
    struct chain_segment *s, size_t n, uint64_t base, enum chain_kind);

/* One step of that, for who weighs chains in another way: the chain that ends
 * with s[i] is the best one to START-1, and s[i]. */
void chain_step(struct chain_segment *s, uint32_t i, uint64_t base);

/* How many have an END of at most end. */
size_t chain_upto(const struct chain_segment *s, size_t n, uint64_t end);
/* With which segment the best chain to border end ends, or CHAIN_NONE. */
uint32_t chain_to(const struct chain_segment *s, size_t n, uint64_t end);
/* Of two of CHAIN_SHORTEST that are reached: is a better? */
bool chain_is_better(const struct chain_segment *s, uint32_t a, uint32_t b);

#endif
