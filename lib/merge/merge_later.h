/*
 * merge_later: a segment of the LATER layout, whose frames lie in any order,
 * becomes a run.  Of a page's frames the first counts.
 */
#ifndef SEGTOOLS_MERGE_LATER_H
#define SEGTOOLS_MERGE_LATER_H

#include "merge/merge_pass.h"

/* The input is verified on the way, and replaced by its run. */
enum rc merge_later(
    const struct merge_reading *, struct merge_input *, struct merge_runs *);

#endif
