/*
 * stored: how large compressed objects are, as records say: so that they are
 * looked for at once, and need not be asked for their size.  32 bytes each.
 */
#ifndef SEGTOOLS_STORED_H
#define SEGTOOLS_STORED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/rec.h"

/* Of one namespace.  All-zero is empty. */
struct stored {
	struct stored_item {
		struct key key;
		uint64_t bytes;
	} * item;
	size_t n, cap;
	bool unsorted;
};

/* What a record says, if it is of a compressed object. */
void stored_add(struct stored *, const struct rec *);
/* 0: nothing is known of it. */
uint64_t stored_bytes(struct stored *, const struct key *);
void stored_release(struct stored *);

#endif
