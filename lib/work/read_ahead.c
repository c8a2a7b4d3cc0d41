/* read_ahead: see read_ahead.h. */

#include <stddef.h>

#include "work/read_ahead.h"

/* Windows of the greatest step that are under way: while one is used, others
 * arrive. */
enum { DEPTH = 4 };

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

	r->scan[i].last = page;
	r->scan[i].moment = ++r->moments;
	if (!last || page < last || page - last > READ_AHEAD_NEAR) {
		r->scan[i].step = 0;
		r->scan[i].until = next;
		return 0;
	}
	if (page == last)
		return 0;
	if (r->scan[i].until < next)
		r->scan[i].until = next;
	left = r->scan[i].until - next;
	if (left > (step < most ? step / 2 : (DEPTH - 1) * (uint64_t)most))
		return 0;
	step = step ? 2 * step : READ_AHEAD_FIRST;
	if (step > most)
		step = most;
	*from = r->scan[i].until;
	r->scan[i].step = step;
	r->scan[i].until += step;
	return step;
}
