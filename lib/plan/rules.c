/* rules: see rules.h. */

#include "plan/rules.h"

uint64_t
rules_base(const struct key *key, uint64_t pages)
{
	if (key->start > 1)
		return key->start - 1;
	return pages < key->end ? key->end - pages : 0;
}

bool
rules_is_cut(const struct key *key, uint64_t pages)
{
	return key->start == 1 || key->end - key->start + 1 == pages;
}

/* END beyond the newest. */
static const char *
why_not_next(const struct key *key, uint64_t pages, uint64_t newest)
{
	if (key->start > newest + 1)
		return "it would leave a gap after the newest END";
	if (key->start == newest + 1 || newest == 0)
		return NULL;
	if (key->start > 1)
		return "it overlaps the newest segment";
	/* A full cut holds all that was before it: a hole does not matter, but
	 * what somebody else has added since does. */
	return rules_base(key, pages) >= newest
		   ? NULL
		   : "the END that it continues has been continued since";
}

/* Which of those with the same END has the same TIME?  n: none. */
static size_t
same_state(const struct keyset *known, const struct key *key)
{
	size_t i = keyset_find_end(known, key->end);

	for (; i < known->n && known->key[i].end == key->end; i++)
		if (known->key[i].time == key->time)
			return i;
	return known->n;
}

enum rules_fit
rules_fit(const struct keyset *known, const struct key *key, uint64_t pages,
    size_t *same, const char **why)
{
	uint64_t newest = keyset_newest(known);

	*why = NULL;
	if (keyset_has(known, key))
		return RULES_THERE;
	if (key->end > newest) {
		*why = why_not_next(key, pages, newest);
		return *why ? RULES_NOT : RULES_EXTENDS;
	}
	if (!keyset_chain(known, key->start, key->end)) {
		*why = "it neither extends the history nor merges segments of "
		       "it";
		return RULES_NOT;
	}
	*same = same_state(known, key);
	if (*same == known->n) {
		*why = "its TIME is not that of the segment with the same END";
		return RULES_NOT;
	}
	return RULES_MERGES;
}

static bool
same_key(const struct key *a, const struct key *b)
{
	return key_cmp(a, b) == 0;
}

/* Is k a merge of ours and what continues it? */
static bool
leads_over(
    const struct keyset *known, const struct key *ours, const struct key *k)
{
	struct keyset rest = {0};
	bool leads;

	for (size_t i = 0; i < known->n; i++)
		if (!same_key(&known->key[i], k))
			keyset_add(&rest, &known->key[i]);
	leads = k->start <= ours->start && k->end >= ours->end &&
		keyset_chain(&rest, ours->start, k->end);
	keyset_release(&rest);
	return leads && (k->end > ours->end || k->time == ours->time);
}

bool
rules_forked(const struct keyset *known, const struct key *ours, uint64_t base,
    struct key *other)
{
	size_t i = keyset_find_end(known, base + 1);

	for (; i < known->n; i++) {
		const struct key *k = &known->key[i];

		if (same_key(k, ours) || k->start > ours->end ||
		    leads_over(known, ours, k))
			continue;
		/* What ours is a merge of, or was numbered behind. */
		if (k->start > base + 1 && k->end <= ours->end)
			continue;
		*other = *k;
		return true;
	}
	return false;
}

enum rules_removal
rules_removal(
    const struct keyset *before, const struct keyset *after, uint64_t *missing)
{
	uint64_t newest = keyset_newest(before);

	if (!keyset_covers(after, before, missing))
		return RULES_LAST_COVER;
	if (keyset_chain(before, 1, newest) && !keyset_chain(after, 1, newest))
		return RULES_LAST_WAY;
	return RULES_MAY_GO;
}
