/* segset: see segset.h. */

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "plan/segset.h"

bool
segset_is_file(const struct segset *s, const struct segset_item *it)
{
	return places_is_directory(&s->places, it->place);
}

void
segset_name(
    const struct segset *s, const struct segset_item *it, struct name *name)
{
	places_name(&s->places, it->place, &it->key, name);
}

char *
segset_path(
    const struct segset *s, const struct segset_item *it, enum part part)
{
	return places_path(&s->places, it->place, &it->key, part);
}

/* ---- items ---- */

static uint64_t
hash(const struct key *k, uint32_t place)
{
	const uint64_t mix = UINT64_C(0x9E3779B97F4A7C15);
	uint64_t h = k->end * mix;

	h = (h ^ h >> 29 ^ k->start) * mix;
	h = (h ^ h >> 29 ^ k->time) * mix;
	h = (h ^ h >> 29 ^ place) * mix;
	return h ^ h >> 32;
}

/* The slot of a segment, or the free one where it belongs. */
static uint32_t *
find(const struct segset *s, const struct key *key, uint32_t place)
{
	size_t i = (size_t)hash(key, place) & (s->room - 1);

	for (; s->slot[i]; i = (i + 1) & (s->room - 1)) {
		const struct segset_item *it = &s->item[s->slot[i] - 1];

		if (it->place == place && key_cmp(&it->key, key) == 0)
			break;
	}
	return &s->slot[i];
}

static void
grow(struct segset *s)
{
	free(s->slot);
	s->room = s->room ? 2 * s->room : 64;
	s->slot = xcalloc(s->room, sizeof(*s->slot));
	for (size_t i = 0; i < s->n; i++)
		*find(s, &s->item[i].key, s->item[i].place) = (uint32_t)i + 1;
}

struct segset_item *
segset_add(struct segset *s, const struct rec *rec)
{
	uint32_t place = places_add(&s->places, rec), *slot;

	if (s->n >= s->room / 4 * 3)
		grow(s);
	slot = find(s, &rec->name.key, place);
	if (*slot)
		return NULL;
	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 64;
		s->item = xreallocarray(s->item, s->cap, sizeof(*s->item));
	}
	s->item[s->n] =
	    (struct segset_item){.key = rec->name.key, .place = place};
	*slot = (uint32_t)++s->n;
	return &s->item[s->n - 1];
}

void
segset_found(struct segset_item *it, const struct seg_header *h)
{
	it->pages = h->frames;
	it->bytes = seg_size(h);
	memcpy(it->id, h->id, SEG_ID);
}

void
segset_failed(struct segset_item *it)
{
	it->bytes = 0;
	it->pages = 1;
}

bool
segset_is_bad(const struct segset_item *it)
{
	return it->bytes == 0 && it->pages > 0;
}

/* ---- order ---- */

static int
item_cmp(const void *a, const void *b, void *set)
{
	const struct segset_item *x = a, *y = b;
	const struct segset *s = set;
	int c = places_cmp(&s->places, x->place, y->place);

	return c ? c : key_cmp(&x->key, &y->key);
}

bool
segset_same_namespace(const struct segset *s, const struct segset_item *a,
    const struct segset_item *b)
{
	return places_cmp(&s->places, a->place, b->place) == 0;
}

bool
segset_same_name(const struct segset *s, const struct segset_item *a,
    const struct segset_item *b)
{
	return key_cmp(&a->key, &b->key) == 0 && segset_same_namespace(s, a, b);
}

/* Listings are in order as they come, and to sort them takes memory. */
void
segset_sort(struct segset *s)
{
	size_t i = 1;

	free(s->slot);
	s->slot = NULL;
	s->room = 0;
	while (i < s->n && item_cmp(&s->item[i - 1], &s->item[i], s) <= 0)
		i++;
	if (i < s->n)
		qsort_r(s->item, s->n, sizeof(*s->item), item_cmp, s);
}

void
segset_truncate(struct segset *s, size_t n)
{
	s->n = s->cap = n;
	s->item = xreallocarray(s->item, n, sizeof(*s->item));
}

void
segset_release(struct segset *s)
{
	free(s->item);
	free(s->slot);
	places_release(&s->places);
	*s = (struct segset){0};
}
