/*
 * stored: what records say of objects: how large compressed ones are, so that
 * they are looked for at once and need not be asked for their size; and of how
 * many pages plain ones, so that an index that lacks some is found out without
 * the object's header.  40 bytes each.  Records are not believed: what they say
 * only decides what is looked at.
 */
#ifndef SEGTOOLS_STORED_H
#define SEGTOOLS_STORED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/rec.h"

/* Of one namespace.  All-zero is empty; counts: pages matter. */
struct stored {
	struct stored_item {
		struct key key;
		uint64_t bytes; /* of a compressed one; 0 */
		uint32_t pages; /* of a plain one; 0: not known */
	} * item;
	size_t n, cap;
	bool counts, unsorted;
};

void stored_add(struct stored *, const struct rec *);
/* The same of who asked the store; UINT64_MAX: unknown. */
void stored_put(
    struct stored *, const struct key *, uint64_t bytes, uint64_t pages);
/* 0: nothing is known of it. */
uint64_t stored_bytes(struct stored *, const struct key *);
uint32_t stored_pages(struct stored *, const struct key *);
void stored_release(struct stored *);

#endif
