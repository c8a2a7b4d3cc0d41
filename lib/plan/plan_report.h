/*
 * plan_report: what a plan lacks, in messages, and what there is, for people.
 */
#ifndef SEGTOOLS_PLAN_REPORT_H
#define SEGTOOLS_PLAN_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/msg.h"
#include "plan/plan.h"

/* The best path to the frame end, that of a state, is missing; no segment has a
 * TIME that is old enough; none ends at the frame.  All RC_DATA, reported. */
enum rc plan_say_missing(
    const struct plan *, const char *namespace, uint64_t end);
enum rc plan_say_no_time(const struct plan *, const char *namespace);
enum rc plan_say_no_frame(
    const struct plan *, const char *namespace, uint64_t frame);

/* TIMEs that lie ahead of the clock, or fall while END rises: warnings. */
void plan_say_clock(const struct plan *, const char *namespace, uint64_t now);

/* Counts, times, how a restore would go, gaps, overlaps and forks: to stdout.
 * The plan has a segment. */
void plan_print_analysis(const struct plan *, const char *namespace);
/* What the promised states cost, and what would go: keep is plan_keep()'s. */
void plan_print_keep(
    const struct plan *, const bool *promised, const bool *keep);

#endif
