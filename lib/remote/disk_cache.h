/*
 * disk_cache: frames of data objects, and whole objects, in a directory, for the
 * next run too, and for others at the same time.
 *
 * One private file for each object, named by a digest of store and object: under
 * one name there is never but one segment.  Of data it is sparse: frame k has
 * its place in it, behind its CRC-32C: a hole, a torn write and what somebody
 * else put there are no frames.  Whole objects are checked by who gets them.  What is a
 * symbolic link or not our own file is neither read nor written.  The files
 * take at most so many bytes of the disk; those that were not used the longest
 * are removed first.  Nothing about it is a failure: what cannot be kept is
 * fetched again.
 */
#ifndef SEGTOOLS_DISK_CACHE_H
#define SEGTOOLS_DISK_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"

/* Which object: made once. */
struct disk_cache_id {
	uint64_t high, low;
};

struct disk_cache;
/* dir is made if its parent is there. */
enum rc disk_cache_open(struct disk_cache **, const char *dir, uint64_t bytes);
void disk_cache_close(struct disk_cache *); /* NULL-safe */

struct disk_cache_id disk_cache_id(const char *store, const char *object);
/* Is the frame there?  size: of all frames of that object. */
bool disk_cache_get(struct disk_cache *, const struct disk_cache_id *,
    uint32_t position, void *frame, size_t size);
void disk_cache_put(struct disk_cache *, const struct disk_cache_id *,
    uint32_t position, const void *frame, size_t size);

/* A whole object, to be released by file_unmap(). */
bool disk_cache_map(
    struct disk_cache *, struct disk_cache_id, struct file_map *);
void disk_cache_put_all(
    struct disk_cache *, struct disk_cache_id, const void *data, size_t len);

#endif
