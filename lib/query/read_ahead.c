/* read_ahead: see read_ahead.h. */

#include <stddef.h>

#include "query/read_ahead.h"

/* While one window is used others arrive: at last so many pages, in windows, and
 * no more than a part of what was used, which is what a scan that ends has
 * fetched for nothing. */
enum { WINDOWS = 3, PART = 4 };

/* How many pages may be left of those that were asked for beforehand when more
 * are. */
static uint64_t
enough(uint32_t step, uint32_t most, uint64_t used)
{
	uint64_t n = used / PART;

	if (n > (uint64_t)most * WINDOWS)
		n = (uint64_t)most * WINDOWS;
	return step < most || n < step / 2 ? step / 2 : n;
}

/* The scan that the page goes on with, or the one to forget for it. */
static size_t
find_scan(const struct read_ahead *r, uint32_t page)
{
	size_t oldest = 0;

	for (size_t i = 0; i < READ_AHEAD_SCANS; i++) {
		uint32_t last = r->scan[i].last;

		if (last && page >= last && page - last <= READ_AHEAD_NEAR)
			return i;
		if (r->scan[i].moment < r->scan[oldest].moment)
			oldest = i;
	}
	return oldest;
}

uint32_t
read_ahead(struct read_ahead *r, uint32_t page, uint32_t most, uint64_t *from)
{
	size_t i = find_scan(r, page);
	uint32_t last = r->scan[i].last, step = r->scan[i].step;
	uint64_t next = (uint64_t)page + 1, left;

	/* Every descent begins there; the first root is often near. */
	if (page == 1)
		return 0;
	r->scan[i].last = page;
	r->scan[i].moment = ++r->moments;
	if (!last || page < last || page - last > READ_AHEAD_NEAR) {
		r->scan[i].step = 0;
		r->scan[i].used = 0;
		r->scan[i].until = next;
		return 0;
	}
	if (page == last)
		return 0;
	if (r->scan[i].until < next)
		r->scan[i].until = next;
	left = r->scan[i].until - next;
	r->scan[i].used++;
	if (left > enough(step, most, r->scan[i].used))
		return 0;
	step = step ? 2 * step : READ_AHEAD_FIRST;
	if (step > most)
		step = most;
	*from = r->scan[i].until;
	r->scan[i].step = step;
	r->scan[i].until += step;
	return step;
}
