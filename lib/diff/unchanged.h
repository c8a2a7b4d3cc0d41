/*
 * unchanged: which leaves of a table hold the same rows in both states, found
 * without reading them.
 *
 * A leaf that is the same page holds the same rows, unless a row goes on in
 * overflow pages: SQLite writes these in place and leaves the leaf as it is.  So
 * the pages that differ are looked at first: if none of them is an overflow page
 * that could be behind such a leaf, leaves are passed over unread; else the same
 * leaves are read, and the chains of their rows followed.
 */
#ifndef SEGTOOLS_UNCHANGED_H
#define SEGTOOLS_UNCHANGED_H

#include <stdbool.h>

#include "diff/tree.h"

struct unchanged {
	struct pair *pair;
	bool all;    /* there is no difference */
	bool none;   /* pages do not tell: rows are compared */
	bool chains; /* are followed */
};
enum rc unchanged_init(struct unchanged *, struct pair *);

/* The leaves of both trees, which are of one table, that hold the same; *skip
 * is empty. */
enum rc unchanged_leaves(const struct unchanged *, const struct tree *from,
    const struct tree *to, struct bitmap *skip);

#endif
