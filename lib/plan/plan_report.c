/* plan_report: see plan_report.h. */

#include <inttypes.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/number.h"
#include "base/time.h"
#include "plan/plan_report.h"

/* ---- what is missing ---- */

struct gaps {
	struct buf text;
	unsigned n;
	uint64_t first, last; /* of the first one */
};

static void
name_gap(void *arg, uint64_t first, uint64_t last)
{
	struct gaps *g = arg;

	if (++g->n == 1) {
		g->first = first;
		g->last = last;
	}
	if (g->n > 10)
		return; /* enough to see what is wrong */
	buf_adds(&g->text, g->n > 1 ? ", " : "");
	if (first == last)
		buf_addf(&g->text, "%" PRIu64, first);
	else
		buf_addf(&g->text, "%" PRIu64 "-%" PRIu64, first, last);
}

enum rc
plan_say_missing(const struct plan *p, const char *namespace, uint64_t end)
{
	struct gaps g = {0};
	uint32_t reached = plan_furthest(p, end, UINT64_MAX);
	uint64_t frame = reached == PLAN_NONE ? 0 : p->s[reached].key.end;
	char text[FRAMES_TEXT_MAX];

	plan_gaps(p, end, name_gap, &g);
	if (g.n == 1)
		msg_fail(RC_DATA, "%s: %s", namespace,
		    frames_missing(g.first, g.last, text));
	else if (g.n > 0)
		msg_fail(RC_DATA, "%s: frames %s%s are missing", namespace,
		    g.text.data, g.n > 10 ? ", ..." : "");
	else
		msg_fail(RC_DATA,
		    "%s: no segments lead from frame %" PRIu64
		    " to frame %" PRIu64 " without an overlap",
		    namespace, frame, end);
	buf_release(&g.text);
	return RC_DATA;
}

void
plan_say_clock(const struct plan *p, const char *namespace, uint64_t now)
{
	struct plan_clock c = plan_clock(p, now);
	char text[TIME_TEXT_MAX], before[TIME_TEXT_MAX];

	if (c.ahead > 0)
		msg_warn("%s: %zu of %zu segment%s with a TIME ahead of the"
			 " clock, up to %s",
		    namespace, c.ahead, p->n, number_s(p->n),
		    time_text(c.furthest, text));
	if (c.fall != PLAN_NONE)
		msg_warn("%s: TIMEs fall while END rises: at frame %" PRIu64
			 " from %s to %s",
		    namespace, p->s[c.fall].key.end,
		    time_text(c.before, before),
		    time_text(p->s[c.fall].key.time, text));
}

enum rc
plan_say_no_time(const struct plan *p, const char *namespace)
{
	char text[TIME_TEXT_MAX];
	uint64_t oldest = UINT64_MAX;

	for (size_t i = 0; i < p->n; i++)
		if (p->s[i].key.time < oldest)
			oldest = p->s[i].key.time;
	return msg_fail(RC_DATA,
	    "%s: no state is that old: the oldest is of %s", namespace,
	    time_text(oldest, text));
}

enum rc
plan_say_no_frame(const struct plan *p, const char *namespace, uint64_t frame)
{
	uint64_t below = 0, above = 0;

	for (size_t i = 0; i < p->n; i++) {
		if (p->s[i].key.end < frame)
			below = p->s[i].key.end;
		else if (!above)
			above = p->s[i].key.end;
	}
	if (!above || !below)
		return msg_fail(RC_DATA,
		    "%s: no segment ends at frame %" PRIu64
		    ": the %s one is %" PRIu64,
		    namespace, frame, above ? "first" : "last",
		    above ? above : below);
	return msg_fail(RC_DATA,
	    "%s: no segment ends at frame %" PRIu64
	    ": the next ones are %" PRIu64 " and %" PRIu64,
	    namespace, frame, below, above);
}

/* ---- what is there ---- */

static void
print_times(const struct plan *plan)
{
	uint64_t oldest = UINT64_MAX, newest = 0;
	char a[TIME_TEXT_MAX], b[TIME_TEXT_MAX];

	for (size_t i = 0; i < plan->n; i++) {
		uint64_t t = plan->s[i].key.time;

		oldest = t < oldest ? t : oldest;
		newest = t > newest ? t : newest;
	}
	printf("  times      %s to %s\n", time_text(oldest, a),
	    time_text(newest, b));
}

static void
print_bytes(const struct plan *plan)
{
	uint64_t bytes = 0, unknown = 0;

	for (size_t i = 0; i < plan->n; i++)
		if (plan->s[i].bytes == UINT64_MAX)
			unknown++;
		else
			bytes += plan->s[i].bytes;
	printf("  bytes      %" PRIu64, bytes);
	if (unknown)
		printf(" and those of %" PRIu64 " segment%s of unknown size",
		    unknown, number_s(unknown));
	printf("\n");
}

static void
print_gap(void *arg, uint64_t first, uint64_t last)
{
	char text[FRAMES_TEXT_MAX];
	unsigned *n = arg;

	++*n;
	printf("  gap        %s\n", frames_missing(first, last, text));
}

/*
 * Overlaps that no merge explains, and forks.  A merge ends with one of its
 * parts and begins with one: a segment that another overlaps in part is none.
 */
static void
print_overlaps(const struct plan *plan)
{
	const struct key *wide = NULL;

	for (size_t i = plan->n; i-- > 0;) {
		const struct key *k = &plan->s[i].key;

		if (wide && k->start < wide->start && k->end >= wide->start &&
		    k->end < wide->end)
			printf("  overlap    %" PRIu64 "-%" PRIu64
			       " and %" PRIu64 "-%" PRIu64 "\n",
			    k->start, k->end, wide->start, wide->end);
		if (!wide || k->start < wide->start)
			wide = k;
		if (i > 0 && plan->s[i - 1].key.end == k->end &&
		    plan->s[i - 1].key.time != k->time)
			printf("  fork       two states of frame %" PRIu64
			       " with different times\n",
			    k->end);
	}
}

static void
print_restore(const struct plan *plan)
{
	uint64_t end;
	uint32_t last = plan_newest(plan, &end);
	struct plan_path path;
	bool unknown = false;

	if (last == PLAN_NONE) {
		last = plan_furthest(plan, UINT64_MAX, UINT64_MAX);
		if (last == PLAN_NONE)
			printf("  restore    of no state is possible\n");
		else
			printf("  restore    goes only up to frame %" PRIu64
			       "\n",
			    plan->s[last].key.end);
		return;
	}
	plan_path_to(plan, last, &path);
	for (size_t i = 0; i < path.n; i++)
		unknown |= plan->s[path.i[i]].bytes == UINT64_MAX;
	printf("  restore    %zu segment%s, %" PRIu64
	       " byte%s%s, %zu requests\n",
	    path.n, number_s(path.n), plan->s[last].total,
	    number_s(plan->s[last].total), unknown ? " known" : "", 2 * path.n);
	plan_path_release(&path);
}

void
plan_print_analysis(const struct plan *plan, const char *namespace)
{
	uint64_t first = UINT64_MAX, end = plan->s[plan->n - 1].key.end;
	unsigned gaps = 0;

	for (size_t i = 0; i < plan->n; i++)
		if (plan->s[i].key.start < first)
			first = plan->s[i].key.start;
	printf("%s\n", namespace);
	printf("  segments   %zu\n", plan->n);
	printf("  frames     %" PRIu64 "-%" PRIu64 "\n", first, end);
	print_times(plan);
	print_bytes(plan);
	print_restore(plan);
	plan_gaps(plan, end, print_gap, &gaps);
	print_overlaps(plan);
}

/* Of n segments, some of them perhaps of unknown size. */
static void
print_objects(size_t n, uint64_t bytes, bool unknown)
{
	printf("%zu segment%s, %zu objects, %" PRIu64 " byte%s%s\n", n,
	    number_s(n), 2 * n, bytes, number_s(bytes),
	    unknown ? " known" : "");
}

void
plan_print_keep(const struct plan *plan, const bool *promised, const bool *keep)
{
	uint64_t bytes[2] = {0};
	size_t n[2] = {0}, states = 0;
	bool unknown = false;

	for (size_t i = 0; i < plan->n; i++) {
		uint64_t b = plan->s[i].bytes;

		unknown = unknown || b == UINT64_MAX;
		bytes[keep[i]] += b == UINT64_MAX ? 0 : b;
		n[keep[i]]++;
		states += promised[i] && plan->s[i].best != PLAN_NONE;
	}
	printf("  keep       %zu state%s, with ", states, number_s(states));
	print_objects(n[1], bytes[1], unknown);
	printf("  obsolete   ");
	print_objects(n[0], bytes[0], unknown);
}
