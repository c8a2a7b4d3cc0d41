/*
 * places: where the segments of a set are, directories or namespaces of a store,
 * each kept once: with its key a place gives a segment's name and path.
 */
#ifndef SEGTOOLS_PLACES_H
#define SEGTOOLS_PLACES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/strings.h"
#include "format/rec.h"

/* All-zero is empty. */
struct places {
	struct strings texts;
};

/* The place of what a record names. */
uint32_t places_add(struct places *, const struct rec *);
void places_release(struct places *);

bool places_is_directory(const struct places *, uint32_t place);
void places_name(const struct places *, uint32_t place, const struct key *,
    struct name *name);
/* Of a file: its path as it was given, but for ".seg" or ".idx"; malloced. */
char *places_path(
    const struct places *, uint32_t place, const struct key *, enum part);

/* By namespace; and a hash of that. */
int places_cmp(const struct places *, uint32_t a, uint32_t b);
uint64_t places_hash(const struct places *, uint32_t place);

#endif
