/* counts: what a run has asked of others. */
#ifndef SEGTOOLS_COUNTS_H
#define SEGTOOLS_COUNTS_H

#include <stdint.h>

/* Requests to a store, those that were tried again once more, and how many of
 * them that were. */
struct request_counts {
	uint64_t requests, retries;
};

#endif
