/*
 * pack: sets of segment files as one tar stream on stdout, checked while they
 * are written: of each segment NAMESPACE/KEY.seg, then NAMESPACE/KEY.idx; an
 * empty member, ".end" or ".failed", ends a set; tar's two zero blocks end the
 * stream.  Names that ustar does not hold have pax headers.  The same files give
 * the same bytes: owner 0, the segment's TIME, the files' read permissions.
 */
#ifndef SEGTOOLS_PACK_H
#define SEGTOOLS_PACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/msg.h"
#include "format/key.h"
#include "format/segment.h"

struct pack;
/* moved(), which may be NULL, is told how many bytes of files went out. */
struct pack *pack_new(void (*moved)(void *arg, uint64_t bytes), void *arg);
/*
 * The pair of files at path, that of the .seg or the .idx.  What is bad is
 * RC_DATA; a member that has begun is then filled up with zeros to the size that
 * was announced.  *header: of the data, if it is good.
 */
enum rc pack_add(struct pack *, const char *path, const struct name *,
    struct seg_header *header);
/* The member that ends a set; all is flushed. */
enum rc pack_end_set(struct pack *, bool failed);
/* What is buffered goes out. */
enum rc pack_flush(struct pack *);
/* The zero blocks.  Without them a reader knows that the stream was cut. */
enum rc pack_finish(struct pack *);
void pack_free(struct pack *); /* NULL-safe */

#endif
