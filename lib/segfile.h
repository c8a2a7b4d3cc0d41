/*
 * segfile: a segment as two files of a work directory, DIR/NAMESPACE/KEY.seg
 * and KEY.idx: writing them, checking them, rebuilding the index.
 */
#ifndef SEGTOOLS_SEGFILE_H
#define SEGTOOLS_SEGFILE_H

#include <stdint.h>

#include "io.h"
#include "key.h"
#include "segment.h"

/*
 * Write a segment in the OLD layout: frames in page order, through a buffer;
 * header, CRC and index follow from them.  Nothing appears under a final name
 * before segwriter_commit(): data first, then index, both durable.
 */
struct segwriter;
/* The final name depends on the key: START, END and TIME must be known.  Makes
 * DIR (its parent must exist) and DIR/NAMESPACE.  mode: of the two files. */
enum rc segwriter_new(struct segwriter **, const char *dir, const struct name *,
    uint32_t page_size, mode_t mode);
enum rc segwriter_add(
    struct segwriter *, uint32_t page_no, uint64_t frame_no, const void *page);
/* After the last frame: header, footer, index are written and fsynced. */
enum rc segwriter_finish(
    struct segwriter *, uint32_t size_after, const uint8_t id[SEG_ID]);
/* Rename both.  Existing files of the same name are replaced. */
enum rc segwriter_commit(struct segwriter *, struct seg_header *);
void segwriter_free(struct segwriter *); /* NULL-safe; removes what is left */

/*
 * Check a pair of files: everything in the list of seg-segment(5).  idx NULL:
 * the data alone.  RC_DATA reported.
 */
enum rc segfile_check(
    struct io_file *seg, struct io_file *idx, const struct key *,
    struct seg_header *);
/* Write the index of a data file whose data is good. */
enum rc segfile_rebuild_index(const char *seg_path, const char *idx_path,
    const struct key *);

#endif
