/* keyset: see keyset.h. */

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "plan/chain.h"
#include "plan/keyset.h"

/* The place of the first key that is not less than key. */
static size_t
lower_bound(const struct keyset *s, const struct key *key)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (key_cmp(&s->key[mid], key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void
make_room(struct keyset *s)
{
	if (s->n < s->cap)
		return;
	s->cap = s->cap ? 2 * s->cap : 64;
	s->key = xreallocarray(s->key, s->cap, sizeof(*s->key));
}

void
keyset_add(struct keyset *s, const struct key *key)
{
	size_t at = s->n;

	if (s->n > 0 && key_cmp(&s->key[s->n - 1], key) >= 0) {
		at = lower_bound(s, key);
		if (key_cmp(&s->key[at], key) == 0)
			return;
	}
	make_room(s);
	memmove(&s->key[at + 1], &s->key[at], (s->n - at) * sizeof(*s->key));
	s->key[at] = *key;
	s->n++;
}

void
keyset_append(struct keyset *s, const struct key *key)
{
	make_room(s);
	s->key[s->n++] = *key;
}

static int
by_frame(const void *a, const void *b)
{
	return key_cmp(a, b);
}

/* Plans are; qsort() would take memory of the same size. */
static bool
is_sorted(const struct keyset *s)
{
	for (size_t i = 1; i < s->n; i++)
		if (key_cmp(&s->key[i - 1], &s->key[i]) > 0)
			return false;
	return true;
}

void
keyset_settle(struct keyset *s)
{
	size_t n = 0;

	if (!is_sorted(s))
		qsort(s->key, s->n, sizeof(*s->key), by_frame);
	for (size_t i = 0; i < s->n; i++)
		if (n == 0 || key_cmp(&s->key[n - 1], &s->key[i]) != 0)
			s->key[n++] = s->key[i];
	s->n = n;
}

bool
keyset_has(const struct keyset *s, const struct key *key)
{
	size_t at = lower_bound(s, key);

	return at < s->n && key_cmp(&s->key[at], key) == 0;
}

uint64_t
keyset_newest(const struct keyset *s)
{
	return s->n ? s->key[s->n - 1].end : 0;
}

size_t
keyset_find_end(const struct keyset *s, uint64_t end)
{
	const struct key least = {.end = end, .start = 0, .time = 0};

	return lower_bound(s, &least);
}

bool
keyset_chain(const struct keyset *s, uint64_t start, uint64_t end)
{
	size_t from = keyset_find_end(s, start), n = 0;
	struct chain_segment *chain;
	bool found;

	if (from == s->n || start == 0)
		return false;
	chain = xcalloc(s->n - from, sizeof(*chain));
	for (size_t i = from; i < s->n && s->key[i].end <= end; i++)
		chain[n++].key = s->key[i];
	chain_solve(chain, n, start - 1, CHAIN_SHORTEST);
	found = chain_to(chain, n, end) != CHAIN_NONE;
	free(chain);
	return found;
}

/*
 * The next run of covered frames below what *i has already taken, from the
 * greatest END down; false when there is none.
 */
static bool
next_run(const struct keyset *s, size_t *i, uint64_t *lo, uint64_t *hi)
{
	const struct key *k;

	if (*i == 0)
		return false;
	k = &s->key[--*i];
	*lo = k->start;
	*hi = k->end;
	while (*i > 0 && s->key[*i - 1].end >= *lo - 1) {
		k = &s->key[--*i];
		if (k->start < *lo)
			*lo = k->start;
	}
	return true;
}

bool
keyset_covers(const struct keyset *b, const struct keyset *a, uint64_t *missing)
{
	size_t i = a->n, j = b->n;
	uint64_t lo, hi, blo = 0, bhi = 0;
	bool have = next_run(b, &j, &blo, &bhi);

	while (next_run(a, &i, &lo, &hi)) {
		while (have && blo > hi)
			have = next_run(b, &j, &blo, &bhi);
		if (!have || bhi < hi) {
			*missing = hi;
			return false;
		}
		if (blo > lo) {
			*missing = blo - 1;
			return false;
		}
	}
	return true;
}

static enum rc
bad_neighbours(const char *namespace, const struct key *a, const struct key *b)
{
	char x[KEY_LEN + 1], y[KEY_LEN + 1], missing[FRAMES_TEXT_MAX];

	key_text(a, x);
	key_text(b, y);
	if (b->start > a->end)
		return msg_fail(RC_DATA, "%s: %s between %s and %s", namespace,
		    frames_missing(a->end + 1, b->start - 1, missing), x, y);
	return msg_fail(RC_DATA, "%s: %s and %s overlap", namespace, x, y);
}

enum rc
keyset_joined(const struct keyset *s, const char *namespace)
{
	for (size_t i = 1; i < s->n; i++)
		if (s->key[i].start != s->key[i - 1].end + 1)
			return bad_neighbours(
			    namespace, &s->key[i - 1], &s->key[i]);
	return RC_OK;
}

void
keyset_release(struct keyset *s)
{
	free(s->key);
	*s = (struct keyset){0};
}
