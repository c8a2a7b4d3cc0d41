/* stored: see stored.h. */

#include <stdlib.h>

#include "base/buf.h"
#include "plan/stored.h"

static int
by_key(const void *a, const void *b)
{
	const struct stored_item *x = a, *y = b;

	return key_cmp(&x->key, &y->key);
}

void
stored_add(struct stored *s, const struct rec *rec)
{
	stored_put(s, &rec->name.key, rec->bytes, rec->pages);
}

void
stored_put(
    struct stored *s, const struct key *key, uint64_t bytes, uint64_t pages)
{
	struct stored_item *it;
	bool compressed =
	    bytes != UINT64_MAX && bytes > 0 && pages == UINT64_MAX;
	bool counted = s->counts && pages <= UINT32_MAX;

	if (!compressed && !counted)
		return;
	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 64;
		s->item = xreallocarray(s->item, s->cap, sizeof(*s->item));
	}
	it = &s->item[s->n++];
	*it = (struct stored_item){.key = *key,
	    .bytes = compressed ? bytes : 0,
	    .pages = counted ? (uint32_t)pages : 0};
	/* Plans come in order; qsort() would take as much memory again. */
	if (s->n > 1 && by_key(it - 1, it) > 0)
		s->unsorted = true;
}

static const struct stored_item *
find(struct stored *s, const struct key *key)
{
	const struct stored_item wanted = {.key = *key};

	if (s->n == 0)
		return NULL;
	if (s->unsorted)
		qsort(s->item, s->n, sizeof(*s->item), by_key);
	s->unsorted = false;
	return bsearch(&wanted, s->item, s->n, sizeof(*s->item), by_key);
}

uint64_t
stored_bytes(struct stored *s, const struct key *key)
{
	const struct stored_item *it = find(s, key);

	return it ? it->bytes : 0;
}

uint32_t
stored_pages(struct stored *s, const struct key *key)
{
	const struct stored_item *it = find(s, key);

	return it ? it->pages : 0;
}

void
stored_release(struct stored *s)
{
	free(s->item);
	*s = (struct stored){0};
}
