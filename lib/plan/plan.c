/* plan: see plan.h. */

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "plan/plan.h"

void
plan_reserve(struct plan *p, size_t n)
{
	if (n <= p->cap)
		return;
	p->cap = n;
	p->s = xreallocarray(p->s, p->cap, sizeof(*p->s));
}

void
plan_add(struct plan *p, const struct key *key, uint64_t bytes, uint64_t pages)
{
	if (p->n == p->cap) {
		p->cap = p->cap ? p->cap + p->cap / 2 : 64;
		p->s = xreallocarray(p->s, p->cap, sizeof(*p->s));
	}
	p->s[p->n++] = (struct chain_segment){.key = *key,
	    .bytes = bytes,
	    .pages = pages < UINT32_MAX ? (uint32_t)pages : UINT32_MAX};
}

void
plan_release(struct plan *p)
{
	free(p->s);
	*p = (struct plan){0};
}

/* ---- solving ---- */

/* Of the same key twice, the one with known bytes first. */
static int
by_key(const void *a, const void *b)
{
	const struct chain_segment *x = a, *y = b;
	int c = key_cmp(&x->key, &y->key);

	return c ? c : (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

static void
sort_unique(struct plan *p)
{
	size_t n = 0;
	bool sorted = true;

	for (size_t i = 1; i < p->n && sorted; i++)
		sorted = by_key(&p->s[i - 1], &p->s[i]) < 0;
	if (!sorted)
		qsort(p->s, p->n, sizeof(*p->s), by_key);
	for (size_t i = 0; i < p->n; i++)
		if (n == 0 || key_cmp(&p->s[i].key, &p->s[n - 1].key) != 0)
			p->s[n++] = p->s[i];
	p->n = n;
}

/*
 * One pass over segments in order.  With promised states (their last segments
 * are marked) the segments that lead to them are marked in keep, each way from
 * the nearest state that is kept already: cost counts what it adds.
 */
struct solver {
	struct plan *p;
	const bool *promised; /* NULL: none */
	bool *keep;           /* NULL: only the ways */
	uint32_t *cost;       /* of each segment; NULL with keep */
};

static bool
is_better(const struct solver *v, uint32_t a, uint32_t b)
{
	if (v->cost && v->cost[a] != v->cost[b])
		return v->cost[a] < v->cost[b];
	return chain_is_better(v->p->s, a, b);
}

static void
solve_one(const struct solver *v, uint32_t i)
{
	struct plan *p = v->p;
	struct chain_segment *s = &p->s[i];

	chain_step(p->s, i, p->from);
	if (v->cost)
		v->cost[i] = 1;
	if (v->cost && s->prev != PLAN_NONE && !v->keep[s->prev])
		v->cost[i] += v->cost[s->prev];
}

/* The best of one END, s[first..n).  A state that is promised is that of the
 * least TIME: with it the state is there for every moment it was there for. */
static uint32_t
best_of(const struct solver *v, size_t first, size_t n)
{
	const struct plan *p = v->p;
	bool oldest = v->promised && v->promised[n - 1];
	uint32_t best = PLAN_NONE;

	for (size_t i = first; i < n; i++) {
		const struct chain_segment *s = &p->s[i];

		if (s->hops == 0)
			continue;
		if (best == PLAN_NONE ||
		    (oldest && s->key.time < p->s[best].key.time) ||
		    ((!oldest || s->key.time == p->s[best].key.time) &&
			is_better(v, (uint32_t)i, best)))
			best = (uint32_t)i;
	}
	return best;
}

/* One after the last segment that has the END of s[first]. */
static size_t
end_of(const struct plan *p, size_t first)
{
	size_t n = first + 1;

	while (n < p->n && p->s[n].key.end == p->s[first].key.end)
		n++;
	return n;
}

/* The segments s[first..last), all of whose ENDs are whole in it. */
static void
solve(const struct solver *v, size_t first, size_t last)
{
	struct plan *p = v->p;
	uint32_t best;

	for (size_t n; first < last; first = n) {
		n = end_of(p, first);
		for (size_t i = first; i < n; i++)
			solve_one(v, (uint32_t)i);
		best = best_of(v, first, n);
		p->s[n - 1].best = best;
		if (!v->keep || !v->promised[n - 1])
			continue;
		for (; best != PLAN_NONE && !v->keep[best];
		     best = p->s[best].prev)
			v->keep[best] = true;
	}
}

void
plan_solve(struct plan *p)
{
	const struct solver v = {.p = p};

	sort_unique(p);
	solve(&v, 0, p->n);
}

/* The path that ends with last, in front of end. */
static void
fill_back(const struct plan *p, uint32_t last, uint32_t *end)
{
	for (uint32_t n = p->s[last].hops; n > 0; n--) {
		*--end = last;
		last = p->s[last].prev;
	}
}

void
plan_path_to(const struct plan *p, uint32_t last, struct plan_path *path)
{
	path->n = p->s[last].hops;
	path->i = xcalloc(path->n, sizeof(*path->i));
	fill_back(p, last, &path->i[path->n]);
}

void
plan_path_release(struct plan_path *path)
{
	free(path->i);
	*path = (struct plan_path){0};
}

/* ---- states ---- */

uint32_t
plan_newest(const struct plan *p, uint64_t *end)
{
	*end = p->n ? p->s[p->n - 1].key.end : 0;
	return p->n ? p->s[p->n - 1].best : PLAN_NONE;
}

uint32_t
plan_frame(const struct plan *p, uint64_t frame, uint64_t *end)
{
	size_t n = chain_upto(p->s, p->n, frame);

	*end = n > 0 && p->s[n - 1].key.end == frame ? frame : 0;
	return chain_to(p->s, p->n, frame);
}

struct plan_clock
plan_clock(const struct plan *p, uint64_t now)
{
	struct plan_clock c = {.fall = PLAN_NONE};
	uint64_t below = 0; /* the greatest TIME of a lesser END */
	uint64_t here = 0;  /* the greatest TIME so far */

	for (size_t i = 0; i < p->n; i++) {
		const struct key *k = &p->s[i].key;

		if (i > 0 && k->end > p->s[i - 1].key.end)
			below = here;
		if (k->time > now) {
			c.ahead++;
			if (k->time > c.furthest)
				c.furthest = k->time;
		}
		if (k->time < below && c.fall == PLAN_NONE) {
			c.fall = (uint32_t)i;
			c.before = below;
		}
		if (k->time > here)
			here = k->time;
	}
	return c;
}

bool
plan_has_state(const struct plan *p, uint64_t end, uint64_t time)
{
	for (size_t n = chain_upto(p->s, p->n, end);
	     n > 0 && p->s[n - 1].key.end == end; n--)
		if (p->s[n - 1].key.time == time)
			return true;
	return false;
}

/*
 * Go back from the n-th segment to one that will do, then among those of its
 * END for the best.  reachable: pass over states without a path.
 */
static uint32_t
last_not_after(const struct plan *p, size_t n, uint64_t time, bool reachable,
    uint64_t *end)
{
	uint32_t best = PLAN_NONE;

	*end = 0;
	while (n-- > 0) {
		const struct chain_segment *s = &p->s[n];

		if (*end && s->key.end != *end)
			break;
		if (s->key.time > time || (reachable && s->hops == 0))
			continue;
		*end = s->key.end;
		if (s->hops > 0 &&
		    (best == PLAN_NONE ||
			chain_is_better(p->s, (uint32_t)n, best)))
			best = (uint32_t)n;
	}
	return best;
}

uint32_t
plan_time(const struct plan *p, uint64_t time, uint64_t *end)
{
	return last_not_after(p, p->n, time, false, end);
}

uint32_t
plan_furthest(const struct plan *p, uint64_t frame, uint64_t time)
{
	uint64_t end;

	return last_not_after(
	    p, chain_upto(p->s, p->n, frame), time, true, &end);
}

struct range {
	uint64_t first, last;
};

static int
by_first(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

void
plan_gaps(const struct plan *p, uint64_t end,
    void (*gap)(void *arg, uint64_t first, uint64_t last), void *arg)
{
	struct range *r = xcalloc(p->n, sizeof(*r));
	uint64_t next = 1; /* the first frame not known to be covered */

	for (size_t i = 0; i < p->n; i++)
		r[i] = (struct range){
		    .first = p->s[i].key.start, .last = p->s[i].key.end};
	qsort(r, p->n, sizeof(*r), by_first);
	for (size_t i = 0; i < p->n && next <= end && next > 0; i++) {
		if (r[i].first > end)
			break;
		if (r[i].first > next)
			gap(arg, next, r[i].first - 1);
		if (r[i].last >= next)
			next = r[i].last + 1;
	}
	if (next > 0 && next <= end)
		gap(arg, next, end);
	free(r);
}

/* ---- groups to merge ---- */

static void
add_cut(struct plan_groups *g, size_t at)
{
	g->cut[g->n++] = at;
}

static void
begin_groups(struct plan_groups *g, const struct plan_path *path)
{
	g->cut = xcalloc(path->n + 2, sizeof(*g->cut));
	g->n = 0;
}

/* cut[] holds the beginnings so far. */
static void
end_groups(struct plan_groups *g, const struct plan_path *path)
{
	g->cut[g->n] = path->n;
}

void
plan_groups_release(struct plan_groups *g)
{
	free(g->cut);
	*g = (struct plan_groups){0};
}

void
plan_all(const struct plan_path *path, struct plan_groups *g)
{
	begin_groups(g, path);
	add_cut(g, 0);
	end_groups(g, path);
}

void
plan_log(const struct plan_path *path, struct plan_groups *g)
{
	size_t at = 0;

	begin_groups(g, path);
	for (; path->n - at >= 4; at += (path->n - at) / 2)
		add_cut(g, at);
	/* Two or three are left: each by itself. */
	for (; at < path->n; at++)
		add_cut(g, at);
	end_groups(g, path);
}

/* What a segment weighs in a merge: its bytes; where these are not known, its
 * frames, as if each were a page. */
static uint64_t
weight(const struct chain_segment *s)
{
	uint64_t frames = s->key.end - s->key.start;

	if (s->bytes != UINT64_MAX)
		return s->bytes;
	return frames < UINT64_MAX / 8192 ? (frames + 1) * 4112 : frames;
}

static uint64_t
add_weight(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* Merge the two neighbouring groups that are lightest together. */
static void
join_lightest(struct plan_groups *g, uint64_t *w)
{
	size_t least = 0;

	for (size_t i = 1; i + 1 < g->n; i++)
		if (add_weight(w[i], w[i + 1]) <=
		    add_weight(w[least], w[least + 1]))
			least = i;
	w[least] = add_weight(w[least], w[least + 1]);
	g->n--;
	memmove(&w[least + 1], &w[least + 2], (g->n - least - 1) * sizeof(*w));
	memmove(&g->cut[least + 1], &g->cut[least + 2],
	    (g->n - least - 1) * sizeof(*g->cut));
}

void
plan_levels(const struct plan *p, const struct plan_path *path, size_t most,
    struct plan_groups *g)
{
	uint64_t *w = xcalloc(path->n + 1, sizeof(*w));

	begin_groups(g, path);
	for (size_t i = 0; i < path->n; i++) {
		w[g->n] = weight(&p->s[path->i[i]]);
		add_cut(g, i);
		if (path->n <= most)
			continue; /* few enough: nothing to merge */
		while (g->n > 1 && w[g->n - 2] / 2 < w[g->n - 1]) {
			w[g->n - 2] = add_weight(w[g->n - 2], w[g->n - 1]);
			g->n--;
		}
	}
	while (g->n > most)
		join_lightest(g, w);
	end_groups(g, path);
	free(w);
}

/* ---- what must stay ---- */

void
plan_promise_since(const struct plan *p, uint64_t since, bool *promised)
{
	uint32_t before = plan_furthest(p, UINT64_MAX, since);
	uint64_t at_since = before == PLAN_NONE ? 0 : p->s[before].key.end;

	for (size_t i = 0, n; i < p->n; i = n) {
		n = end_of(p, i);
		if (n == p->n || p->s[i].key.end == at_since)
			promised[n - 1] = true;
		for (; i < n; i++)
			if (p->s[i].key.time > since)
				promised[n - 1] = true;
	}
}

enum rc
plan_keep(struct plan *p, const bool *promised, bool *keep)
{
	struct solver v = {.p = p, .promised = promised, .keep = keep};
	uint64_t end;

	memset(keep, 0, p->n * sizeof(*keep));
	if (plan_newest(p, &end) == PLAN_NONE)
		return RC_ABSENT;
	v.cost = xcalloc(p->n, sizeof(*v.cost));
	solve(&v, 0, p->n);
	free(v.cost);
	return RC_OK;
}

void
plan_between(struct plan *p, const bool *promised, struct plan_path *path,
    struct plan_groups *g)
{
	const struct solver v = {.p = p, .promised = promised};
	size_t first = 0;

	*path = (struct plan_path){xcalloc(p->n, sizeof(*path->i)), 0};
	g->cut = xcalloc(p->n + 1, sizeof(*g->cut));
	g->n = 0;
	for (size_t i = 0; i < p->n; i++) {
		uint32_t last;

		if (!promised[i])
			continue;
		solve(&v, first, i + 1);
		last = p->s[i].best;
		if (last != PLAN_NONE && p->s[last].hops > 1) {
			add_cut(g, path->n);
			path->n += p->s[last].hops;
			fill_back(p, last, &path->i[path->n]);
		}
		first = i + 1;
		p->from = p->s[i].key.end;
	}
	end_groups(g, path);
	p->from = 0;
}
