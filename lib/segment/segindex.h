/*
 * segindex: an index file, KEY.idx: written page by page, or made anew from the
 * data that it belongs to.
 */
#ifndef SEGTOOLS_SEGINDEX_H
#define SEGTOOLS_SEGINDEX_H

#include <stdint.h>
#include <sys/types.h>

#include "base/file.h"
#include "base/msg.h"
#include "format/key.h"
#include "format/segment.h"

/* Nothing appears under the final name before segindex_commit(). */
struct segindex;
enum rc segindex_new(
    struct segindex **, const char *path, const struct secrecy *);
/* Pages in ascending order; position: of the frame in the data file. */
enum rc segindex_add(struct segindex *, uint32_t page, uint32_t position);
/* After the last page: the file is whole. */
enum rc segindex_finish(struct segindex *);
/* Fsync and rename; an existing file is replaced. */
enum rc segindex_commit(struct segindex *);
/* Or the file itself, to be committed with others: the caller's from here on. */
struct file *segindex_take(struct segindex *);
void segindex_free(struct segindex *); /* NULL-safe; removes what is left */

/* Write the index of a data file whose data is good; *header if not NULL. */
enum rc segindex_rebuild(const char *seg_path, const char *idx_path,
    const struct key *, struct seg_header *header);

#endif
