/* A write-ahead log that is anything at all; and one whose checksums fit, with
 * pages of 512 bytes, so that frames are taken until a salt differs. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "format/wal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PAGE = 512 };

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

/* SQLite's running checksum of numbers in big endian. */
static void
sum(uint32_t s[2], const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i += 8) {
		s[0] += be32(p + i) + s[1];
		s[1] += be32(p + i + 4) + s[0];
	}
}

static void
put_be32(uint8_t *p, uint32_t n)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(n >> (24 - 8 * i));
}

static void
put_right(uint8_t *p, size_t size)
{
	uint32_t s[2] = {0, 0};

	put_be32(p, 0x377f0683);
	put_be32(p + 4, 3007000);
	put_be32(p + 8, PAGE);
	sum(s, p, 24);
	put_be32(p + 24, s[0]);
	put_be32(p + 28, s[1]);
	for (size_t at = WAL_HEADER; size - at >= WAL_FRAME + PAGE;
	     at += WAL_FRAME + PAGE) {
		sum(s, p + at, 8);
		sum(s, p + at + WAL_FRAME, PAGE);
		put_be32(p + at + 16, s[0]);
		put_be32(p + at + 20, s[1]);
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
	put_right(p, size);
	read_all(p, size);
	free(p);
	return 0;
}
