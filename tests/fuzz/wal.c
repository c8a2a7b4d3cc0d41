/* A write-ahead log that is anything at all; and one whose checksums fit, with
 * pages of 512 bytes, so that frames are taken until a salt differs. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "format/wal.h"
#include "log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_all(const uint8_t *p, size_t size)
{
	struct wal_frame f;
	struct wal w;

	if (size < WAL_HEADER || !wal_begin(&w, p))
		return;
	for (;;) {
		uint64_t at = wal_offset(&w, w.place.frame + 1);

		if (at > size || size - at < WAL_FRAME + w.page_size ||
		    !wal_take(&w, p + at, &f))
			return;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *p;

	read_all(data, size);
	if (size < WAL_HEADER)
		return 0;
	p = xmalloc(size);
	memcpy(p, data, size);
	log_put_right(p, size);
	read_all(p, size);
	free(p);
	return 0;
}
