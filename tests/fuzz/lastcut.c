/* A memory of the last cut, and a pending one, that are anything at all, as they
 * are and with the checksums of their blocks put right. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/bytes.h"
#include "cut/lastcut.h"
#include "place.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Blocks as lastcut.c has them, each with its number, and its checksum at the
 * end. */
static void
put_right(uint8_t *p, size_t size)
{
	enum { BLOCK = 4096, NUMBER_AT = BLOCK - 16, SUM_AT = BLOCK - 8 };

	for (size_t i = 0; size - i * BLOCK >= BLOCK; i++) {
		put_le64(p + i * BLOCK + NUMBER_AT, i);
		put_le64(
		    p + i * BLOCK + SUM_AT, XXH3_64bits(p + i * BLOCK, SUM_AT));
	}
}

static void
try(const uint8_t *data, size_t size)
{
	struct seg_sum h = {1, 2}, sum;
	struct lastcut *m;
	struct key key;
	bool changed;

	free(place_file("cut.memory", data, size / 2));
	free(place_file("cut.next", data + size / 2, size - size / 2));
	if (lastcut_open(&m, place(), 0, &(struct secrecy){0}, NULL) != RC_OK)
		abort();
	if (lastcut_pending(m, &key) == RC_OK)
		(void)lastcut_settle(m, size % 2);
	if (lastcut_facts(m) && lastcut_begin(m, false) == RC_OK) {
		(void)lastcut_put(m, 3, &h, &changed);
		(void)lastcut_sum(m, 1, false, &sum);
		lastcut_drop(m);
	}
	lastcut_free(m);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *p;

	try(data, size);
	p = xmalloc(size + 1);
	memcpy(p, data, size);
	put_right(p, size / 2);
	put_right(p + size / 2, size - size / 2);
	try(p, size);
	free(p);
	return 0;
}
