/*
 * page_cache: see page_cache.h.  A hash table with chains; room is given again
 * by the clock: a hand that passes over what was asked for since it last came.
 */

#include <stdlib.h>

#include "base/buf.h"
#include "query/page_cache.h"

#define NONE UINT32_MAX

/* More pages than this are not kept, whatever the memory: 32 bytes each are
 * taken at once. */
enum { SLOTS_MAX = 1 << 24 };

struct slot {
	uint8_t *data; /* allocated when first used */
	uint32_t page; /* 0: free */
	uint32_t next; /* in its chain */
	bool coming, asked;
};

struct page_cache {
	size_t page_size;
	struct slot *slot;
	uint32_t n, used, hand;
	uint32_t *chain;
	uint32_t mask;
};

struct page_cache *
page_cache_new(size_t page_size, uint64_t bytes)
{
	struct page_cache *c = xcalloc(1, sizeof(*c));
	uint64_t n = bytes / page_size;
	uint32_t chains = 1;

	if (n < PAGE_CACHE_LEAST)
		n = PAGE_CACHE_LEAST;
	if (n > SLOTS_MAX)
		n = SLOTS_MAX;
	while (chains < n)
		chains *= 2;
	c->page_size = page_size;
	c->n = (uint32_t)n;
	c->slot = xcalloc(n, sizeof(*c->slot));
	c->chain = xcalloc(chains, sizeof(*c->chain));
	c->mask = chains - 1;
	for (uint32_t i = 0; i < chains; i++)
		c->chain[i] = NONE;
	return c;
}

void
page_cache_free(struct page_cache *c)
{
	if (!c)
		return;
	for (uint32_t i = 0; i < c->used; i++)
		free(c->slot[i].data);
	free(c->slot);
	free(c->chain);
	free(c);
}

size_t
page_cache_room(const struct page_cache *c)
{
	return c->n;
}

static uint32_t *
chain_of(const struct page_cache *c, uint32_t page)
{
	return &c->chain[page * UINT32_C(2654435761) >> 7 & c->mask];
}

static struct slot *
find(const struct page_cache *c, uint32_t page)
{
	uint32_t i = *chain_of(c, page);

	while (i != NONE && c->slot[i].page != page)
		i = c->slot[i].next;
	return i == NONE ? NULL : &c->slot[i];
}

/* A page that the caller knows to be here. */
static struct slot *
held(const struct page_cache *c, uint32_t page)
{
	struct slot *s = find(c, page);

	if (!s)
		abort();
	return s;
}

static void
unlink_slot(struct page_cache *c, struct slot *s)
{
	uint32_t *at = chain_of(c, s->page);

	while (&c->slot[*at] != s)
		at = &c->slot[*at].next;
	*at = s->next;
	s->page = 0;
	s->coming = s->asked = false;
}

uint8_t *
page_cache_get(struct page_cache *c, uint32_t page, bool *coming)
{
	struct slot *s = find(c, page);

	*coming = s && s->coming;
	if (!s || s->coming)
		return NULL;
	s->asked = true;
	return s->data;
}

/* A slot that is free, or becomes so.  Two rounds: the first may find that all
 * were asked for. */
static struct slot *
free_slot(struct page_cache *c)
{
	if (c->used < c->n)
		return &c->slot[c->used++];
	for (uint64_t i = 0; i < 2 * (uint64_t)c->n; i++) {
		struct slot *s = &c->slot[c->hand];

		c->hand = (c->hand + 1) % c->n;
		if (s->page == 0)
			return s;
		if (s->coming)
			continue;
		if (!s->asked) {
			unlink_slot(c, s);
			return s;
		}
		s->asked = false;
	}
	return NULL;
}

uint8_t *
page_cache_add(struct page_cache *c, uint32_t page)
{
	struct slot *s = free_slot(c);
	uint32_t *chain = chain_of(c, page);

	if (!s)
		return NULL;
	if (!s->data)
		s->data = xmalloc(c->page_size);
	s->page = page;
	s->coming = s->asked = true;
	s->next = *chain;
	*chain = (uint32_t)(s - c->slot);
	return s->data;
}

uint8_t *
page_cache_coming(struct page_cache *c, uint32_t page)
{
	return held(c, page)->data;
}

void
page_cache_arrived(struct page_cache *c, uint32_t page)
{
	held(c, page)->coming = false;
}

void
page_cache_drop(struct page_cache *c, uint32_t page)
{
	unlink_slot(c, held(c, page));
}
