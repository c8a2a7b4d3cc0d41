/* A data object, and an index object, that is anything at all; the former in
 * pieces, with its checksum put right. */

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "format/check.h"
#include "format/checksum.h"
#include "format/index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const uint8_t *p, size_t size, uint64_t length, size_t piece,
    const struct key *key)
{
	struct seg_check *c = seg_check_new("fuzz", key, length, NULL, NULL);
	struct seg_header h;
	enum rc rc = RC_OK;

	for (size_t at = 0; rc == RC_OK && at < size; at += piece)
		rc = seg_check_feed(
		    c, p + at, size - at < piece ? size - at : piece);
	if (rc == RC_OK)
		(void)seg_check_end(c, &h);
	seg_check_free(c);
}

/* With the key that it says it has. */
static void
guess(const uint8_t *p, size_t size, size_t piece)
{
	struct seg_header h[2];
	size_t n;

	if (seg_header_guess(h, &n, "fuzz", p, size, size) != RC_OK)
		return;
	while (n-- > 0) {
		check(p, size, size, piece, &h[n].key);
		check(p, size, SEG_LENGTH_UNKNOWN, piece, &h[n].key);
	}
}

/* In the later layout each frame has a checksum, which goes on from the one
 * before. */
static void
put_right_later(uint8_t *p, size_t size)
{
	const size_t frame = SEG_FRAME_LATER + 4096;
	uint32_t crc = checksum_crc32(0, p, SEG_HEADER_LATER);

	for (size_t at = SEG_HEADER_LATER; size - at >= frame; at += frame) {
		crc = checksum_crc32(crc, p + at, SEG_FRAME);
		crc = checksum_crc32(crc, p + at + SEG_FRAME_LATER, 4096);
		put_le32(p + at + SEG_FRAME, crc);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct key key = {.start = 1, .end = 1000, .time = 5};
	struct fst fst;
	uint8_t *p;

	msg_verbosity(-2);
	if (size < 2)
		return 0;
	p = xmalloc(size);
	memcpy(p, data, size);
	(void)index_open_any(&fst, "fuzz", p, size);
	if (size > 64) {
		put_le64(p, 0x4C494253514C0000u);
		put_le16(p + 8, 1);
		put_le32(p + size - 4, checksum_crc32(0, p, size - 4));
	}
	check(p, size, size, size, &key);
	check(p, size, SEG_LENGTH_UNKNOWN, 1 + data[0], &key);
	guess(p, size, 1 + data[0] % 64u);
	if (size > SEG_HEADER_LATER) {
		put_right_later(p, size);
		guess(p, size, 1 + data[0] % 64u);
	}
	free(p);
	return 0;
}
