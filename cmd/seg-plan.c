/*
 * seg-plan: which segments to take: to restore a state, to merge, or to
 * retire.  Reads sets of names, one namespace each, and prints plans.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/time.h"
#include "cli/cli.h"
#include "cli/sets.h"
#include "work/plan.h"

static const char usage[] =
    "usage: seg-plan [-beJqv] [-f FRAME | -t TIME]\n"
    "                [-c STRATEGY [-T N] | -x [-o AGE] | -a] [NAME ...]\n"
    "  -f, --frame FRAME     up to exactly that frame\n"
    "  -t, --time TIME       the newest state not after TIME\n"
    "  -b, --best-effort     where frames are missing, the furthest state\n"
    "  -c, --compact HOW     the sets to merge: all, log, levels[:N]\n"
    "  -T, --threshold N     nothing unless the plan has more than N segments\n"
    "  -x, --obsolete        the segments that no promised restore needs\n"
    "  -o, --older-than AGE  moments younger than AGE are promised (24h)\n"
    "  -a, --analyze         what is there and how a restore would go\n"
    "  -e, --eof-ends-set    the whole input is one set\n"
    "  -J, --json            one JSON object a line\n"
    "  -v, -q                say more, less\n"
    "  -h, --help; -V, --version\n";

enum strategy { NO_STRATEGY, ALL, LOG, LEVELS };

struct planner {
	struct cli cli;
	/* Options. */
	bool by_frame, by_time, best_effort, obsolete, analyze;
	uint64_t frame, time, age, threshold, levels;
	enum strategy strategy;
	/* The set. */
	char namespace[NAMESPACE_MAX + 1];
	struct plan plan;
};

/* ---- the set ---- */

static enum rc
take_record(void *ctx, const struct rec *rec)
{
	struct planner *p = ctx;

	if (p->plan.n == 0)
		strcpy(p->namespace, rec->name.namespace);
	else if (strcmp(p->namespace, rec->name.namespace) != 0)
		return msg_fail(RC_DATA, "two namespaces in one set: %s and %s",
		    p->namespace, rec->name.namespace);
	if (p->plan.n == UINT32_MAX - 1)
		return msg_fail(RC_DATA, "%s: too many segments", p->namespace);
	plan_add(&p->plan, &rec->name.key, rec->bytes, rec->pages);
	return RC_OK;
}

static void
forget_set(void *ctx)
{
	struct planner *p = ctx;

	plan_release(&p->plan);
}

static enum rc
print_segment(struct planner *p, uint32_t i)
{
	const struct plan_segment *s = &p->plan.s[i];
	struct rec rec = {.name.key = s->key, .bytes = s->bytes};

	strcpy(rec.name.namespace, p->namespace);
	rec.pages = s->pages == UINT32_MAX ? REC_UNKNOWN : s->pages;
	return rec_write(&p->cli.out, &rec);
}

/* ---- what is missing ---- */

struct gaps {
	struct buf text;
	unsigned n;
};

static void
name_gap(void *arg, uint64_t first, uint64_t last)
{
	struct gaps *g = arg;

	if (++g->n > 10)
		return; /* enough to see what is wrong */
	buf_adds(&g->text, g->n > 1 ? ", " : "");
	if (first == last)
		buf_addf(&g->text, "%" PRIu64, first);
	else
		buf_addf(&g->text, "%" PRIu64 "-%" PRIu64, first, last);
}

/* The best path to end, the frame that is wanted, is missing: say why. */
static enum rc
say_missing(struct planner *p, uint64_t end)
{
	struct gaps g = {0};
	uint32_t reached = plan_furthest(&p->plan, end, UINT64_MAX);
	uint64_t frame = reached == PLAN_NONE ? 0 : p->plan.s[reached].key.end;

	plan_gaps(&p->plan, end, name_gap, &g);
	if (g.n > 0)
		msg_fail(RC_DATA, "%s: frames %s%s are missing", p->namespace,
		    g.text.data, g.n > 10 ? ", ..." : "");
	else
		msg_fail(RC_DATA,
		    "%s: no segments lead from frame %" PRIu64
		    " to frame %" PRIu64 " without an overlap",
		    p->namespace, frame, end);
	buf_release(&g.text);
	return RC_DATA;
}

/* No segment ends where the options ask. */
static enum rc
say_no_state(struct planner *p)
{
	const struct plan *plan = &p->plan;
	char text[TIME_TEXT_MAX];
	uint64_t below = 0, above = 0, oldest = UINT64_MAX;

	for (size_t i = 0; i < plan->n; i++) {
		const struct key *k = &plan->s[i].key;

		if (k->end < p->frame)
			below = k->end;
		else if (!above)
			above = k->end;
		if (k->time < oldest)
			oldest = k->time;
	}
	if (p->by_time)
		return msg_fail(RC_DATA,
		    "%s: no state is that old: the oldest "
		    "is of %s",
		    p->namespace, time_text(oldest, text));
	if (!above)
		return msg_fail(RC_DATA,
		    "%s: no segment ends at frame %" PRIu64
		    ": the last one is %" PRIu64,
		    p->namespace, p->frame, below);
	return msg_fail(RC_DATA,
	    "%s: no segment ends at frame %" PRIu64
	    ": the next ones are %" PRIu64 " and %" PRIu64,
	    p->namespace, p->frame, below, above);
}

/* The state that the options ask for, as the last segment of its plan. */
static enum rc
find_state(struct planner *p, uint32_t *last)
{
	uint64_t end;

	*last = p->by_frame  ? plan_frame(&p->plan, p->frame, &end)
		: p->by_time ? plan_time(&p->plan, p->time, &end)
			     : plan_newest(&p->plan, &end);
	if (*last != PLAN_NONE)
		return RC_OK;
	if (p->best_effort) {
		*last =
		    plan_furthest(&p->plan, p->by_frame ? p->frame : UINT64_MAX,
			p->by_time ? p->time : UINT64_MAX);
		if (*last != PLAN_NONE) {
			const struct key *k = &p->plan.s[*last].key;
			char text[TIME_TEXT_MAX];

			msg_warn("%s: the furthest state is frame %" PRIu64
				 ", of %s",
			    p->namespace, k->end, time_text(k->time, text));
			return RC_OK;
		}
	}
	return end ? say_missing(p, end) : say_no_state(p);
}

/* ---- what is printed ---- */

static enum rc
print_path(struct planner *p, const struct plan_path *path)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < path->n; i++)
		rc = print_segment(p, path->i[i]);
	return rc == RC_OK ? rec_end(&p->cli.out, false) : rc;
}

static enum rc
print_groups(struct planner *p, const struct plan_path *path,
    const struct plan_groups *g)
{
	bool any = false;
	enum rc rc = RC_OK;

	for (size_t k = 0; rc == RC_OK && k < g->n; k++) {
		if (g->cut[k + 1] - g->cut[k] < 2)
			continue;
		any = true;
		for (size_t i = g->cut[k]; rc == RC_OK && i < g->cut[k + 1];
		     i++)
			rc = print_segment(p, path->i[i]);
		if (rc == RC_OK)
			rc = rec_end(&p->cli.out, false);
	}
	if (rc == RC_OK && !any)
		rc = rec_end(&p->cli.out, false);
	return rc;
}

static enum rc
print_sets_to_merge(struct planner *p, const struct plan_path *path)
{
	struct plan_groups g = {0};
	enum rc rc;

	if (path->n <= p->threshold)
		return rec_end(&p->cli.out, false);
	switch (p->strategy) {
	case LOG:
		plan_log(path, &g);
		break;
	case LEVELS:
		plan_levels(&p->plan, path, (size_t)p->levels, &g);
		break;
	case ALL:
	case NO_STRATEGY:
		plan_all(path, &g);
		break;
	}
	rc = print_groups(p, path, &g);
	plan_groups_release(&g);
	return rc;
}

static enum rc
print_obsolete(struct planner *p)
{
	uint64_t now = time_now(), end;
	bool *keep = xcalloc(p->plan.n, sizeof(*keep));
	enum rc rc;

	rc = plan_keep(&p->plan, p->age < now ? now - p->age : 0, keep);
	if (rc == RC_ABSENT) {
		(void)plan_newest(&p->plan, &end);
		rc = say_missing(p, end);
	}
	for (size_t i = 0; rc == RC_OK && i < p->plan.n; i++)
		if (!keep[i])
			rc = print_segment(p, (uint32_t)i);
	free(keep);
	return rc == RC_OK ? rec_end(&p->cli.out, false) : rc;
}

/* ---- -a ---- */

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
		printf(" and those of %" PRIu64 " segments of unknown size",
		    unknown);
	printf("\n");
}

static void
print_gap(void *arg, uint64_t first, uint64_t last)
{
	unsigned *n = arg;

	++*n;
	printf("  gap        frames %" PRIu64 "-%" PRIu64 " are missing\n",
	    first, last);
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
	printf("  restore    %zu segments, %" PRIu64 " bytes, %zu requests\n",
	    path.n, plan->s[last].total, 2 * path.n);
	plan_path_release(&path);
}

static enum rc
print_analysis(struct planner *p)
{
	const struct plan *plan = &p->plan;
	uint64_t first = UINT64_MAX, end = plan->s[plan->n - 1].key.end;
	unsigned gaps = 0;

	for (size_t i = 0; i < plan->n; i++)
		if (plan->s[i].key.start < first)
			first = plan->s[i].key.start;
	printf("%s\n", p->namespace);
	printf("  segments   %zu\n", plan->n);
	printf("  frames     %" PRIu64 "-%" PRIu64 "\n", first, end);
	print_times(plan);
	print_bytes(plan);
	print_restore(plan);
	plan_gaps(plan, end, print_gap, &gaps);
	print_overlaps(plan);
	return rec_end(&p->cli.out, false);
}

/* ---- the whole ---- */

/* An empty set is answered by an empty set, and is an error all the same. */
static enum rc
nothing_there(struct planner *p)
{
	p->cli.rc = rc_max(p->cli.rc,
	    msg_fail(RC_DATA, "a set without segments: nothing to plan"));
	return rec_end(&p->cli.out, false);
}

static enum rc
plan_set(void *ctx)
{
	struct planner *p = ctx;
	struct plan_path path = {0};
	uint32_t last;
	enum rc rc;

	if (p->plan.n == 0)
		return nothing_there(p);
	plan_solve(&p->plan);
	if (p->analyze) {
		rc = print_analysis(p);
	} else if (p->obsolete) {
		rc = print_obsolete(p);
	} else {
		rc = find_state(p, &last);
		if (rc == RC_OK) {
			plan_path_to(&p->plan, last, &path);
			rc = p->strategy ? print_sets_to_merge(p, &path)
					 : print_path(p, &path);
		}
		plan_path_release(&path);
	}
	forget_set(p);
	return rc;
}

static void
set_strategy(struct planner *p, const char *text)
{
	if (strcmp(text, "all") == 0) {
		p->strategy = ALL;
	} else if (strcmp(text, "log") == 0) {
		p->strategy = LOG;
	} else if (strncmp(text, "levels", 6) == 0 &&
		   (!text[6] || text[6] == ':')) {
		p->strategy = LEVELS;
		if (text[6])
			p->levels = cli_number(
			    &p->cli, "-c levels", text + 7, 1, 1000000);
	} else {
		cli_usage(&p->cli,
		    "-c: %s is not a strategy: all, log or levels[:N]", text);
	}
}

static void
set_option(struct planner *p, int c)
{
	switch (c) {
	case 'f':
		p->by_frame = true;
		p->frame = cli_number(&p->cli, "-f", optarg, 1, UINT64_MAX);
		break;
	case 't':
		p->by_time = true;
		if (!time_parse(optarg, &p->time))
			cli_usage(&p->cli, "-t: %s is not a time", optarg);
		break;
	case 'b':
		p->best_effort = true;
		break;
	case 'c':
		set_strategy(p, optarg);
		break;
	case 'T':
		p->threshold = cli_number(&p->cli, "-T", optarg, 0, UINT64_MAX);
		break;
	case 'x':
		p->obsolete = true;
		break;
	case 'o':
		if (!time_span(optarg, &p->age))
			cli_usage(&p->cli, "-o: %s is not an age", optarg);
		break;
	default:
		p->analyze = true;
	}
}

static void
check_options(const struct planner *p)
{
	if (p->by_frame && p->by_time)
		cli_usage(&p->cli, "-f and -t do not go together");
	if ((p->strategy != NO_STRATEGY) + p->obsolete + p->analyze > 1)
		cli_usage(&p->cli, "only one of -c, -x and -a");
	if ((p->obsolete || p->analyze) &&
	    (p->by_frame || p->by_time || p->best_effort))
		cli_usage(&p->cli, "-f, -t and -b do not go with -x or -a");
}

int
main(int argc, char **argv)
{
	static const struct option own[] = {
	    {"frame", required_argument, NULL, 'f'},
	    {"time", required_argument, NULL, 't'},
	    {"best-effort", no_argument, NULL, 'b'},
	    {"compact", required_argument, NULL, 'c'},
	    {"threshold", required_argument, NULL, 'T'},
	    {"obsolete", no_argument, NULL, 'x'},
	    {"older-than", required_argument, NULL, 'o'},
	    {"analyze", no_argument, NULL, 'a'},
	    {NULL, 0, NULL, 0},
	};
	static const struct cli_sets sets = {
	    .form = REC_NAMES,
	    .record = take_record,
	    .end = plan_set,
	    .fail = forget_set,
	    .own_ends = true,
	};
	struct planner p = {.age = 24 * 3600000, .levels = 8};
	int c;

	cli_init(&p.cli, argv, usage, "eJ", own);
	while ((c = cli_getopt(&p.cli, argc, argv)) != -1)
		set_option(&p, c);
	check_options(&p);
	cli_each_set(&p.cli, argv + optind, &sets, &p);
	plan_release(&p.plan);
	return cli_exit(&p.cli);
}
