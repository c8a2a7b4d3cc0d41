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
#include "plan/plan.h"
#include "plan/plan_report.h"
#include "plan/retention.h"
#include "restore/standby.h"

static const char synopsis[] =
    "usage: seg-plan [-beJqv] [-f FRAME | -t TIME | -u DB]\n"
    "                [-c STRATEGY [-T N] | -x | -a] [-o AGE] [--keep POLICY]\n"
    "                [NAME ...]\n";

enum { KEEP = CLI_OWN };

static const struct cli_option own[] = {
    {'f', "frame", "FRAME", "up to exactly that frame"},
    {'t', "time", "TIME", "the newest state not after TIME, or -AGE ago"},
    {'u', "update", "DB", "what the copy DB of seg-restore -u lacks"},
    {'b', "best-effort", NULL, "where frames are missing, the furthest state"},
    {'c', "compact", "HOW", "the sets to merge: all, log, levels[:N], keep"},
    {'T', "threshold", "N", "nothing unless the plan has more than N segments"},
    {'x', "obsolete", NULL, "the segments that no promised restore needs"},
    {'o', "older-than", "AGE", "moments younger than AGE are promised (24h)"},
    {KEEP, "keep", "POLICY",
	"promise a calendar's states too: 24h,7d,5w,12m,3y"},
    {'a', "analyze", NULL, "what is there and how a restore would go"},
    {0},
};

enum strategy { NO_STRATEGY, ALL, LOG, LEVELS, CALENDAR };

struct planner {
	struct cli cli;
	/* Options. */
	bool by_frame, by_time, best_effort, obsolete, analyze;
	uint64_t frame, time, age, threshold, levels;
	enum strategy strategy;
	const char *update;    /* -u; or NULL */
	const char *policy;    /* --keep; or NULL */
	struct retention keep; /* what it says */
	/* The set. */
	struct sole_namespace sole;
	struct plan plan;
};

/* ---- the set ---- */

static enum rc
take_record(void *ctx, const struct rec *rec)
{
	struct planner *p = ctx;
	enum rc rc = sole_namespace_take(&p->sole, rec);

	if (rc)
		return rc;
	if (p->plan.n == UINT32_MAX - 1)
		return msg_fail(RC_DATA, "%s: too many segments", p->sole.text);
	plan_add(&p->plan, &rec->name.key, rec->bytes, rec->pages);
	return RC_OK;
}

static void
forget_set(void *ctx)
{
	struct planner *p = ctx;

	plan_release(&p->plan);
	p->sole = (struct sole_namespace){0};
}

static enum rc
print_segment(struct planner *p, uint32_t i)
{
	const struct chain_segment *s = &p->plan.s[i];
	struct rec rec = {.bytes = s->bytes};

	name_set(&rec.name, p->sole.text, &s->key);
	rec.pages = s->pages == UINT32_MAX ? REC_UNKNOWN : s->pages;
	return rec_write(&p->cli.out, &rec);
}

/* ---- which state ---- */

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
			    p->sole.text, k->end, time_text(k->time, text));
			return RC_OK;
		}
	}
	if (end)
		return plan_say_missing(&p->plan, p->sole.text, end);
	return p->by_time ? plan_say_no_time(&p->plan, p->sole.text)
			  : plan_say_no_frame(&p->plan, p->sole.text, p->frame);
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

	switch (p->strategy) {
	case LOG:
		plan_log(path, &g);
		break;
	case LEVELS:
		plan_levels(&p->plan, path, (size_t)p->levels, &g);
		break;
	default:
		plan_all(path, &g);
		break;
	}
	rc = print_groups(p, path, &g);
	plan_groups_release(&g);
	return rc;
}

/* ---- what is promised ---- */

/* The states that -o and --keep promise; malloced. */
static bool *
promised_states(const struct planner *p)
{
	uint64_t now = time_now();
	bool *promised = xcalloc(p->plan.n, sizeof(*promised));

	plan_promise_since(&p->plan, p->age < now ? now - p->age : 0, promised);
	if (p->policy)
		retention_promise(&p->keep, &p->plan, promised);
	return promised;
}

static enum rc
print_sets_to_keep(struct planner *p)
{
	bool *promised = promised_states(p);
	struct plan_path path;
	struct plan_groups g;
	enum rc rc;

	plan_between(&p->plan, promised, &path, &g);
	rc = print_groups(p, &path, &g);
	plan_groups_release(&g);
	plan_path_release(&path);
	free(promised);
	return rc;
}

static enum rc
print_obsolete(struct planner *p)
{
	bool *promised = promised_states(p);
	bool *keep = xcalloc(p->plan.n, sizeof(*keep));
	uint64_t end;
	enum rc rc;

	rc = plan_keep(&p->plan, promised, keep);
	if (rc == RC_ABSENT) {
		(void)plan_newest(&p->plan, &end);
		rc = plan_say_missing(&p->plan, p->sole.text, end);
	}
	for (size_t i = 0; rc == RC_OK && i < p->plan.n; i++)
		if (!keep[i])
			rc = print_segment(p, (uint32_t)i);
	free(promised);
	free(keep);
	return rc == RC_OK ? rec_end(&p->cli.out, false) : rc;
}

static enum rc
print_analysis(struct planner *p)
{
	bool *promised, *keep;

	plan_print_analysis(&p->plan, p->sole.text);
	if (p->policy) {
		promised = promised_states(p);
		keep = xcalloc(p->plan.n, sizeof(*keep));
		if (plan_keep(&p->plan, promised, keep) == RC_OK)
			plan_print_keep(&p->plan, promised, keep);
		free(promised);
		free(keep);
	}
	return rec_end(&p->cli.out, false);
}

/* ---- what a copy lacks ---- */

/* From which frame on the copy lacks: its END, if that is still a segment's
 * and a chain leads on from there; else 0. */
static enum rc
find_copy(struct planner *p, uint64_t *from)
{
	struct standby copy;
	const char *why;
	uint64_t end;
	enum rc rc = standby_read(p->update, &copy, &why);

	*from = 0;
	if (rc == RC_ABSENT)
		return RC_OK;
	if (rc)
		return rc;
	if (!why && strcmp(copy.namespace, p->sole.text) != 0)
		return msg_fail(RC_DATA, "%s: a copy of %s, not of %s",
		    p->update, copy.namespace, p->sole.text);
	if (!why && !plan_has_state(&p->plan, copy.end, copy.time))
		why = "no segment has its END and TIME any more";
	if (!why) {
		p->plan.from = copy.end;
		plan_solve(&p->plan);
		if (plan_newest(&p->plan, &end) == PLAN_NONE && end != copy.end)
			why = "no segments lead on from its END";
		p->plan.from = 0;
	}
	if (why)
		msg_warn("%s: %s: all is planned", p->update, why);
	else
		*from = copy.end;
	return RC_OK;
}

static enum rc
print_update(struct planner *p)
{
	struct plan_path path = {0};
	uint64_t end;
	uint32_t last;
	enum rc rc = find_copy(p, &p->plan.from);

	if (rc)
		return rc;
	plan_solve(&p->plan);
	last = plan_newest(&p->plan, &end);
	if (last == PLAN_NONE && end != p->plan.from)
		rc = plan_say_missing(&p->plan, p->sole.text, end);
	if (last != PLAN_NONE)
		plan_path_to(&p->plan, last, &path);
	if (rc == RC_OK)
		rc = print_path(p, &path);
	plan_path_release(&path);
	return rc;
}

/* ---- the whole ---- */

/* An empty set is an error, and all the same answered by an empty set; but not
 * with -u, where that means that nothing is new. */
static enum rc
nothing_there(struct planner *p)
{
	enum rc rc =
	    msg_fail(RC_DATA, "a set without segments: nothing to plan");

	if (p->update)
		return rc;
	p->cli.rc = rc_max(p->cli.rc, rc);
	return rec_end(&p->cli.out, false);
}

static enum rc
print_plan(struct planner *p)
{
	struct plan_path path = {0};
	uint32_t last;
	enum rc rc = find_state(p, &last);

	if (rc)
		return rc;
	plan_path_to(&p->plan, last, &path);
	if (!p->strategy)
		rc = print_path(p, &path);
	else if (path.n <= p->threshold)
		rc = rec_end(&p->cli.out, false);
	else if (p->strategy == CALENDAR)
		rc = print_sets_to_keep(p);
	else
		rc = print_sets_to_merge(p, &path);
	plan_path_release(&path);
	return rc;
}

static enum rc
plan_set(void *ctx)
{
	struct planner *p = ctx;
	enum rc rc;

	if (p->plan.n == 0)
		return nothing_there(p);
	plan_solve(&p->plan);
	if (p->by_time || p->analyze)
		plan_say_clock(&p->plan, p->sole.text, time_now());
	if (p->analyze)
		rc = print_analysis(p);
	else if (p->obsolete)
		rc = print_obsolete(p);
	else if (p->update)
		rc = print_update(p);
	else
		rc = print_plan(p);
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
	} else if (strcmp(text, "keep") == 0) {
		p->strategy = CALENDAR;
	} else if (strncmp(text, "levels", 6) == 0 &&
		   (!text[6] || text[6] == ':')) {
		p->strategy = LEVELS;
		if (text[6])
			p->levels = cli_number(
			    &p->cli, "-c levels", text + 7, 1, 1000000);
	} else {
		cli_usage(&p->cli,
		    "-c: %s is not a strategy: all, log, levels[:N] or keep",
		    text);
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
		if (!time_moment(optarg, &p->time))
			cli_usage(&p->cli, "-t: %s is not a time", optarg);
		break;
	case 'u':
		p->update = optarg;
		break;
	case KEEP:
		p->policy = optarg;
		if (!retention_parse(&p->keep, optarg))
			cli_usage(&p->cli,
			    "--keep: %s is no list such as 24h,7d,5w,12m,3y, "
			    "each unit once",
			    optarg);
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
	if (p->update && (p->by_frame || p->by_time || p->best_effort ||
			     p->strategy || p->obsolete || p->analyze))
		cli_usage(
		    &p->cli, "-u goes with none of -f, -t, -b, -c, -x, -a");
	if (p->update && !*p->update)
		cli_usage(&p->cli, "-u: no database named");
	if (p->policy && !p->obsolete && !p->analyze && p->strategy != CALENDAR)
		cli_usage(&p->cli, "--keep goes with -x, -a and -c keep");
	if (!p->policy && p->strategy == CALENDAR)
		cli_usage(&p->cli, "-c keep: say what with --keep");
}

int
main(int argc, char **argv)
{
	static const struct cli_sets sets = {
	    .form = REC_NAMES,
	    .not_done = "not planned",
	    .record = take_record,
	    .end = plan_set,
	    .fail = forget_set,
	    .own_ends = true,
	};
	struct planner p = {.age = 24 * 3600000, .levels = 8};
	int c;

	cli_init(&p.cli, argv, synopsis, "eJ", own);
	while ((c = cli_getopt(&p.cli, argc, argv)) != -1)
		set_option(&p, c);
	check_options(&p);
	cli_each_set(&p.cli, argv + optind, &sets, &p);
	plan_release(&p.plan);
	return cli_exit(&p.cli);
}
