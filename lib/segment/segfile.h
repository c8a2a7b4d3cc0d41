/*
 * segfile: a segment as two files of a work directory, DIR/NAMESPACE/KEY.seg
 * and KEY.idx: writing them, checking them, rebuilding the index.
 */
#ifndef SEGTOOLS_SEGFILE_H
#define SEGTOOLS_SEGFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/file.h"
#include "format/check.h"
#include "format/key.h"
#include "format/segment.h"

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
/* The same without a copy: frame, header and page in one piece, is borrowed
 * until segwriter_settle(). */
enum rc segwriter_borrow(struct segwriter *, const void *frame);
enum rc segwriter_settle(struct segwriter *);
/* After the last frame: header, footer, index are written and fsynced.  No
 * frame at all is RC_DATA. */
enum rc segwriter_finish(
    struct segwriter *, uint32_t size_after, const uint8_t id[SEG_ID]);
/* Rename both.  Existing files of the same name are replaced. */
enum rc segwriter_commit(struct segwriter *, struct seg_header *);
void segwriter_free(struct segwriter *); /* NULL-safe; removes what is left */

/*
 * Check a pair of files: everything in the list of seg-segment(5).  idx NULL:
 * the data alone.  RC_DATA reported.  With bad_index not NULL, for who makes
 * indexes anew, one that is wrong, reported, a bare FST, or not there beside
 * data that is good is RC_OK and sets *bad_index.
 */
enum rc segfile_check(struct file *seg, struct file *idx, const struct key *,
    struct seg_header *, bool *bad_index);
/*
 * The same for a segment that arrives piece by piece, in order: its data of
 * length bytes, called name in messages, and its index, borrowed; idx_name
 * NULL: there is none.  bare_too: it may be a bare FST.
 */
struct segstream;
struct segstream *segstream_new(const char *name, const struct key *,
    uint64_t length, const char *idx_name, const void *idx, size_t idx_len,
    bool bare_too);
enum rc segstream_feed(struct segstream *, const void *data, size_t len);
/* The first length bytes of a file. */
enum rc segstream_feed_file(struct segstream *, struct file *, uint64_t length);
enum rc segstream_end(struct segstream *, struct seg_header *, bool *bad_index);
void segstream_free(struct segstream *); /* NULL-safe */

/* Feed a whole file of length bytes to a checker, in large pieces. */
enum rc segfile_feed(struct seg_check *, struct file *, uint64_t length);

/*
 * Read a data file whole, check it, and give each page once, ascending, with
 * the position of the frame that counts: as they come in the OLD layout,
 * through a sort in the LATER one.  Pages that come before an error is found
 * count for nothing.
 */
enum rc segfile_each_page(struct file *seg, const struct key *,
    enum rc (*page)(void *arg, uint32_t page, uint32_t position), void *arg,
    struct seg_header *);

/* Write the index of a data file whose data is good; *header if not NULL. */
enum rc segfile_rebuild_index(const char *seg_path, const char *idx_path,
    const struct key *, struct seg_header *header);

#endif
