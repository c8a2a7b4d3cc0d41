/* sum: see sum.h. */

#include <string.h>

/*
 * The hash of every page is computed in a restore: the library's entry points
 * that take the widest vectors the machine has are worth naming.
 */
#if defined(__x86_64__) && defined(__has_include)
#if __has_include(<xxh_x86dispatch.h>)
#define HAVE_DISPATCH 1
#endif
#endif
#ifdef HAVE_DISPATCH
#include <xxh_x86dispatch.h>
#else
#define XXH_INLINE_ALL
#include <xxhash.h>
#endif

#include "format/sum.h"

void
seg_sum_page(
    struct seg_sum *sum, uint32_t page_no, const void *page, uint32_t page_size)
{
	XXH128_hash_t h;

	if (page_no == seg_lock_page(page_size))
		return;
	h = XXH3_128bits_withSeed(page, page_size, page_no);
	sum->high ^= h.high64;
	sum->low ^= h.low64;
}

void
seg_sum_to_id(const struct seg_sum *sum, uint8_t id[SEG_ID])
{
	XXH128_canonical_t d;

	XXH128_canonicalFromHash(
	    &d, (XXH128_hash_t){.low64 = sum->low, .high64 = sum->high});
	memcpy(id, d.digest, SEG_ID);
	memcpy(id, "seg1", 4);
	id[6] = (uint8_t)((id[6] & 0x0f) | 0x80); /* UUID version 8 */
	id[8] = (uint8_t)((id[8] & 0x3f) | 0x80); /* and variant */
}

bool
seg_id_has_sum(const uint8_t id[SEG_ID])
{
	return memcmp(id, "seg1", 4) == 0 && (id[6] & 0xf0) == 0x80 &&
	       (id[8] & 0xc0) == 0x80;
}

bool
seg_id_matches(const uint8_t id[SEG_ID], const struct seg_sum *sum)
{
	uint8_t want[SEG_ID];

	seg_sum_to_id(sum, want);
	return memcmp(id, want, SEG_ID) == 0;
}
