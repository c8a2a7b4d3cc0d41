/*
 * segwriter: a new segment in a work directory, DIR/NAMESPACE/KEY.seg and .idx.
 */
#ifndef SEGTOOLS_SEGWRITER_H
#define SEGTOOLS_SEGWRITER_H

#include <stdint.h>
#include <sys/types.h>

#include "base/msg.h"
#include "base/secrecy.h"
#include "format/key.h"
#include "format/segment.h"

/*
 * In the OLD layout: frames in page order, through a buffer; header, CRC and
 * index follow from them.  Nothing appears under a final name before
 * segwriter_commit(): data first, then index, both durable, so that a segment
 * whose index is there is whole.
 */
struct segwriter;
/* The final name depends on the key: START, END and TIME must be known.  Makes
 * DIR (its parent must exist) and DIR/NAMESPACE.  The secrecy is that of what
 * they are written from. */
enum rc segwriter_new(struct segwriter **, const char *dir, const struct name *,
    uint32_t page_size, const struct secrecy *);
enum rc segwriter_add(
    struct segwriter *, uint32_t page_no, uint64_t frame_no, const void *page);
/* The same without a copy: frame, header and page in one piece, is borrowed
 * until segwriter_settle(). */
enum rc segwriter_borrow(struct segwriter *, const void *frame);
enum rc segwriter_settle(struct segwriter *);
/* After the last frame: header, footer, index are written and fsynced.  No
 * frame at all is RC_DATA. */
enum rc segwriter_finish(
    struct segwriter *, uint32_t size_after, const uint8_t id[SEG_ID]);
/* Rename both, and fsync their directory.  Existing files of the same names are
 * replaced. */
enum rc segwriter_commit(struct segwriter *, struct seg_header *);
void segwriter_free(struct segwriter *); /* NULL-safe; removes what is left */

#endif
