/* checksum: see checksum.h. */

#include <isa-l/crc.h>
#include <zlib.h>

#include "format/checksum.h"

uint32_t
checksum_crc32(uint32_t crc, const void *data, size_t len)
{
	return crc32_gzip_refl(crc, data, len);
}

uint32_t
checksum_crc32_combine(uint32_t a, uint32_t b, uint64_t b_len)
{
	return (uint32_t)crc32_combine(a, b, (z_off_t)b_len);
}

uint32_t
checksum_crc32c(uint32_t crc, const void *data, size_t len)
{
	union {
		const void *from;
		void *to;
	} u = {.from = data}; /* ISA-L takes no const */

	crc = ~crc;
	while (len > 0) {
		int n = len > 1 << 30 ? 1 << 30 : (int)len;

		crc = crc32_iscsi(u.to, n, crc);
		u.to = (uint8_t *)u.to + n;
		len -= (size_t)n;
	}
	return ~crc;
}
