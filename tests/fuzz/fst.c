/* An FST that is anything at all, with a right checksum: read in every way. */

#include <stdlib.h>
#include <string.h>

#include <isa-l/crc.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "format/fst.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_all(const struct fst *f)
{
	struct fst_iter it;
	uint64_t value;
	uint32_t page;

	fst_iter_init(&it, f);
	while (fst_iter_next(&it, &page, &value) == RC_OK)
		(void)fst_get(f, page, &value);
	fst_iter_init(&it, f);
	if (fst_iter_seek(&it, 77) == RC_OK)
		(void)fst_iter_next(&it, &page, &value);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *p;
	struct fst f;
	uint32_t crc;

	msg_verbosity(-2);
	if (size < 36 || size > 1 << 16)
		return 0;
	p = xmalloc(size);
	memcpy(p, data, size);
	put_le64(p, 3);
	put_le64(p + 8, 0);
	put_le64(p + size - 12, size - 21);
	/* As many keys as a file of this size may be let to have here. */
	put_le64(p + size - 20, le64(p + size - 20) % 100000);
	crc = ~crc32_iscsi(p, (int)size - 4, ~0u);
	put_le32(p + size - 4, (crc >> 15 | crc << 17) + 0xA282EAD8u);
	if (fst_open(&f, "fuzz", p, size) == RC_OK)
		read_all(&f);
	free(p);
	return 0;
}
