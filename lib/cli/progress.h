/*
 * progress: one line on stderr, redrawn, while the work goes on.
 */
#ifndef SEGTOOLS_PROGRESS_H
#define SEGTOOLS_PROGRESS_H

#include <stdint.h>

/*
 * Progress: one line on stderr, redrawn, where that is a terminal and the work
 * takes longer than a second: done, total, rate, time left.  total 0: unknown.
 */
struct progress {
	uint64_t done, total;
	uint64_t began, drawn; /* ms, monotonic */
	const char *unit;      /* of one; "B" is shown as KiB, MiB, ... */
};
void progress_begin(struct progress *, const char *unit, uint64_t total);
void progress_add(struct progress *, uint64_t n);
void progress_moved(void *progress, uint64_t n); /* for callbacks */
void progress_end(struct progress *);

#endif
