/*
 * tree: the b-tree of a table, walked in the order of its keys: by its inner
 * pages, and by rows.
 *
 * All leaves of a b-tree are equally deep, so that they are known without being
 * read.
 */
#ifndef SEGTOOLS_TREE_H
#define SEGTOOLS_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "diff/bitmap.h"
#include "diff/btree.h"

enum { TREE_DEPTH = 20 }; /* SQLite's own limit */

struct tree {
	struct side *side;
	uint32_t root;
	unsigned height; /* of the leaves; 0: the root is one */
	bool is_index;
};
enum rc tree_open(struct tree *, struct side *, uint32_t root);

/* Add the pages that are its leaves.  Twice the same is RC_DATA. */
enum rc tree_leaves(const struct tree *, struct bitmap *leaves);

/* Its rows, in the order of their keys, but for those in leaves that are
 * passed over. */
struct tree_rows {
	const struct tree *tree;
	const struct bitmap *skip;
	bool leaves_alone; /* no rows, and no leaf is read */
	struct {
		struct btree_page page;
		unsigned next; /* child */
		bool cell;     /* the cell behind that child comes first */
	} level[TREE_DEPTH];
	unsigned depth; /* levels of them */
	struct btree_page leaf;
	unsigned next; /* cell */
	uint32_t leaf_no;
	uint64_t pages; /* so far */
	/* The row. */
	struct btree_cell cell;
	uint32_t page; /* it is this cell of this page */
	unsigned index;
};
void tree_rows_begin(
    struct tree_rows *, const struct tree *, const struct bitmap *skip);
/* RC_ABSENT: no more. */
enum rc tree_rows_next(struct tree_rows *);
void tree_rows_end(struct tree_rows *);

#endif
