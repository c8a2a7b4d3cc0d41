/*
 * moved: the local files of what is published are removed (seg-upload -m).
 */
#ifndef SEGTOOLS_MOVED_H
#define SEGTOOLS_MOVED_H

#include "base/directory.h"
#include "base/msg.h"
#include "format/key.h"

/* DIR/NAMESPACE/KEY.seg and its .idx; dirs is what to sync then. */
enum rc moved_remove(const char *seg_path, struct dirs *);

/*
 * Remove the .idx files beside it that have lost their .seg to a run that was
 * killed between the two: those of segments that end no later than key, which
 * is in the store.
 */
enum rc moved_sweep(const char *seg_path, const struct key *, struct dirs *);

#endif
