/*
 * keyset: the keys of one namespace in frame order, each once, and what can be
 * said about them.  24 bytes a key.
 */
#ifndef SEGTOOLS_KEYSET_H
#define SEGTOOLS_KEYSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/msg.h"
#include "format/key.h"

/* All-zero is empty. */
struct keyset {
	struct key *key;
	size_t n, cap;
};

/* Cheap at the end, where what comes in frame order belongs. */
void keyset_add(struct keyset *, const struct key *);
/* Many in any order: added first, then all put in order at once.  Nothing else
 * may be asked in between. */
void keyset_append(struct keyset *, const struct key *);
void keyset_settle(struct keyset *);

bool keyset_has(const struct keyset *, const struct key *);
/* The greatest END; 0: none. */
uint64_t keyset_newest(const struct keyset *);
/* The first with that END or a greater one: its place, or n. */
size_t keyset_find_end(const struct keyset *, uint64_t end);

/*
 * Does a chain of them lead from START to END: the first begins at START, each
 * next one right after the one before, the last ends at END?
 */
bool keyset_chain(const struct keyset *, uint64_t start, uint64_t end);

/* Does each begin right after the one before?  RC_DATA, which says what is
 * missing or overlaps. */
enum rc keyset_joined(const struct keyset *, const char *namespace);

/*
 * Is every frame that is in one of a also in one of b?  *missing is set to the
 * greatest frame that is not.
 */
bool keyset_covers(
    const struct keyset *b, const struct keyset *a, uint64_t *missing);

void keyset_release(struct keyset *);

#endif
