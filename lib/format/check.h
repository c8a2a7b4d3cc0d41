/*
 * check: a data object, checked while it arrives.
 */
#ifndef SEGTOOLS_CHECK_H
#define SEGTOOLS_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "format/segment.h"

/*
 * Check a data object that arrives piece by piece, in order, of that length or
 * SEG_LENGTH_UNKNOWN: header, every CRC, frame headers (page >= 1, start <=
 * frame_no <= end, page numbers ascending (OLD)).  on_frame, if not NULL, gets
 * each frame's position, page and number once it is known to be good (OLD: but
 * for the CRC, which comes last).  A page twice in an object of the LATER layout
 * is no error here: the first counts.  Errors are reported once, under name.
 */
struct seg_check;
struct seg_check *seg_check_new(const char *name, const struct key *key,
    uint64_t length,
    enum rc (*on_frame)(
	void *arg, uint32_t position, uint32_t page, uint64_t frame_no),
    void *arg);
enum rc seg_check_feed(struct seg_check *, const void *data, size_t len);
/* The header, from the first on_frame() on. */
const struct seg_header *seg_check_header(const struct seg_check *);
/* After the last byte; *header is filled in if not NULL. */
enum rc seg_check_end(struct seg_check *, struct seg_header *header);
void seg_check_free(struct seg_check *);

#endif
