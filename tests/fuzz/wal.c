/* A write-ahead log that is anything at all. */

#include <stdint.h>

#include "format/wal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wal_frame f;
	struct wal w;

	if (size < WAL_HEADER || !wal_begin(&w, data))
		return 0;
	for (;;) {
		uint64_t at = wal_offset(&w, w.place.frame + 1);

		if (at > size || size - at < WAL_FRAME + w.page_size ||
		    !wal_take(&w, data + at, &f))
			return 0;
	}
}
