/*
 * index: index objects: a header of 22 bytes, then an FST.
 *
 *   magic 8, version 2, length of the FST 8, its CRC-32 4
 *
 * What libsql's later compactor writes into a directory is the FST alone, bare.
 * Work directories may have that; in a store it is no index.
 */
#ifndef SEGTOOLS_INDEX_H
#define SEGTOOLS_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/msg.h"
#include "format/fst.h"

enum { INDEX_HEADER = 22 };

void index_header_encode(
    uint64_t fst_len, uint32_t fst_crc, uint8_t out[INDEX_HEADER]);

/* Check the header and what fst_open() checks.  The map borrows the bytes.
 * RC_DATA, reported under name. */
enum rc index_open(
    struct fst *, const char *name, const void *data, size_t len);
/* The same, and a bare FST too. */
enum rc index_open_any(
    struct fst *, const char *name, const void *data, size_t len);

/* How many of its pages a database of that size has: in data of the LATER
 * layout, whose length says nothing, fewer of them mean that it was cut
 * short. */
uint64_t index_pages_within(const struct fst *, uint32_t size_after);

/* By the first bytes of something of that length. */
bool index_is_bare(const void *head, size_t have);
bool index_is_index(const void *head, size_t have, uint64_t length);

#endif
