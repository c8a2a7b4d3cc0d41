/*
 * pagesum: a digest of which page is in which frame, in page order, so that a
 * segment's data and its index can be compared where one comes after the other
 * and neither is kept in memory.
 */
#ifndef SEGTOOLS_PAGESUM_H
#define SEGTOOLS_PAGESUM_H

#include <stddef.h>
#include <stdint.h>

#include "base/msg.h"

struct pagesum_value {
	uint64_t high, low, pages;
};

struct pagesum;
struct pagesum *pagesum_new(void);
void pagesum_free(struct pagesum *); /* NULL-safe */

/* Begin anew; each page, ascending; the digest. */
void pagesum_reset(struct pagesum *);
void pagesum_add(struct pagesum *, uint64_t page, uint64_t position);
struct pagesum_value pagesum_end(struct pagesum *);

/* That of an index, bare or not.  What is wrong with it is RC_DATA, reported under
 * name. */
enum rc pagesum_index(struct pagesum *, const char *name, const void *idx,
    size_t len, struct pagesum_value *);

#endif
