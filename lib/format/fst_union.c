/* fst_union: see fst_union.h. */

#include <stdlib.h>

#include "base/buf.h"
#include "format/fst_union.h"

/* A heap of the maps by their next key; of equal keys the highest map first. */
struct fst_union {
	size_t n; /* in the heap */
	enum rc rc;
	struct source {
		uint32_t page;
		size_t map;
		uint64_t value;
		struct fst_iter *iter;
	} * heap;
	struct fst_iter *iters;
};

static inline bool
before(const struct source *a, const struct source *b)
{
	return a->page != b->page ? a->page < b->page : a->map > b->map;
}

static void
sift_down(struct fst_union *u, size_t i)
{
	struct source moving = u->heap[i];
	size_t c;

	while ((c = 2 * i + 1) < u->n) {
		if (c + 1 < u->n && before(&u->heap[c + 1], &u->heap[c]))
			c++;
		if (!before(&u->heap[c], &moving))
			break;
		u->heap[i] = u->heap[c];
		i = c;
	}
	u->heap[i] = moving;
}

/* The top moves on to its map's next key, or out. */
static void
advance(struct fst_union *u)
{
	struct source *top = &u->heap[0];
	enum rc rc = fst_iter_next(top->iter, &top->page, &top->value);

	if (rc == RC_ABSENT)
		*top = u->heap[--u->n];
	else if (rc)
		u->rc = rc;
	if (u->n > 1)
		sift_down(u, 0);
}

struct fst_union *
fst_union_new(const struct fst *maps, size_t n)
{
	struct fst_union *u = xcalloc(1, sizeof(*u));

	u->heap = xcalloc(n, sizeof(*u->heap));
	u->iters = xcalloc(n, sizeof(*u->iters));
	for (size_t i = 0; i < n; i++) {
		struct source *s = &u->heap[u->n];
		enum rc rc;

		s->map = i;
		s->iter = &u->iters[i];
		fst_iter_init(s->iter, &maps[i]);
		rc = fst_iter_next(s->iter, &s->page, &s->value);
		if (rc == RC_OK)
			u->n++;
		else if (rc != RC_ABSENT)
			u->rc = rc;
	}
	for (size_t i = u->n / 2; i-- > 0;)
		sift_down(u, i);
	return u;
}

enum rc
fst_union_next(
    struct fst_union *u, uint32_t *page, size_t *map, uint64_t *value)
{
	if (u->rc)
		return u->rc;
	if (u->n == 0)
		return RC_ABSENT;
	*page = u->heap[0].page;
	*map = u->heap[0].map;
	*value = u->heap[0].value;
	do
		advance(u);
	while (u->rc == RC_OK && u->n > 0 && u->heap[0].page == *page);
	return u->rc;
}

void
fst_union_free(struct fst_union *u)
{
	if (!u)
		return;
	free(u->iters);
	free(u->heap);
	free(u);
}
