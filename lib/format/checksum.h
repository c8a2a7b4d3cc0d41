/*
 * checksum: the CRCs of the formats.  Each is continued from an earlier one;
 * start with 0.
 */
#ifndef SEGTOOLS_CHECKSUM_H
#define SEGTOOLS_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32 (IEEE): of objects. */
uint32_t checksum_crc32(uint32_t crc, const void *data, size_t len);
/* That of A followed by B, from those of A and B. */
uint32_t checksum_crc32_combine(uint32_t a, uint32_t b, uint64_t b_len);
/* That of anything with its own CRC-32 behind it, as a good data object of the
 * OLD layout is. */
#define CHECKSUM_CRC32_WHOLE UINT32_C(0x2144df1c)

/* CRC-32C (Castagnoli): inside an FST. */
uint32_t checksum_crc32c(uint32_t crc, const void *data, size_t len);

#endif
