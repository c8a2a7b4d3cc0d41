/*
 * remote_index: the index of a source of a remote_set: checked, and its pages
 * taken.
 *
 * It is checked as a whole before any of its pages is taken, so that a wrong one
 * leaves none: by itself, and by the header of its data, if that is known.
 */
#ifndef SEGTOOLS_REMOTE_INDEX_H
#define SEGTOOLS_REMOTE_INDEX_H

#include "base/file.h"
#include "base/sort.h"
#include "remote/remote_set.h"

/*
 * Each page of it that is one of the data's (struct remote_want) is added to
 * places.  h NULL: the header is not known, RC_ABSENT: it must be.  RC_DATA: the
 * index is wrong, which was reported.
 */
enum rc remote_index_take(struct remote_set *, size_t source,
    const struct file_map *, const char *name, const struct seg_header *h,
    struct sort *places);
/* The same of a file, which is kept in the cache on disk, if there is one.  If
 * the segment can be fetched whole, a wrong one is noted, and RC_OK. */
enum rc remote_index_take_file(struct remote_set *, size_t source,
    struct file *, const char *name, const struct seg_header *h,
    struct sort *places);

/* Is it in the cache on disk, and whole?  To be released by file_unmap(). */
bool remote_index_cached(
    const struct remote_set *, const char *name, struct file_map *);

/* Said of a wrong or missing one: RC_DATA.  Who can fetch the segment whole is
 * told, for whom that is the end it is. */
enum rc remote_index_wrong(
    const struct remote_set *, const char *name, const char *why);

#endif
