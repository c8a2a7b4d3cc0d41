/*
 * page_load: frames of a remote_set, fetched into a page_cache, by page.
 *
 * Those that are asked for together are grouped by source, and neighbours joined
 * into ranges, each of them one request.  Their pages are in the cache, as
 * coming, from the moment they are asked for: so that nothing is asked for
 * twice.  Of each frame is checked that it is the page that it was asked for as,
 * with a frame number of its segment.
 */
#ifndef SEGTOOLS_PAGE_LOAD_H
#define SEGTOOLS_PAGE_LOAD_H

#include "query/page_cache.h"
#include "remote/remote_set.h"

/* All-zero, then the first two, which are borrowed. */
struct page_load {
	struct remote_set *set;
	struct page_cache *cache;
	unsigned running; /* requests; they go on while the store is driven */
	/* The page that is waited for (0: none), and what came of it: RC_OK, as
	 * long as nothing failed. */
	uint32_t asked;
	enum rc rc;
};

/* If its page is in no cache and not coming: from now on it is, and w the next of
 * the *k in want, for page_load_start(); one of the cache on disk is there at
 * once.  False: there is no room. */
bool page_load_collect(struct page_load *, const struct remote_want *w,
    struct remote_want *want, size_t *k);
/* Ask for k frames, which are put in order.  What failed is not coming. */
enum rc page_load_start(struct page_load *, struct remote_want *want, size_t k);

#endif
