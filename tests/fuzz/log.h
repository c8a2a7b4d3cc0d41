/* A write-ahead log with pages of 512 bytes whose checksums fit, out of bytes that
 * are anything. */
#ifndef SEGTOOLS_FUZZ_LOG_H
#define SEGTOOLS_FUZZ_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "format/wal.h"

enum { LOG_PAGE = 512 };

/* SQLite's running checksum of numbers in big endian. */
static inline void
log_sum(uint32_t s[2], const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i += 8) {
		s[0] += be32(p + i) + s[1];
		s[1] += be32(p + i + 4) + s[0];
	}
}

static inline void
log_put_be32(uint8_t *p, uint32_t n)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(n >> (24 - 8 * i));
}

/* Of at least WAL_HEADER bytes. */
static inline void
log_put_right(uint8_t *p, size_t size)
{
	uint32_t s[2] = {0, 0};

	log_put_be32(p, 0x377f0683);
	log_put_be32(p + 4, 3007000);
	log_put_be32(p + 8, LOG_PAGE);
	log_sum(s, p, 24);
	log_put_be32(p + 24, s[0]);
	log_put_be32(p + 28, s[1]);
	for (size_t at = WAL_HEADER; size - at >= WAL_FRAME + LOG_PAGE;
	     at += WAL_FRAME + LOG_PAGE) {
		log_sum(s, p + at, 8);
		log_sum(s, p + at + WAL_FRAME, LOG_PAGE);
		log_put_be32(p + at + 16, s[0]);
		log_put_be32(p + at + 20, s[1]);
	}
}

#endif
