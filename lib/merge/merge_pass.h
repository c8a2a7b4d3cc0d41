/*
 * merge_pass: the merge itself: inputs are read side by side, each from front
 * to back in large pieces, its checksum verified on the way.
 */
#ifndef SEGTOOLS_MERGE_PASS_H
#define SEGTOOLS_MERGE_PASS_H

#include "merge/merge_input.h"

enum {
	/* What a read moves at most: the data should still be in the cache when
	 * its CRC is computed and when it is written. */
	MERGE_PIECE_MAX = 256 << 10,
	/* And at least, as far as a frame is not larger. */
	MERGE_PIECE_MIN = 8 << 10
};

/* What the inputs have in common. */
struct merge_reading {
	uint32_t page_size;
	struct key key; /* of the merge: its frames have these numbers */
	size_t memory;  /* for all pieces together, */
	void *pieces;   /* which one pass leaves to the next; to be freed */
	size_t room;
	/* To be told how many bytes of files were read; may be NULL. */
	void (*progress)(void *arg, uint64_t bytes);
	void *progress_arg;
};
void merge_progress(const struct merge_reading *, uint64_t bytes);

/* Oldest first; all are open at once.  The newest version of a page wins. */
enum rc merge_pass(struct merge_reading *, const struct merge_input *, size_t n,
    const struct merge_sink *);

#endif
