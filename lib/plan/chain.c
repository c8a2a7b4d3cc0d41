/* chain: see chain.h. */

#include "plan/chain.h"

size_t
chain_upto(const struct chain_segment *s, size_t n, uint64_t end)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s[mid].key.end <= end)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

uint32_t
chain_to(const struct chain_segment *s, size_t n, uint64_t end)
{
	n = chain_upto(s, n, end);
	return n > 0 && s[n - 1].key.end == end ? s[n - 1].best : CHAIN_NONE;
}

static bool
is_newer(const struct chain_segment *x, const struct chain_segment *y)
{
	if (x->key.time != y->key.time)
		return x->key.time > y->key.time;
	return x->key.start > y->key.start;
}

bool
chain_is_better(const struct chain_segment *s, uint32_t a, uint32_t b)
{
	const struct chain_segment *x = &s[a], *y = &s[b];

	if (x->hops != y->hops)
		return x->hops < y->hops;
	if (x->total != y->total)
		return x->total < y->total;
	return is_newer(x, y);
}

static bool
is_preferred(
    const struct chain_segment *s, uint32_t a, uint32_t b, enum chain_kind kind)
{
	if (kind == CHAIN_LONGEST && s[a].hops != s[b].hops)
		return s[a].hops > s[b].hops;
	return chain_is_better(s, a, b);
}

static void
lead_on(struct chain_segment *s, uint32_t i, uint32_t from, bool first)
{
	struct chain_segment *x = &s[i];

	x->hops = from != CHAIN_NONE ? s[from].hops + 1 : first;
	x->prev = from;
	x->total = x->bytes == UINT64_MAX ? 0 : x->bytes;
	if (from != CHAIN_NONE)
		x->total += s[from].total;
}

void
chain_step(struct chain_segment *s, uint32_t i, uint64_t base)
{
	uint64_t border = s[i].key.start - 1;

	lead_on(s, i, border > base ? chain_to(s, i, border) : CHAIN_NONE,
	    border == base);
}

void
chain_solve(
    struct chain_segment *s, size_t n, uint64_t base, enum chain_kind kind)
{
	uint32_t best = CHAIN_NONE;     /* of those with this END */
	uint32_t furthest = CHAIN_NONE; /* with a lesser END */
	bool anywhere = kind == CHAIN_LONGEST;

	for (uint32_t i = 0; i < n; i++) {
		struct chain_segment *x = &s[i];

		if (i == 0 || x->key.end != x[-1].key.end) {
			if (best != CHAIN_NONE &&
			    (furthest == CHAIN_NONE ||
				s[best].hops >= s[furthest].hops))
				furthest = best;
			best = CHAIN_NONE;
		}
		x->hops = 0;
		x->best = best;
		if (x->key.end <= base)
			continue;
		if (anywhere && x->key.start == 1)
			lead_on(s, i, furthest, true);
		else
			chain_step(s, i, base);
		if (x->hops > 0 &&
		    (best == CHAIN_NONE || is_preferred(s, i, best, kind)))
			best = i;
		x->best = best;
	}
}
