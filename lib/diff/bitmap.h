/*
 * bitmap: a set of pages, a bit each.  Memory that is not touched is not taken.
 */
#ifndef SEGTOOLS_BITMAP_H
#define SEGTOOLS_BITMAP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"

struct bitmap {
	uint8_t *bits;
	uint32_t pages; /* 1 to so many */
	uint32_t last;  /* none behind it */
};

static inline void
bitmap_init(struct bitmap *b, uint32_t pages)
{
	b->bits = xcalloc(pages / 8 + 1, 1);
	b->pages = pages;
	b->last = 0;
}

static inline void
bitmap_release(struct bitmap *b)
{
	free(b->bits);
	b->bits = NULL;
}

static inline bool
bitmap_has(const struct bitmap *b, uint32_t page)
{
	return b->bits && page <= b->pages &&
	       (b->bits[page / 8] >> page % 8 & 1) != 0;
}

/* Page is one of them. */
static inline void
bitmap_add(struct bitmap *b, uint32_t page)
{
	b->bits[page / 8] |= (uint8_t)(1U << page % 8);
	if (page > b->last)
		b->last = page;
}

static inline void
bitmap_drop(struct bitmap *b, uint32_t page)
{
	b->bits[page / 8] &= (uint8_t) ~(1U << page % 8);
}

#endif
