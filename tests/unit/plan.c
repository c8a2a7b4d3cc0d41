/*
 * Plans against brute force, on random histories: the fewest segments, the
 * fewest bytes among these, what is reachable, what may go, what is merged.
 */

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "plan/plan.h"
#include "tap.h"

enum { MOST = 14, FRAMES = 12, HISTORIES = 4000 };

static uint64_t seed = 1;

static uint64_t
rnd(uint64_t n)
{
	seed = seed * 6364136223846793005 + 1442695040888963407;
	return (seed >> 33) % n;
}

/* A history: mostly a chain and merges of it, sometimes anything. */
static void
random_plan(struct plan *p)
{
	size_t n = 1 + rnd(MOST);
	bool wild = rnd(3) == 0;
	uint64_t end = 0;

	for (size_t i = 0; i < n; i++) {
		struct key k;

		if (wild || (end > 0 && rnd(2))) {
			k.start = 1 + rnd(end > 0 && !wild ? end : FRAMES);
			k.end = k.start + rnd(6);
		} else {
			k.start = end + 1;
			k.end = end + 1 + rnd(3);
			end = k.end;
		}
		k.time = rnd(4) ? k.end * 10 : rnd(100);
		plan_add(p, &k, rnd(5) ? 1 + rnd(50) : UINT64_MAX, 1);
	}
	plan_solve(p);
}

struct best {
	size_t hops;
	uint64_t bytes;
};

/* All chains of the segments that are in the mask, from border 0 to border. */
static struct best
brute(const struct plan *p, const bool *in, uint64_t border)
{
	struct best best = {0};

	if (border == 0)
		return best;
	for (size_t i = 0; i < p->n; i++) {
		const struct chain_segment *s = &p->s[i];
		struct best b;

		if (s->key.end != border || (in && !in[i]))
			continue;
		b = brute(p, in, s->key.start - 1);
		if (s->key.start > 1 && b.hops == 0)
			continue;
		b.hops++;
		b.bytes += s->bytes == UINT64_MAX ? 0 : s->bytes;
		if (best.hops == 0 || b.hops < best.hops ||
		    (b.hops == best.hops && b.bytes < best.bytes))
			best = b;
	}
	return best;
}

static bool
is_chain(const struct plan *p, const struct plan_path *path, uint64_t end)
{
	uint64_t border = 0;

	for (size_t i = 0; i < path->n; i++) {
		if (p->s[path->i[i]].key.start != border + 1)
			return false;
		border = p->s[path->i[i]].key.end;
	}
	return border == end;
}

/* The plan of every state is a chain, and none is better. */
static bool
states_right(const struct plan *p)
{
	for (uint64_t frame = 1; frame <= FRAMES + 40; frame++) {
		struct best want = brute(p, NULL, frame);
		struct plan_path path;
		uint64_t end;
		uint32_t last = plan_frame(p, frame, &end);
		bool good;

		if (last == PLAN_NONE) {
			if (want.hops > 0)
				return false;
			continue;
		}
		plan_path_to(p, last, &path);
		good = path.n == want.hops && p->s[last].total == want.bytes &&
		       end == frame && is_chain(p, &path, frame);
		plan_path_release(&path);
		if (!good)
			return false;
	}
	return true;
}

/* The greatest END with a TIME not after time, and whether it is reachable by
 * such a segment, among those in the mask. */
static uint64_t
state_at(const struct plan *p, const bool *in, uint64_t time, bool *reachable)
{
	uint64_t end = 0;

	*reachable = false;
	for (size_t i = 0; i < p->n; i++) {
		const struct chain_segment *s = &p->s[i];

		if ((in && !in[i]) || s->key.time > time || s->key.end < end)
			continue;
		if (s->key.end > end)
			*reachable = false;
		end = s->key.end;
		if (s->key.start == 1 || brute(p, in, s->key.start - 1).hops)
			*reachable = true;
	}
	return end;
}

static bool
times_right(const struct plan *p)
{
	for (uint64_t t = 0; t < 200; t += 5) {
		uint64_t end, want;
		bool reachable;
		uint32_t last = plan_time(p, t, &end);

		want = state_at(p, NULL, t, &reachable);
		if (end != want || (last != PLAN_NONE) != reachable)
			return false;
		if (reachable &&
		    (p->s[last].key.end != end || p->s[last].key.time > t))
			return false;
	}
	return true;
}

/*
 * After the removal of all but keep: the newest state and that of every moment
 * from since on are still there; and nothing more could have gone.
 */
static bool
keep_right(struct plan *p, uint64_t since)
{
	bool *keep = xcalloc(p->n, sizeof(*keep));
	bool *promised = xcalloc(p->n, sizeof(*promised));
	uint64_t newest = p->s[p->n - 1].key.end;
	enum rc rc;
	bool good, before, after;

	plan_promise_since(p, since, promised);
	rc = plan_keep(p, promised, keep);
	good = (rc == RC_OK) == (brute(p, NULL, newest).hops > 0);
	if (rc == RC_OK) {
		good = good && brute(p, keep, newest).hops > 0;
		for (uint64_t t = since; good && t < 300; t++) {
			uint64_t end = state_at(p, NULL, t, &before);

			if (!before)
				continue;
			good = state_at(p, keep, t, &after) == end && after;
		}
		/* Of those kept, each is the only one to its END. */
		for (size_t i = 1; good && i < p->n; i++)
			good = !keep[i] || !keep[i - 1] ||
			       p->s[i].key.end != p->s[i - 1].key.end;
	}
	plan_solve(p);
	free(promised);
	free(keep);
	return good;
}

static bool
groups_right(const struct plan_groups *g, const struct plan_path *path)
{
	for (size_t k = 0; k < g->n; k++)
		if (g->cut[k] >= g->cut[k + 1])
			return false;
	return g->n > 0 && g->cut[0] == 0 && g->cut[g->n] == path->n;
}

static bool
merges_right(const struct plan *p)
{
	struct plan_groups g;
	struct plan_path path;
	uint64_t end;
	uint32_t last = plan_newest(p, &end);
	bool good = true;

	if (last == PLAN_NONE)
		return true;
	plan_path_to(p, last, &path);
	plan_log(&path, &g);
	good = good && groups_right(&g, &path);
	plan_groups_release(&g);
	for (size_t most = 1; most < 6; most++) {
		plan_levels(p, &path, most, &g);
		good = good && groups_right(&g, &path) && g.n <= most;
		if (path.n <= most)
			good = good && g.n == path.n;
		plan_groups_release(&g);
	}
	plan_path_release(&path);
	return good;
}

struct covered {
	bool frame[FRAMES + 50];
	bool wrong;
};

static void
on_gap(void *arg, uint64_t first, uint64_t last)
{
	struct covered *c = arg;

	for (uint64_t f = first; f <= last; f++) {
		c->wrong = c->wrong || c->frame[f];
		c->frame[f] = true;
	}
}

static bool
gaps_right(const struct plan *p)
{
	struct covered c = {0};
	uint64_t end = p->s[p->n - 1].key.end;

	for (size_t i = 0; i < p->n; i++)
		for (uint64_t f = p->s[i].key.start; f <= p->s[i].key.end; f++)
			c.frame[f] = true;
	plan_gaps(p, end, on_gap, &c);
	for (uint64_t f = 1; f <= end; f++)
		c.wrong = c.wrong || !c.frame[f];
	return !c.wrong;
}

/* TIMEs as a clock leaves them that was set wrong. */
static void
test_clock(void)
{
	static const struct {
		const char *what;
		struct key key[4];
		size_t n, ahead;
		uint64_t furthest, before;
		uint32_t fall;
	} t[] = {
	    {"in order", {{1, 2, 10}, {3, 4, 20}, {5, 6, 30}}, 3, 0, 0, 0,
		PLAN_NONE},
	    {"the same TIME twice", {{1, 2, 10}, {3, 4, 10}}, 2, 0, 0, 0,
		PLAN_NONE},
	    {"now is not ahead", {{1, 2, 50}, {3, 4, 51}}, 2, 1, 51, 0,
		PLAN_NONE},
	    {"far ahead", {{1, 2, 90}, {3, 4, 95}, {5, 6, 95}}, 3, 3, 95, 0,
		PLAN_NONE},
	    {"a glitch", {{1, 2, 10}, {3, 4, 90}, {5, 6, 20}, {7, 8, 30}}, 4, 1,
		90, 90, 2},
	    {"set back", {{1, 2, 40}, {3, 4, 30}}, 2, 0, 0, 40, 1},
	    {"one END with two TIMEs", {{1, 4, 10}, {1, 4, 20}, {3, 4, 15}}, 3,
		0, 0, 0, PLAN_NONE},
	    {"below the greater of them", {{1, 4, 10}, {1, 4, 20}, {5, 6, 15}},
		3, 0, 0, 20, 2},
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct plan p = {0};
		struct plan_clock c;

		for (size_t k = 0; k < t[i].n; k++)
			plan_add(&p, &t[i].key[k], 1, 1);
		plan_solve(&p);
		c = plan_clock(&p, 50);
		ok(c.ahead == t[i].ahead && c.furthest == t[i].furthest &&
			c.fall == t[i].fall && c.before == t[i].before,
		    "TIMEs: %s", t[i].what);
		plan_release(&p);
	}
}

int
main(int argc, char **argv)
{
	unsigned states = 0, times = 0, keeps = 0, merges = 0, gaps = 0;

	(void)argc;
	msg_init(argv[0]);
	for (int i = 0; i < HISTORIES; i++) {
		struct plan p = {0};

		random_plan(&p);
		states += states_right(&p);
		times += times_right(&p);
		keeps += keep_right(&p, rnd(130)) && keep_right(&p, 0) &&
			 keep_right(&p, 1000);
		merges += merges_right(&p);
		gaps += gaps_right(&p);
		plan_release(&p);
	}
	ok(states == HISTORIES, "%u of %d: the best chain to each state",
	    states, HISTORIES);
	ok(times == HISTORIES, "%u of %d: the state of each moment", times,
	    HISTORIES);
	ok(keeps == HISTORIES, "%u of %d: what is promised stays, no more",
	    keeps, HISTORIES);
	ok(merges == HISTORIES, "%u of %d: sets to merge", merges, HISTORIES);
	ok(gaps == HISTORIES, "%u of %d: gaps", gaps, HISTORIES);
	test_clock();
	return tap_done();
}
