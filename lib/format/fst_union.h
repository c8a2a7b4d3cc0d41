/*
 * fst_union: the pages of several maps, each once, in ascending order.
 */
#ifndef SEGTOOLS_FST_UNION_H
#define SEGTOOLS_FST_UNION_H

#include "format/fst.h"

/* The union of n maps: each page once, with the value that the map of the
 * highest index gives, and that index.  RC_ABSENT at the end. */
struct fst_union;
struct fst_union *fst_union_new(const struct fst *maps, size_t n);
enum rc fst_union_next(
    struct fst_union *, uint32_t *page, size_t *map, uint64_t *value);
void fst_union_free(struct fst_union *);

#endif
