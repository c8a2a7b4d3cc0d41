/*
 * remote_frames: the frames of a merge, from the store by ranged requests.
 */
#ifndef SEGTOOLS_REMOTE_FRAMES_H
#define SEGTOOLS_REMOTE_FRAMES_H

#include <stdint.h>

#include "remote/remote_set.h"

/*
 * Where they go: each page once, ascending.  frame: header and page in one piece
 * as the OLD layout has them, or NULL; borrowed, as page is, until settle().
 */
struct remote_sink {
	enum rc (*page)(void *arg, uint32_t page_no, uint64_t frame_no,
	    const void *page, const void *frame);
	enum rc (*settle)(void *arg); /* may be NULL */
	void *arg;
};

/* All that remote_set_next() gives.  RC_ABSENT: a source is wrong. */
enum rc remote_frames_copy(struct remote_set *, const struct remote_sink *);

#endif
