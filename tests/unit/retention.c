/*
 * Retention by calendar against brute force, on random histories: which states
 * are promised, that they stay, that nothing more could go; and that merging by
 * it leaves as many segments as states.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/time.h"
#include "plan/retention.h"
#include "tap.h"

enum { MOST = 40, HISTORIES = 1500 };

static uint64_t seed = 7;

static uint64_t
rnd(uint64_t n)
{
	seed = seed * 6364136223846793005 + 1442695040888963407;
	return (seed >> 20) % n; /* years, in milliseconds */
}

/* Cuts over hours, days or years, and merges of neighbours; TIMEs that fall now
 * and then, and now and then a segment that is gone. */
static void
random_plan(struct plan *p, bool clean)
{
	static const uint64_t steps[] = {600000, 3600000, 7 * 3600000, 86400000,
	    5 * 86400000ull, 40 * 86400000ull, 380 * 86400000ull};
	uint64_t step = steps[rnd(7)], border[MOST + 1] = {0};
	uint64_t time[MOST + 1] = {rnd(3000) * 86400000};
	size_t n = 1 + rnd(MOST);

	for (size_t i = 1; i <= n; i++) {
		border[i] = border[i - 1] + 1 + rnd(5);
		time[i] = time[i - 1] + rnd(2 * step);
		if (!clean && rnd(12) == 0)
			time[i] -= rnd(step);
	}
	for (size_t i = 1; i <= n; i++) {
		struct key k = {border[i - 1] + 1, border[i], time[i]};

		if (clean || rnd(8) > 0)
			plan_add(p, &k, 1 + rnd(50), 1);
		for (unsigned m = clean ? 0 : (unsigned)rnd(3); m > 0; m--) {
			k.start = border[rnd(i)] + 1;
			plan_add(p, &k, 1 + rnd(50), 1);
		}
	}
	if (p->n == 0)
		plan_add(p, &(struct key){1, border[1], time[1]}, 1, 1);
	plan_solve(p);
}

/* The least TIME with which border can be restored out of in; UINT64_MAX: it
 * cannot. */
static uint64_t
state_time(const struct plan *p, const bool *in, uint64_t border)
{
	static bool reached[MOST * 8];
	uint64_t least = UINT64_MAX;

	memset(reached, 0, sizeof(reached));
	reached[0] = true;
	for (size_t i = 0; i < p->n; i++) {
		const struct key *k = &p->s[i].key;

		if ((in && !in[i]) || !reached[k->start - 1])
			continue;
		reached[k->end] = true;
		if (k->end == border && k->time < least)
			least = k->time;
	}
	return least;
}

/* The period in words, by the C library's calendar. */
static void
name_period(uint64_t ms, char unit, char text[64])
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(text, 64,
	    unit == 'h'   ? "%Y %m %d %H"
	    : unit == 'd' ? "%Y %m %d"
	    : unit == 'w' ? "%G %V"
	    : unit == 'm' ? "%Y %m"
			  : "%Y",
	    &tm);
}

/* Of each of the n last periods the state with the greatest END. */
static void
brute_unit(const struct plan *p, char unit, uint64_t n, bool *promised)
{
	char(*name)[64] = xcalloc(p->n, 64), last[64] = "";

	for (size_t i = 0; i < p->n; i++) {
		uint64_t t = state_time(p, NULL, p->s[i].key.end);

		if (t != UINT64_MAX)
			name_period(t, unit, name[i]);
	}
	for (; n > 0; n--) {
		char best[64] = "";
		size_t at = 0;

		for (size_t i = 0; i < p->n; i++)
			if (strcmp(name[i], best) >= 0 && name[i][0] &&
			    (!last[0] || strcmp(name[i], last) < 0)) {
				strcpy(best, name[i]);
				at = i;
			}
		if (!best[0])
			break;
		promised[at] = true;
		strcpy(last, best);
	}
	free(name);
}

static void
random_policy(struct retention *r, char text[64])
{
	static const char unit[] = "hdwmy";
	size_t len = 0;

	for (unsigned u = 0; u < 5; u++)
		if (rnd(2) || (u == 4 && len == 0))
			len += (size_t)snprintf(text + len, 64 - len, "%s%u%c",
			    len ? "," : "", (unsigned)(1 + rnd(6)), unit[u]);
	if (!retention_parse(r, text))
		abort();
}

static bool
promises_right(const struct plan *p, const struct retention *r)
{
	bool *is = xcalloc(p->n, 1), *want = xcalloc(p->n, 1), good;

	retention_promise(r, p, is);
	for (unsigned u = 0; u < 5; u++)
		brute_unit(p, "hdwmy"[u], r -> keep[u], want);
	good = memcmp(is, want, p->n) == 0;
	free(is);
	free(want);
	return good;
}

/* Is each promised state in what is kept as it was before? */
static bool
all_there(const struct plan *p, const bool *promised, const bool *keep)
{
	for (size_t i = 0; i < p->n; i++)
		if (promised[i] && state_time(p, keep, p->s[i].key.end) !=
				       state_time(p, NULL, p->s[i].key.end))
			return false;
	return true;
}

/* What is promised stays, and none of what stays could go. */
static bool
keeps_right(struct plan *p, const struct retention *r, uint64_t since)
{
	bool *promised = xcalloc(p->n, 1), *keep = xcalloc(p->n, 1);
	bool good = true;

	plan_promise_since(p, since, promised);
	retention_promise(r, p, promised);
	if (plan_keep(p, promised, keep) == RC_OK) {
		good = all_there(p, promised, keep);
		for (size_t i = 0; good && i < p->n; i++) {
			if (!keep[i])
				continue;
			keep[i] = false;
			good = !all_there(p, promised, keep);
			keep[i] = true;
		}
	}
	free(promised);
	free(keep);
	return good;
}

/* Merge each group, as seg-merge would. */
static void
merge_groups(
    struct plan *p, const struct plan_path *path, const struct plan_groups *g)
{
	for (size_t k = 0; k < g->n; k++) {
		struct key key = p->s[path->i[g->cut[k + 1] - 1]].key;

		key.start = p->s[path->i[g->cut[k]]].key.start;
		plan_add(p, &key, 1, 1);
	}
}

static bool
merging_right(struct plan *p, const struct retention *r, uint64_t since)
{
	struct plan_path path;
	struct plan_groups g;
	size_t states = 0, kept = 0, sets;
	bool *promised, *keep, good;

	for (int round = 0; round < 2; round++) {
		promised = xcalloc(p->n, 1);
		plan_promise_since(p, since, promised);
		retention_promise(r, p, promised);
		plan_between(p, promised, &path, &g);
		sets = g.n;
		if (round == 0)
			merge_groups(p, &path, &g);
		plan_groups_release(&g);
		plan_path_release(&path);
		free(promised);
		plan_solve(p);
	}
	promised = xcalloc(p->n, 1);
	keep = xcalloc(p->n, 1);
	plan_promise_since(p, since, promised);
	retention_promise(r, p, promised);
	good = plan_keep(p, promised, keep) == RC_OK && sets == 0;
	for (size_t i = 0; i < p->n; i++) {
		states += promised[i];
		kept += keep[i];
	}
	free(promised);
	free(keep);
	return good && states == kept;
}

static void
test_parse(void)
{
	static const char *const bad[] = {"", "h", "0h", "24", "24x", "24h,",
	    ",24h", "24h 7d", "24h,7d,2h", "-1d", "+1d", "1 d", "1dd",
	    "99999999999999999999d"};
	struct retention r;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(!retention_parse(&r, bad[i]), "no policy: \"%s\"", bad[i]);
	ok(retention_parse(&r, "3y,24h,5w") && r.keep[0] == 24 &&
		r.keep[1] == 0 && r.keep[2] == 5 && r.keep[3] == 0 &&
		r.keep[4] == 3,
	    "3y,24h,5w");
}

/* A time on a border belongs to the later day; a clock that falls does not hide
 * the greatest END. */
static void
test_borders(void)
{
	static const char *const times[] = {"2026-11-29T23:59:59.999Z",
	    "2026-11-30T00:00:00Z", "2026-11-30T12:00:00Z",
	    "2026-11-30T11:00:00Z"};
	struct plan p = {0};
	struct retention r;
	bool promised[4] = {0};

	for (uint64_t i = 0; i < 4; i++) {
		struct key k = {i + 1, i + 1, 0};

		time_parse(times[i], &k.time);
		plan_add(&p, &k, 1, 1);
	}
	plan_solve(&p);
	retention_parse(&r, "5w");
	retention_promise(&r, &p, promised);
	ok(promised[0] && !promised[1] && !promised[2] && promised[3],
	    "a week ends on Sunday, and its newest END counts");
	plan_release(&p);
}

int
main(int argc, char **argv)
{
	unsigned promises = 0, keeps = 0, merges = 0;

	(void)argc;
	msg_init(argv[0]);
	test_parse();
	test_borders();
	for (int i = 0; i < HISTORIES; i++) {
		struct plan p = {0};
		struct retention r;
		char text[64];
		uint64_t since;

		random_policy(&r, text);
		random_plan(&p, false);
		since = rnd(4) ? UINT64_MAX - 1 : p.s[rnd(p.n)].key.time;
		promises += promises_right(&p, &r);
		keeps += keeps_right(&p, &r, since);
		plan_release(&p);
		random_plan(&p, true);
		merges += merging_right(&p, &r, UINT64_MAX - 1);
		plan_release(&p);
	}
	ok(promises == HISTORIES, "%u of %d: the states of a calendar",
	    promises, HISTORIES);
	ok(keeps == HISTORIES, "%u of %d: they stay, and nothing more", keeps,
	    HISTORIES);
	ok(merges == HISTORIES,
	    "%u of %d: after merging as many segments as states", merges,
	    HISTORIES);
	return tap_done();
}
