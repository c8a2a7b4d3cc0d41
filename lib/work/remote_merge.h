/*
 * remote_merge: the merge of a set of segments in a store without downloading them:
 * all indexes, then by ranged requests only the frames that are in the merge,
 * written as one whole segment.
 *
 * Frames that lie near each other are asked for together where what lies
 * between costs less than a request.  The sources' checksums cannot be checked;
 * that each frame is the page that its index promises, is.
 */
#ifndef SEGTOOLS_LAZY_H
#define SEGTOOLS_LAZY_H

#include <stddef.h>

#include "base/msg.h"
#include "format/key.h"
#include "format/segment.h"
#include "store/store.h"

struct remote_merge_opts {
	struct store *store;
	const char *cluster;
	const char *dir; /* must be there */
	/* An index is missing or wrong: fetch this segment whole into dir,
	 * where its index is then made from the data. */
	enum rc (*fetch_whole)(void *arg, const struct name *);
	void *arg;
};

/*
 * name: n segments of one namespace in frame order, each beginning right after
 * the one before.  *header: what was written, or was there already.
 */
enum rc remote_merge(const struct remote_merge_opts *, const struct name *name,
    size_t n, struct seg_header *header);

#endif
