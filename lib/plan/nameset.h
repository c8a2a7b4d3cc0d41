/*
 * nameset: which segments a set has had, to count each once.  16 bytes each: a
 * hash of 128 bits stands for the name.
 */
#ifndef SEGTOOLS_NAMESET_H
#define SEGTOOLS_NAMESET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/key.h"

/* All-zero is empty. */
struct nameset {
	uint64_t (*slot)[2];
	size_t n, room; /* room: a power of two */
};

/* Add a name; false if it was there already. */
bool nameset_add(struct nameset *, const struct name *);
void nameset_release(struct nameset *);

#endif
