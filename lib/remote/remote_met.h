/*
 * remote_met: sources of a lazy remote_set whose headers were not read: what the
 * first range of one tells.
 *
 * By its index alone the segment is expected to have the layout of the last one,
 * with as many frames as the index has pages.  That is proven by its header,
 * where the range begins so near to it that it is taken along; else by the
 * object's size, which is another in any other layout, page size and number of
 * frames (but for two frames, which are always near).  Where it is not so the
 * header is read.  Each frame says itself which page it is.
 */
#ifndef SEGTOOLS_REMOTE_MET_H
#define SEGTOOLS_REMOTE_MET_H

#include "remote/remote_set.h"

/* Before frames are asked for: the header, if it takes that. */
enum rc remote_met_prepare(struct remote_set *, size_t source);
/* Where a range that is to begin at offset does begin. */
uint64_t remote_met_from(
    const struct remote_set *, size_t source, uint64_t offset);
/*
 * A range that was asked for by the header h has come, or was too short: what of
 * the object is known now, and of the range.  RC_ABSENT: its frames are not where they were
 * expected; to be prepared and asked for anew.
 */
enum rc remote_met_range(struct remote_set *, size_t source,
    const struct seg_header *h, const struct content *,
    const struct buf *bytes);

#endif
