/*
 * remote_merge: the merge of a set of segments in a store without downloading
 * them: all indexes, then by ranged requests only the frames that are in the
 * merge, written as one whole segment.
 *
 * Frames that lie near each other are asked for together where what lies
 * between costs less than a request.  The sources' checksums cannot be checked;
 * that each frame is the page that its index promises, is.
 *
 * Memory: 12 bytes a segment besides its key, and a bounded amount.
 */
#ifndef SEGTOOLS_REMOTE_MERGE_H
#define SEGTOOLS_REMOTE_MERGE_H

#include "remote/remote_set.h"

/*
 * key: n segments of one namespace in frame order, each beginning right after
 * the one before.  *header: what was written, or was there already.
 */
enum rc remote_merge(const struct remote_merge_opts *, const char *namespace,
    const struct key *key, size_t n, struct seg_header *header);

#endif
