/*
 * sum: the checksum of a whole database, which segtools keeps in the id of the
 * segment that leads to it, seg-segment(5).
 */
#ifndef SEGTOOLS_SUM_H
#define SEGTOOLS_SUM_H

#include <stdbool.h>
#include <stdint.h>

#include "format/segment.h"

/* The XOR of the hashes of all pages but the lock page: all-zero is that of no
 * page, and pages are added, or taken out again, in any order. */
struct seg_sum {
	uint64_t high, low;
};
void seg_sum_page(
    struct seg_sum *, uint32_t page_no, const void *page, uint32_t page_size);
void seg_sum_to_id(const struct seg_sum *, uint8_t id[SEG_ID]);
bool seg_id_has_sum(const uint8_t id[SEG_ID]);
bool seg_id_matches(const uint8_t id[SEG_ID], const struct seg_sum *);

#endif
