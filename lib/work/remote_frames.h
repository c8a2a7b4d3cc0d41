/*
 * remote_frames: the frames of a merge, from the store by ranged requests into
 * a segment.
 */
#ifndef SEGTOOLS_REMOTE_FRAMES_H
#define SEGTOOLS_REMOTE_FRAMES_H

#include "segment/segwriter.h"
#include "work/remote_set.h"

/* All that remote_set_next() gives.  RC_ABSENT: a source is wrong. */
enum rc remote_frames_copy(struct remote_set *, struct segwriter *);

#endif
