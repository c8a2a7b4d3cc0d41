/*
 * merge: the union of a set of segments, in page order: what seg-merge writes
 * and seg-restore restores.
 *
 * Frames of the OLD layout lie in page order, so no index is needed: the files
 * are read side by side.  Of a page's versions the newest wins, and one that its
 * own or a later segment's size cut off is dropped.
 *
 * Memory is bounded, whatever the number of segments and of files that may be
 * open: sets that are too large for one pass are merged in groups of neighbours
 * into a scratch file first.  Segments of the LATER layout are brought into
 * page order in a scratch file, where the first of a page's frames counts.
 */
#ifndef SEGTOOLS_MERGE_H
#define SEGTOOLS_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/msg.h"
#include "base/secrecy.h"
#include "format/key.h"
#include "format/segment.h"
#include "merge/merge_input.h"

struct merge;

struct merge *merge_new(void);
void merge_free(struct merge *);

/* Add a file, in any order: its .seg, or the .idx beside it.  A key that the
 * set has already counts once.  Another namespace than the first file's is
 * RC_DATA. */
enum rc merge_add(struct merge *, const char *path, const struct name *);

/* What a set will give. */
struct merge_info {
	size_t segments;       /* different ones */
	const char *last_path; /* of the last of them */
	struct name name; /* START of the first, END and TIME of the last */
	uint32_t page_size;
	uint32_t size_after;
	uint32_t least_size;    /* the smallest size_after of the set */
	uint8_t id[SEG_ID];     /* of the last, or its log id */
	struct secrecy secrecy; /* of all of the files */
	uint64_t frames;        /* of all files, and their bytes */
	uint64_t bytes;
};

/*
 * After the last merge_add(), before merge_run(): is it a set?  Not empty, no
 * hole, no overlap, one page size, each header fits its key and its file's
 * length; with from_start, it begins at frame 1.  RC_DATA reported, with the
 * frames or files that are wrong.
 */
enum rc merge_check(struct merge *, bool from_start, struct merge_info *);

/* To be told how much of info.bytes was read. */
void merge_on_progress(
    struct merge *, void (*progress)(void *arg, uint64_t bytes), void *arg);

/* Once.  RC_OK only if every source was read to its end and its checksums are
 * right: the sink must not publish anything before. */
enum rc merge_run(struct merge *, const struct merge_sink *);

/* merge_run() into a segment, DIR/NAMESPACE/KEY.seg and .idx, durable. */
enum rc merge_to_segment(
    struct merge *, const char *dir, struct seg_header *header);

/* The memory that sources' buffers may take and the number of sources in one
 * pass, for tests; 0: as they are. */
void merge_limit(struct merge *, size_t memory, size_t sources);

#endif
