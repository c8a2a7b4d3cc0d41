/* time: see time.h. */

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/number.h"
#include "base/time.h"

/* Exactly n digits at *s; moves on. */
static bool
digits(const char **s, unsigned n, unsigned *value)
{
	*value = 0;
	for (; n > 0; n--, (*s)++) {
		if (!isdigit((unsigned char)**s))
			return false;
		*value = *value * 10 + (unsigned)(**s - '0');
	}
	return true;
}

static bool
is_leap(unsigned y)
{
	return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}

static unsigned
month_days(unsigned y, unsigned m)
{
	static const unsigned char days[] = {
	    31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return m == 2 && is_leap(y) ? 29 : days[m - 1];
}

/* Days from 1970-01-01, proleptic Gregorian; y >= 1970. */
static uint64_t
days_from_civil(unsigned y, unsigned m, unsigned d)
{
	uint64_t n = 0, p = y - 1;

	n = p * 365 + p / 4 - p / 100 + p / 400;
	n -= 1969ULL * 365 + 1969 / 4 - 1969 / 100 + 1969 / 400;
	for (unsigned i = 1; i < m; i++)
		n += month_days(y, i);
	return n + d - 1;
}

/* ".123456" at *s, if there, as milliseconds. */
static bool
fraction(const char **s, unsigned *ms)
{
	unsigned scale = 100;

	*ms = 0;
	if (**s != '.')
		return true;
	(*s)++;
	if (!isdigit((unsigned char)**s))
		return false;
	for (; isdigit((unsigned char)**s); (*s)++, scale /= 10)
		*ms += scale * (unsigned)(**s - '0');
	return true;
}

/* "Z" or "+hh:mm" to the end of s, as minutes east of UTC. */
static bool
offset(const char *s, int *minutes)
{
	unsigned h, m;
	int sign = *s == '-' ? -1 : 1;

	*minutes = 0;
	if ((*s == 'Z' || *s == 'z') && !s[1])
		return true;
	if (*s != '+' && *s != '-')
		return false;
	s++;
	if (!digits(&s, 2, &h) || *s++ != ':' || !digits(&s, 2, &m) || *s ||
	    h > 23 || m > 59)
		return false;
	*minutes = sign * (int)(h * 60 + m);
	return true;
}

bool
time_parse(const char *s, uint64_t *ms)
{
	unsigned y, mon, d, h, min, sec, frac;
	int off;
	int64_t t;

	if (number_u64(s, strlen(s), ms))
		return true;
	if (!digits(&s, 4, &y) || *s++ != '-' || !digits(&s, 2, &mon) ||
	    *s++ != '-' || !digits(&s, 2, &d))
		return false;
	if (*s != 'T' && *s != 't' && *s != ' ')
		return false;
	s++;
	if (!digits(&s, 2, &h) || *s++ != ':' || !digits(&s, 2, &min) ||
	    *s++ != ':' || !digits(&s, 2, &sec) || !fraction(&s, &frac) ||
	    !offset(s, &off))
		return false;
	if (y < 1970 || mon < 1 || mon > 12 || d < 1 ||
	    d > month_days(y, mon) || h > 23 || min > 59 || sec > 60)
		return false;
	t = (int64_t)days_from_civil(y, mon, d) * 86400 + h * 3600 + min * 60 +
	    sec - (int64_t)off * 60;
	if (t < 0)
		return false;
	*ms = (uint64_t)t * 1000 + frac;
	return true;
}

/* The other way. */
static void
civil_from_days(uint64_t days, unsigned *y, unsigned *m, unsigned *d)
{
	*y = 1970 + (unsigned)(days / 366); /* or later */
	while (days_from_civil(*y + 1, 1, 1) <= days)
		++*y;
	days -= days_from_civil(*y, 1, 1);
	for (*m = 1; days >= month_days(*y, *m); ++*m)
		days -= month_days(*y, *m);
	*d = (unsigned)days + 1;
}

const char *
time_text(uint64_t ms, char text[TIME_TEXT_MAX])
{
	unsigned y, m, d, s = (unsigned)(ms / 1000 % 86400);
	unsigned rest = (unsigned)(ms % 1000);
	char *p = text;

	if (ms > 253402300799999) /* 9999-12-31T23:59:59.999Z */
		return strcpy(text, "-");
	civil_from_days(ms / 86400000, &y, &m, &d);
	const struct {
		unsigned value, width;
		char after;
	} parts[] = {{y, 4, '-'}, {m, 2, '-'}, {d, 2, 'T'}, {s / 3600, 2, ':'},
	    {s / 60 % 60, 2, ':'}, {s % 60, 2, '.'}, {rest, 3, 'Z'}};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		p += number_text(parts[i].value, parts[i].width, p);
		*p++ = parts[i].after;
	}
	*p = 0;
	return text;
}

bool
time_span(const char *s, uint64_t *ms)
{
	static const struct {
		char unit;
		uint64_t ms;
	} units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000},
	    {'w', 604800000}};
	size_t n = strlen(s);

	if (n < 2 || !number_u64(s, n - 1, ms))
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (units[i].unit != s[n - 1])
			continue;
		if (*ms > UINT64_MAX / units[i].ms)
			return false;
		*ms *= units[i].ms;
		return true;
	}
	return false;
}

bool
time_moment(const char *s, uint64_t *ms)
{
	uint64_t now = time_now(), age;

	if (*s != '-')
		return time_parse(s, ms);
	if (!time_span(s + 1, &age))
		return false;
	*ms = age < now ? now - age : 0;
	return true;
}

const char *
time_span_text(uint64_t ms, char text[TIME_TEXT_MAX])
{
	unsigned long long s = ms / 1000;

	if (s == 0)
		snprintf(text, TIME_TEXT_MAX, "%u ms", (unsigned)ms);
	else if (s < 120)
		snprintf(text, TIME_TEXT_MAX, "%u.%u s", (unsigned)s,
		    (unsigned)(ms % 1000 / 100));
	else if (s < 120 * 60)
		snprintf(text, TIME_TEXT_MAX, "%llu min", s / 60);
	else if (s < 48 * 3600)
		snprintf(text, TIME_TEXT_MAX, "%llu h", s / 3600);
	else
		snprintf(text, TIME_TEXT_MAX, "%llu d", s / 86400);
	return text;
}

uint64_t
time_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t
time_monotonic(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}
