/*
 * listing: what a store has of a namespace.
 *
 * One listing over the namespace gives indexes/ (what exists) and segments/
 * (how large it is); order, duplicates and the join of the two are made by a
 * sort in bounded memory, whatever order and junk the store gives.  What is no
 * key is skipped, and said under -v.
 */
#ifndef SEGTOOLS_LISTING_H
#define SEGTOOLS_LISTING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/msg.h"
#include "format/key.h"
#include "plan/keyset.h"
#include "store/store.h"

struct listing_entry {
	struct key key;
	bool index; /* the index object is there: the segment exists */
	/* The data object is there: plain, compressed, or both. */
	bool plain, zstd;
	/* Of the data object, the plain one if both are there; UINT64_MAX: not
	 * there. */
	uint64_t bytes;
	/* The youngest data object, ms since 1970, or STORE_UNKNOWN; 0: not
	 * there. */
	uint64_t modified;
	/* Of the compressed one, if both are there. */
	uint64_t spare_bytes, spare_modified;
};

static inline bool
listing_has_data(const struct listing_entry *e)
{
	return e->plain || e->zstd;
}
/* How many, or UINT64_MAX: of a compressed one nobody counts them. */
uint64_t listing_pages(const struct listing_entry *);

/* List a namespace.  One without objects is RC_OK and has no entry. */
struct listing;
enum rc listing_open(struct listing **, struct store *, const char *cluster,
    const char *namespace);
/* The same for who lists namespaces in byte order, all or many of them: they
 * share requests. */
enum rc listing_open_along(struct listing **, struct store *,
    const char *cluster, const char *namespace);
/* Each key once, oldest first (END, START, TIME), orphans of either kind too;
 * RC_ABSENT after the last. */
enum rc listing_next(struct listing *, struct listing_entry *);
void listing_free(struct listing *); /* NULL-safe */

/* The keys of the segments that exist. */
enum rc listing_keys(struct keyset *, struct store *, const char *cluster,
    const char *namespace);

/* The one with the greatest END, of several the first in the order of key
 * texts (least START, then TIME); RC_ABSENT, unreported, if there is none.  One
 * request, for one key, where the store lists in order. */
enum rc listing_newest(
    struct store *, const char *cluster, const char *namespace, struct key *);

/* The namespaces in byte order, after all were listed; with what was reported,
 * if one cannot be looked into.  With claims also those of which there are
 * claims alone. */
enum rc listing_namespaces(struct store *, const char *cluster, bool claims,
    enum rc (*each)(void *arg, const char *namespace, enum rc), void *arg);

#endif
