/*
 * catalog_sync: a catalogue follows the store: by listing it, and by being told
 * of what a command of ours did there.
 */
#ifndef SEGTOOLS_CATALOG_SYNC_H
#define SEGTOOLS_CATALOG_SYNC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/catalog.h"
#include "store/store.h"

/*
 * Take in what a store has of namespaces, one after the other, each in one
 * transaction.  full: all of it, and forget what has gone.  Else: if the store's
 * newest is the one up to which all is known, nothing; else what is there, and
 * nothing is forgotten.  along: they come in byte order, many of them, and share
 * listings of all that is there, and transactions: what becomes of one may be
 * known at a later one, or at the end, and is returned then.
 */
struct catalog_sync;
struct catalog_sync *catalog_sync_begin(struct catalog *, struct store *,
    const char *cluster, bool full, bool along);
enum rc catalog_sync(struct catalog_sync *, const char *namespace);
enum rc catalog_sync_end(struct catalog_sync *); /* and free it */

/* What was done to a segment of the store. */
struct catalog_change {
	const char *namespace;
	struct key key;
	/* Of its data object, as a listing has them; UINT64_MAX if unknown. */
	uint64_t bytes, pages;
	bool gone; /* removed; else published */
};
/*
 * Record them, all or none, in one transaction.  A namespace that is not
 * monitored stays so, said under -v.  Once it failed, later calls try nothing
 * and return the same, unreported.
 */
enum rc catalog_record(
    struct catalog *, const struct catalog_change *, size_t n);

#endif
