/* tree: see tree.h. */

#include <string.h>

#include "diff/tree.h"

enum { AHEAD = 64 }; /* children that are asked for at a time */

enum rc
tree_open(struct tree *t, struct side *s, uint32_t root)
{
	struct btree_page page = {0};
	uint32_t no = root;
	enum rc rc;

	*t = (struct tree){.side = s, .root = root};
	for (;;) {
		rc = btree_read(s, &page, no);
		if (rc || page.is_leaf)
			break;
		if (++t->height == TREE_DEPTH) {
			rc = side_damaged(s, root, "a tree without an end");
			break;
		}
		rc = btree_child(s, &page, 0, &no);
		if (rc)
			break;
	}
	t->is_index = page.is_index;
	btree_release(&page);
	return rc;
}

/* ---- the walk ---- */

void
tree_rows_begin(
    struct tree_rows *r, const struct tree *t, const struct bitmap *skip)
{
	memset(r, 0, sizeof(*r));
	r->tree = t;
	r->skip = skip;
}

void
tree_rows_end(struct tree_rows *r)
{
	for (unsigned i = 0; i < TREE_DEPTH; i++)
		btree_release(&r->level[i].page);
	btree_release(&r->leaf);
}

static bool
skips(const struct tree_rows *r, uint32_t leaf)
{
	return r->leaves_alone || (r->skip && bitmap_has(r->skip, leaf));
}

/* A page that there can be only so many of. */
static enum rc
read_page(struct tree_rows *r, struct btree_page *page, uint32_t no, bool leaf)
{
	struct side *s = r->tree->side;
	enum rc rc = btree_read(s, page, no);

	if (rc)
		return rc;
	if (page->is_leaf != leaf || page->is_index != r->tree->is_index)
		return side_damaged(s, no, "no such page belongs there");
	return RC_OK;
}

static enum rc
count_page(struct tree_rows *r, uint32_t no)
{
	struct side *s = r->tree->side;

	if (++r->pages > s->pages)
		return side_damaged(s, no, "in a tree more than once");
	return RC_OK;
}

/* Ask for the next children of the page at the deepest level. */
static enum rc
look_ahead(struct tree_rows *r)
{
	const struct btree_page *p = &r->level[r->depth - 1].page;
	bool leaves = r->depth == r->tree->height;
	uint32_t want[AHEAD];
	size_t n = 0;
	enum rc rc = RC_OK;

	for (unsigned i = r->level[r->depth - 1].next;
	     rc == RC_OK && i <= p->cells && n < AHEAD; i++) {
		rc = btree_child(r->tree->side, p, i, &want[n]);
		if (rc == RC_OK && !(leaves && skips(r, want[n])))
			n++;
		if (i % AHEAD == AHEAD - 1)
			break;
	}
	return rc || n == 0
		   ? rc
		   : state_prefetch(r->tree->side->source.state, want, n);
}

/* Go down to a page: one more level, or a leaf. */
static enum rc
enter(struct tree_rows *r, uint32_t no)
{
	enum rc rc = count_page(r, no);

	if (rc)
		return rc;
	if (r->depth < r->tree->height) {
		rc = read_page(r, &r->level[r->depth].page, no, false);
		r->level[r->depth].next = 0;
		r->level[r->depth].cell = false;
		r->depth++;
		return rc;
	}
	r->leaf_no = no;
	r->next = 0;
	if (skips(r, no))
		return RC_OK;
	return read_page(r, &r->leaf, no, true);
}

/* From the deepest level: its next child. */
static enum rc
next_child(struct tree_rows *r)
{
	unsigned i = r->level[r->depth - 1].next;
	uint32_t no;
	enum rc rc = RC_OK;

	if (i % AHEAD == 0)
		rc = look_ahead(r);
	if (rc == RC_OK)
		rc = btree_child(
		    r->tree->side, &r->level[r->depth - 1].page, i, &no);
	if (rc)
		return rc;
	r->level[r->depth - 1].next++;
	r->level[r->depth - 1].cell = r->tree->is_index;
	return enter(r, no);
}

/* The next leaf, or (in an index) the next cell of an inner page: then
 * leaf_no is 0. */
static enum rc
step(struct tree_rows *r)
{
	r->leaf_no = 0;
	if (r->pages == 0) {
		enum rc rc = enter(r, r->tree->root);

		if (rc || r->leaf_no)
			return rc;
	}
	while (r->depth > 0) {
		unsigned i = r->level[r->depth - 1].next;
		const struct btree_page *p = &r->level[r->depth - 1].page;
		enum rc rc;

		if (i > p->cells) {
			r->depth--;
			continue;
		}
		if (r->level[r->depth - 1].cell) {
			r->level[r->depth - 1].cell = false;
			r->page = p->no;
			r->index = i - 1;
			return btree_cell(r->tree->side, p, r->index, &r->cell);
		}
		rc = next_child(r);
		if (rc || r->leaf_no)
			return rc;
	}
	return RC_ABSENT;
}

/* ---- rows, leaves ---- */

static bool
in_leaf(const struct tree_rows *r)
{
	return r->leaf_no && !skips(r, r->leaf_no) && r->next < r->leaf.cells;
}

enum rc
tree_rows_next(struct tree_rows *r)
{
	while (!in_leaf(r)) {
		enum rc rc = step(r);

		if (rc || !r->leaf_no)
			return rc;
	}
	r->page = r->leaf_no;
	r->index = r->next++;
	return btree_cell(r->tree->side, &r->leaf, r->index, &r->cell);
}

enum rc
tree_leaves(const struct tree *t, struct bitmap *leaves)
{
	struct tree_rows r;
	enum rc rc;

	tree_rows_begin(&r, t, NULL);
	r.leaves_alone = true;
	while ((rc = step(&r)) == RC_OK) {
		if (r.leaf_no == 0)
			continue;
		if (bitmap_has(leaves, r.leaf_no)) {
			rc = side_damaged(
			    t->side, r.leaf_no, "in a tree more than once");
			break;
		}
		bitmap_add(leaves, r.leaf_no);
	}
	tree_rows_end(&r);
	return rc == RC_ABSENT ? RC_OK : rc;
}
