/*
 * segset: the segments of a set, files or objects, each once, and what was found
 * out about them.  Some 60 bytes each, whatever their names.
 */
#ifndef SEGTOOLS_SEGSET_H
#define SEGTOOLS_SEGSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/rec.h"
#include "format/segment.h"
#include "plan/places.h"

struct segset_item {
	struct key key;
	uint32_t place;
	uint32_t pages; /* with bytes 0: any, if it is known to be bad */
	uint64_t bytes; /* 0: not known to be good */
	uint8_t id[SEG_ID];
};

/* All-zero is empty. */
struct segset {
	struct segset_item *item;
	size_t n, cap;
	uint32_t *slot; /* open addressing: place in item + 1; 0: free */
	size_t room;    /* a power of two */
	struct places places;
};

/* Add what a record names; NULL if it is there.  A file is known by its path,
 * so that one key in two directories is two. */
struct segset_item *segset_add(struct segset *, const struct rec *);
/* It is good. */
void segset_found(struct segset_item *, const struct seg_header *);
/* It is not, and that was said. */
void segset_failed(struct segset_item *);
bool segset_is_bad(const struct segset_item *);

bool segset_is_file(const struct segset *, const struct segset_item *);
void segset_name(
    const struct segset *, const struct segset_item *, struct name *);
/* Of a file: its path as it was given, but for ".seg" or ".idx"; malloced. */
char *segset_path(const struct segset *, const struct segset_item *, enum part);

/* By namespace, then in frame order.  Nothing can be added any more. */
void segset_sort(struct segset *);
bool segset_same_namespace(const struct segset *, const struct segset_item *,
    const struct segset_item *);

/* One segment, in two directories perhaps. */
bool segset_same_name(const struct segset *, const struct segset_item *,
    const struct segset_item *);

/* Forget those from the n-th on, and their memory. */
void segset_truncate(struct segset *, size_t n);
void segset_release(struct segset *);

#endif
