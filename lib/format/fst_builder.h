/*
 * fst_builder: makes a map, byte for byte as the fst crate makes it.  Bounded
 * memory: what is made goes out in order, and of the states written a registry
 * of fixed size remembers some.
 */
#ifndef SEGTOOLS_FST_BUILDER_H
#define SEGTOOLS_FST_BUILDER_H

#include "format/fst.h"

/* Bytes go to sink in order as they are made. */
struct fst_builder;
struct fst_builder *fst_builder_new(
    enum rc (*sink)(void *arg, const void *data, size_t len), void *arg);
/* Pages strictly ascending (RC_DATA otherwise). */
enum rc fst_builder_add(struct fst_builder *, uint32_t page, uint64_t value);
enum rc fst_builder_finish(struct fst_builder *, uint64_t *len);
void fst_builder_free(struct fst_builder *);

#endif
