/*
 * page_cache: pages of a database in memory, a bounded number of them; those
 * that were not asked for lately go first.
 *
 * A page is added before its bytes are there: until they are it stays.
 */
#ifndef SEGTOOLS_PAGE_CACHE_H
#define SEGTOOLS_PAGE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PAGE_CACHE_LEAST = 16 }; /* pages, however few bytes there may be */

struct page_cache;
struct page_cache *page_cache_new(size_t page_size, uint64_t bytes);
void page_cache_free(struct page_cache *);         /* NULL-safe */
size_t page_cache_room(const struct page_cache *); /* in pages */

/* Its bytes, until the next page is added; NULL: they are not there, or
 * *coming. */
uint8_t *page_cache_get(struct page_cache *, uint32_t page, bool *coming);
/* Where the bytes of a page that is not there are to go, coming from now on;
 * NULL if all room is taken by such pages. */
uint8_t *page_cache_add(struct page_cache *, uint32_t page);
/* The bytes of one that is coming are there; or will not come. */
uint8_t *page_cache_coming(struct page_cache *, uint32_t page);
void page_cache_arrived(struct page_cache *, uint32_t page);
void page_cache_drop(struct page_cache *, uint32_t page);

#endif
