/* A data object, and an index object, that is anything at all; the former in
 * pieces, with its checksum put right. */

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "format/segment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const uint8_t *p, size_t size, size_t piece, const struct key *key)
{
	struct seg_check *c = seg_check_new("fuzz", key, size, NULL, NULL);
	struct seg_header h;
	enum rc rc = RC_OK;

	for (size_t at = 0; rc == RC_OK && at < size; at += piece)
		rc = seg_check_feed(
		    c, p + at, size - at < piece ? size - at : piece);
	if (rc == RC_OK)
		(void)seg_check_end(c, &h);
	seg_check_free(c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct key key = {.start = 1, .end = 1000, .time = 5};
	const uint8_t *fst;
	size_t len;
	uint8_t *p;

	msg_verbosity(-2);
	if (size < 2)
		return 0;
	p = xmalloc(size);
	memcpy(p, data, size);
	(void)seg_index_open("fuzz", p, size, &fst, &len);
	if (size > 64) {
		put_le64(p, 0x4C494253514C0000u);
		put_le16(p + 8, 1);
		put_le32(p + size - 4, seg_crc(0, p, size - 4));
	}
	check(p, size, 1 + data[0] % 64u, NULL);
	check(p, size, size, &key);
	free(p);
	return 0;
}
