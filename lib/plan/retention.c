/* retention: see retention.h. */

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/number.h"
#include "plan/retention.h"

enum unit { HOUR, DAY, WEEK, MONTH, YEAR };
static const char letters[] = "hdwmy";

bool
retention_parse(struct retention *r, const char *text)
{
	*r = (struct retention){0};
	for (;;) {
		size_t digits = strspn(text, "0123456789");
		const char *unit = strchr(letters, text[digits]);
		uint64_t n;

		if (!number_u64(text, digits, &n) || n == 0 || !text[digits] ||
		    !unit || r->keep[unit - letters])
			return false;
		r->keep[unit - letters] = n;
		text += digits + 1;
		if (!*text)
			return true;
		if (*text++ != ',')
			return false;
	}
}

/* Which of the units, counted from any beginning, holds the moment. */
static uint64_t
period(uint64_t ms, enum unit unit)
{
	uint64_t days = ms / 86400000;
	time_t t = (time_t)(ms / 1000);
	struct tm tm;

	switch (unit) {
	case HOUR:
		return ms / 3600000;
	case DAY:
		return days;
	case WEEK: /* 1970-01-01 was a Thursday */
		return (days + 3) / 7;
	case MONTH:
	case YEAR:
		break;
	}
	gmtime_r(&t, &tm);
	return unit == YEAR ? (uint64_t)tm.tm_year
			    : (uint64_t)tm.tm_year * 12 + (uint64_t)tm.tm_mon;
}

struct state {
	uint64_t time;
	uint64_t last; /* its place in promised: rises with END */
};

/* The states that can be restored, oldest first. */
static struct state *
states_of(const struct plan *p, size_t *n)
{
	struct state *s = xcalloc(p->n, sizeof(*s));
	uint64_t time = UINT64_MAX;

	*n = 0;
	for (size_t i = 0; i < p->n; i++) {
		if (p->s[i].hops > 0 && p->s[i].key.time < time)
			time = p->s[i].key.time;
		if (i + 1 < p->n && p->s[i + 1].key.end == p->s[i].key.end)
			continue;
		if (p->s[i].best != PLAN_NONE)
			s[(*n)++] = (struct state){.time = time, .last = i};
		time = UINT64_MAX;
	}
	return s;
}

/* The newest time first; of equal ones the greatest END. */
static int
newest_first(const void *a, const void *b)
{
	const struct state *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? 1 : -1;
	return x->last < y->last ? 1 : x->last > y->last ? -1 : 0;
}

/* Of each of the newest periods the state with the greatest END, which need
 * not be the one with the newest time. */
static void
promise_unit(const struct state *s, size_t n, enum unit unit, uint64_t keep,
    bool *promised)
{
	size_t end;

	for (size_t i = 0; i < n && keep > 0; i = end, keep--) {
		uint64_t in = period(s[i].time, unit), last = 0;

		for (end = i; end < n && period(s[end].time, unit) == in; end++)
			if (s[end].last > last)
				last = s[end].last;
		promised[last] = true;
	}
}

void
retention_promise(
    const struct retention *r, const struct plan *p, bool *promised)
{
	size_t n;
	struct state *s = states_of(p, &n);

	if (n > 1)
		qsort(s, n, sizeof(*s), newest_first);
	for (unsigned u = 0; u < RETENTION_UNITS; u++)
		promise_unit(s, n, (enum unit)u, r->keep[u], promised);
	free(s);
}
