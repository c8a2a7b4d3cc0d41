/* wal: see wal.h. */

#include <string.h>

#include "base/bytes.h"
#include "format/segment.h"
#include "format/wal.h"

enum { MAGIC = 0x377f0682, VERSION = 3007000 };

bool
wal_place_equal(const struct wal_place *a, const struct wal_place *b)
{
	return a->frame == b->frame &&
	       memcmp(a->salt, b->salt, WAL_SALT) == 0 &&
	       a->sum[0] == b->sum[0] && a->sum[1] == b->sum[1];
}

/* SQLite's running checksum; len is a multiple of 8. */
static void
checksum(bool big_endian, uint32_t sum[2], const uint8_t *p, size_t len)
{
	uint32_t a = sum[0], b = sum[1];

	if (big_endian) {
		for (size_t i = 0; i < len; i += 8) {
			a += be32(p + i) + b;
			b += be32(p + i + 4) + a;
		}
	} else {
		for (size_t i = 0; i < len; i += 8) {
			a += le32(p + i) + b;
			b += le32(p + i + 4) + a;
		}
	}
	sum[0] = a;
	sum[1] = b;
}

bool
wal_begin(struct wal *w, const uint8_t header[WAL_HEADER])
{
	uint32_t magic = be32(header);

	memset(w, 0, sizeof(*w));
	if ((magic & ~1U) != MAGIC || be32(header + 4) != VERSION)
		return false;
	w->big_endian = magic & 1;
	w->page_size = be32(header + 8);
	if (!seg_page_size_valid(w->page_size))
		return false;
	memcpy(w->place.salt, header + 16, WAL_SALT);
	checksum(w->big_endian, w->place.sum, header, 24);
	return w->place.sum[0] == be32(header + 24) &&
	       w->place.sum[1] == be32(header + 28);
}

uint64_t
wal_offset(const struct wal *w, uint32_t n)
{
	return WAL_HEADER +
	       (uint64_t)(n - 1) * (WAL_FRAME + (uint64_t)w->page_size);
}

bool
wal_frame_is(const struct wal_place *place, const uint8_t header[WAL_FRAME])
{
	return memcmp(header + 8, place->salt, WAL_SALT) == 0 &&
	       be32(header + 16) == place->sum[0] &&
	       be32(header + 20) == place->sum[1];
}

bool
wal_frame_follows(const struct wal *w, const uint8_t header[WAL_FRAME])
{
	return memcmp(header + 8, w->place.salt, WAL_SALT) == 0;
}

bool
wal_take(struct wal *w, const uint8_t *frame, struct wal_frame *out)
{
	struct wal_place next = w->place;

	if (next.frame == UINT32_MAX)
		return false;
	next.frame++;
	checksum(w->big_endian, next.sum, frame, 8);
	checksum(w->big_endian, next.sum, frame + WAL_FRAME, w->page_size);
	out->page = be32(frame);
	out->commit = be32(frame + 4);
	if (out->page == 0 || !wal_frame_is(&next, frame))
		return false;
	w->place = next;
	return true;
}
