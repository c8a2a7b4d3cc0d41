/*
 * unchanged: see unchanged.h.
 *
 * An overflow page begins with the number of the next one, big endian: in a
 * database of fewer than 2^25 pages not with a byte that a page of a b-tree
 * begins with.  What is neither that, nor free, nor a map of pointers in either
 * state is suspected; cleared is what the rows in leaves that differ go on in,
 * since a page belongs to one row.
 */

#include <string.h>

#include "base/bytes.h"
#include "base/number.h"
#include "diff/unchanged.h"
#include "format/segment.h"

enum {
	AHEAD = 64,
	FEW = 4,           /* one page in so many may differ */
	TOLD_BY = 1 << 25, /* pages */
	FREE_TRUNK = 32    /* in page 1 */
};

/* The pages that differ, in order, some at a time. */
struct differing {
	const struct pair *pair;
	uint32_t last;
	uint64_t seen, differ;
};

static bool
next_differing(struct differing *d, uint32_t *page)
{
	const struct state *from = d->pair->from.source.state;
	const struct state *to = d->pair->to.source.state;

	for (;;) {
		uint32_t a = state_next_page(from, d->last);
		uint32_t b = state_next_page(to, d->last);

		if (!a && !b)
			return false;
		d->last = a && (!b || a < b) ? a : b;
		d->seen++;
		if (state_same_page(from, to, d->last))
			continue;
		d->differ++;
		*page = d->last;
		return true;
	}
}

/* visit() for each of those pages that are in both; of s they are on their
 * way. */
static enum rc
each_differing(const struct pair *p, struct side *s,
    enum rc (*visit)(void *arg, struct side *, uint32_t page), void *arg)
{
	struct differing d = {.pair = p};
	uint32_t most =
	    p->from.pages < p->to.pages ? p->from.pages : p->to.pages;
	uint32_t page[AHEAD];
	enum rc rc = RC_OK;
	size_t n;

	do {
		for (n = 0; n < AHEAD && next_differing(&d, &page[n]);)
			n += page[n] <= most;
		rc = state_prefetch(s->source.state, page, n);
		for (size_t i = 0; rc == RC_OK && i < n; i++)
			rc = visit(arg, s, page[i]);
	} while (rc == RC_OK && n == AHEAD);
	return rc;
}

/* ---- pages that are not in use ---- */

/* The leaves that a page of the list names. */
static enum rc
mark_trunk(struct side *s, const uint8_t *bytes, struct bitmap *free_pages)
{
	uint32_t n = be32(bytes + 4);

	if (n > s->usable / 4 - 2)
		n = s->usable / 4 - 2;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t page = be32(bytes + 8 + 4 * (size_t)i);

		if (page > 0 && page <= s->pages)
			bitmap_add(free_pages, page);
	}
	return RC_OK;
}

static enum rc
mark_free(struct side *s, struct bitmap *free_pages)
{
	const uint8_t *bytes;
	enum rc rc = side_page(s, 1, &bytes);
	uint32_t trunk, seen = 0;

	bitmap_init(free_pages, s->pages);
	if (rc)
		return rc;
	for (trunk = be32(bytes + FREE_TRUNK); trunk; trunk = be32(bytes)) {
		rc = side_page(s, trunk, &bytes);
		if (rc == RC_OK && ++seen > s->pages)
			rc = side_damaged(s, trunk, "free more than once");
		if (rc)
			return rc;
		bitmap_add(free_pages, trunk);
		(void)mark_trunk(s, bytes, free_pages);
	}
	return RC_OK;
}

static bool
is_map(const struct side *s, uint32_t page)
{
	uint32_t each = s->usable / 5 + 1, first, lock;

	if (!s->has_map || page < 2)
		return false;
	/* Those behind the lock page are where it is not. */
	first = (page - 2) / each * each + 2;
	lock = seg_lock_page(s->page_size);
	return page == (first == lock ? first + 1 : first);
}

/* ---- suspects ---- */

struct suspects {
	struct bitmap page, free_from, free_to;
	uint64_t n;
};

static bool
may_overflow(const struct side *s, const struct bitmap *free_pages,
    uint32_t page, const uint8_t *bytes)
{
	return !is_map(s, page) && !bitmap_has(free_pages, page) &&
	       !btree_is_page(bytes, page);
}

static enum rc
suspect(void *arg, struct side *s, uint32_t page)
{
	struct suspects *x = arg;
	const uint8_t *bytes;
	enum rc rc = side_page(s, page, &bytes);

	if (rc == RC_OK && may_overflow(s, &x->free_to, page, bytes)) {
		bitmap_add(&x->page, page);
		x->n++;
	}
	return rc;
}

static void
clear_page(struct suspects *x, uint32_t page)
{
	if (bitmap_has(&x->page, page)) {
		bitmap_drop(&x->page, page);
		x->n--;
	}
}

/* What is no overflow page in the first state cannot be one behind a leaf that
 * is the same. */
static enum rc
clear_if_other(void *arg, struct side *s, uint32_t page)
{
	struct suspects *x = arg;
	const uint8_t *bytes;
	enum rc rc;

	if (!bitmap_has(&x->page, page))
		return RC_OK;
	rc = side_page(s, page, &bytes);
	if (rc == RC_OK && !may_overflow(s, &x->free_from, page, bytes))
		clear_page(x, page);
	return rc;
}

static bool
clear_chained(void *arg, uint32_t page, const uint8_t *bytes)
{
	(void)bytes;
	clear_page(arg, page);
	return true;
}

/* What rows go on in that are on a page that differs. */
static enum rc
clear_owned(void *arg, struct side *s, uint32_t no)
{
	struct suspects *x = arg;
	struct btree_page page = {0};
	const uint8_t *bytes;
	enum rc rc = side_page(s, no, &bytes);

	if (rc || x->n == 0 || is_map(s, no) || bitmap_has(&x->free_from, no) ||
	    !btree_is_page(bytes, no))
		return rc;
	rc = btree_read(s, &page, no);
	if (!page.is_leaf && !page.is_index)
		page.cells = 0;
	for (unsigned i = 0; rc == RC_OK && i < page.cells; i++) {
		struct btree_cell cell;

		rc = btree_cell(s, &page, i, &cell);
		if (rc == RC_OK && cell.overflow)
			rc = btree_chain(s, &cell, clear_chained, x);
	}
	btree_release(&page);
	return rc;
}

static enum rc
look_for_chains(struct unchanged *u)
{
	struct pair *p = u->pair;
	struct suspects x = {0};
	enum rc rc;

	bitmap_init(&x.page, p->to.pages);
	rc = mark_free(&p->from, &x.free_from);
	if (rc == RC_OK)
		rc = mark_free(&p->to, &x.free_to);
	if (rc == RC_OK)
		rc = each_differing(p, &p->to, suspect, &x);
	if (rc == RC_OK && x.n > 0)
		rc = each_differing(p, &p->from, clear_if_other, &x);
	if (rc == RC_OK && x.n > 0)
		rc = each_differing(p, &p->from, clear_owned, &x);
	u->chains = x.n > 0;
	if (u->chains)
		msg_info("%llu overflow page%s may differ behind leaves that "
			 "do not: these are read",
		    (unsigned long long)x.n, number_s(x.n));
	bitmap_release(&x.page);
	bitmap_release(&x.free_from);
	bitmap_release(&x.free_to);
	return rc;
}

enum rc
unchanged_init(struct unchanged *u, struct pair *p)
{
	struct differing d = {.pair = p};
	uint32_t page;

	*u = (struct unchanged){.pair = p, .none = !p->alike};
	if (u->none)
		return RC_OK;
	while (next_differing(&d, &page))
		;
	msg_info("pages that differ: %llu of %llu",
	    (unsigned long long)d.differ, (unsigned long long)d.seen);
	u->all = d.differ == 0 && p->from.pages == p->to.pages;
	u->none = d.differ > d.seen / FEW || p->from.pages >= TOLD_BY ||
		  p->to.pages >= TOLD_BY;
	return u->all || u->none ? RC_OK : look_for_chains(u);
}

/* ---- leaves ---- */

struct follow {
	const struct pair *pair;
	bool same;
};

static bool
follow_page(void *arg, uint32_t page, const uint8_t *bytes)
{
	struct follow *f = arg;

	(void)bytes;
	f->same = state_same_page(
	    f->pair->from.source.state, f->pair->to.source.state, page);
	return f->same;
}

/* Are what the rows of a leaf go on in the same pages? */
static enum rc
follow_leaf(const struct pair *p, struct side *s, struct btree_page *page,
    uint32_t no, bool *same)
{
	struct follow f = {.pair = p, .same = true};
	enum rc rc = btree_read(s, page, no);

	for (unsigned i = 0; rc == RC_OK && f.same && i < page->cells; i++) {
		struct btree_cell cell;

		rc = btree_cell(s, page, i, &cell);
		if (rc == RC_OK && cell.overflow)
			rc = btree_chain(s, &cell, follow_page, &f);
	}
	*same = f.same;
	return rc;
}

/* Drop from the leaves of both those that do not hold the same. */
static enum rc
keep_same(const struct unchanged *u, const struct tree *from,
    const struct bitmap *other, struct bitmap *skip)
{
	const struct pair *p = u->pair;
	struct btree_page page = {0};
	enum rc rc = RC_OK;

	for (uint32_t no = 1; rc == RC_OK && no <= skip->last; no++) {
		bool same;

		if (!bitmap_has(skip, no))
			continue;
		same = bitmap_has(other, no) &&
		       state_same_page(
			   p->from.source.state, p->to.source.state, no);
		if (same && u->chains)
			rc = follow_leaf(p, from->side, &page, no, &same);
		if (!same)
			bitmap_drop(skip, no);
	}
	btree_release(&page);
	return rc;
}

enum rc
unchanged_leaves(const struct unchanged *u, const struct tree *from,
    const struct tree *to, struct bitmap *skip)
{
	struct bitmap other;
	enum rc rc;

	bitmap_init(skip, from->side->pages);
	if (u->none)
		return RC_OK;
	bitmap_init(&other, to->side->pages);
	rc = tree_leaves(from, skip);
	if (rc == RC_OK)
		rc = tree_leaves(to, &other);
	if (rc == RC_OK)
		rc = keep_same(u, from, &other, skip);
	bitmap_release(&other);
	return rc;
}
