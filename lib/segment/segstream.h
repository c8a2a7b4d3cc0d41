/*
 * segstream: the check of a segment while it is read: everything in the list of
 * seg-segment(5), of its data, and of its index against the data.
 */
#ifndef SEGTOOLS_SEGSTREAM_H
#define SEGTOOLS_SEGSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "format/check.h"
#include "format/key.h"
#include "format/segment.h"

/*
 * A segment that arrives piece by piece, in order: its data of length bytes (or
 * SEG_LENGTH_UNKNOWN), called name in messages, and its index, borrowed;
 * idx_name NULL: the data alone.  bare_too: the index may be a bare FST.
 */
struct segstream;
struct segstream *segstream_new(const char *name, const struct key *,
    uint64_t length, const char *idx_name, const void *idx, size_t idx_len,
    bool bare_too);
enum rc segstream_feed(struct segstream *, const void *data, size_t len);
/* The first length bytes of a file. */
enum rc segstream_feed_file(struct segstream *, struct file *, uint64_t length);
/*
 * RC_DATA reported.  With bad_index not NULL, for who makes indexes anew, one
 * that is wrong, reported, or not there beside data that is good is RC_OK and
 * sets *bad_index.
 */
enum rc segstream_end(struct segstream *, struct seg_header *, bool *bad_index);
void segstream_free(struct segstream *); /* NULL-safe */

/*
 * Read a data file whole, check it, and give each page once, ascending, with
 * the position of the frame that counts: as they come in the OLD layout,
 * through a sort in the LATER one.  Pages that come before an error is found
 * count for nothing.
 */
enum rc segstream_each_page(struct file *seg, const struct key *,
    enum rc (*page)(void *arg, uint32_t page, uint32_t position), void *arg,
    struct seg_header *);

/* Feed the first length bytes of a file to a checker, in large pieces. */
enum rc segstream_feed_check(
    struct seg_check *, struct file *, uint64_t length);

#endif
