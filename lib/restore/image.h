/*
 * image: the bytes of a database out of a set of segments: a file that is empty,
 * or one that holds an earlier state, becomes the state at the end of the set.
 */
#ifndef SEGTOOLS_IMAGE_H
#define SEGTOOLS_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/file.h"
#include "base/msg.h"
#include "format/sum.h"
#include "merge/merge.h"

/* An earlier state, which the set leads on from. */
struct image_base {
	uint32_t size; /* pages; of the set's page size */
	bool has_sum;
	struct seg_sum sum;
};

/*
 * Run the merge, checked with merge_check(), into file: exactly size_after
 * pages, holes where no segment has a page.  file holds base's pages, or
 * nothing if base is NULL; file NULL: only read and check.
 *
 * If the last segment's id carries a database checksum, it must be that of what
 * the file then is, the pages that came from base among them.  Where base's
 * own checksum is known, the cost of that follows the change.  *sum, if not
 * NULL, gets it; *has_sum tells whether it is known.
 */
enum rc image_write(struct merge *, const struct merge_info *, struct file *,
    const struct image_base *, struct seg_sum *sum, bool *has_sum);

#endif
