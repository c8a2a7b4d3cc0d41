/*
 * moved: the local files of what is published are removed (seg-upload -m), those
 * too that a killed run has published and not removed.
 */
#ifndef SEGTOOLS_MOVED_H
#define SEGTOOLS_MOVED_H

#include "base/directory.h"
#include "base/msg.h"
#include "format/key.h"

struct store;

/* Beside the segments: the keys of those that are being moved, one a line, while
 * a run is at it. */
#define MOVED_NOTES "upload.moving"

/* Before a segment is published: if this run is killed the next one knows that
 * its files were to be removed.  Where that cannot be noted it is done without. */
void moved_note(const char *seg_path);

/*
 * DIR/NAMESPACE/KEY.seg, or the .idx beside it.  The data first, and the index
 * when that is synced (dirs: where): of two removals a crash may keep either, and
 * data without its index would be complained about.  The other way about it is
 * swept, so that it need not be synced.
 */
enum rc moved_remove(const char *seg_path, enum part, struct dirs *dirs);

/*
 * Remove the .idx files beside it that have lost their .seg to a run that was
 * killed between the two: those of segments that end no later than key, which
 * is in the store.
 */
enum rc moved_sweep(const char *seg_path, const struct key *);

/*
 * When the data of all that this run has noted in a directory is gone, and that
 * is synced: of what killed runs have noted there, the files go that are in the
 * store with the same contents; then the notes.  name: any segment of that
 * directory's namespace.
 */
void moved_make_good(struct store *, const char *cluster,
    const struct name *name, const char *seg_path);

#endif
