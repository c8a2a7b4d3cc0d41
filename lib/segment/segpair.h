/*
 * segpair: a segment as two files: checking them against each other.
 */
#ifndef SEGTOOLS_SEGPAIR_H
#define SEGTOOLS_SEGPAIR_H

#include <stdbool.h>

#include "base/file.h"
#include "format/key.h"
#include "format/segment.h"

/*
 * Check a pair of files as segstream.h does; idx NULL: the data alone.
 * bad_index as there; without it the index may be a bare FST.
 */
enum rc segpair_check(struct file *seg, struct file *idx, const struct key *,
    struct seg_header *, bool *bad_index);
#endif
