/* index: see index.h. */

#include "base/bytes.h"
#include "format/checksum.h"
#include "format/index.h"
#include "format/segment.h"

enum { VERSION_AT = 8, LENGTH_AT = 10, CRC_AT = 18 };

void
index_header_encode(
    uint64_t fst_len, uint32_t fst_crc, uint8_t out[INDEX_HEADER])
{
	put_le64(out, SEG_MAGIC);
	put_le16(out + VERSION_AT, SEG_VERSION);
	put_le64(out + LENGTH_AT, fst_len);
	put_le32(out + CRC_AT, fst_crc);
}

/* A map begins with its version and type, which are no magic. */
bool
index_is_bare(const void *head, size_t have)
{
	const uint8_t *p = head;

	return have >= FST_HEAD && le64(p) == FST_VERSION && le64(p + 8) == 0;
}

/* Data objects begin with the same bytes, but say no such length. */
bool
index_is_index(const void *head, size_t have, uint64_t length)
{
	const uint8_t *p = head;

	return index_is_bare(head, have) ||
	       (have >= INDEX_HEADER && le64(p) == SEG_MAGIC &&
		   le64(p + LENGTH_AT) == length - INDEX_HEADER);
}

uint64_t
index_pages_within(const struct fst *fst, uint32_t size_after)
{
	struct fst_iter it;
	uint64_t n = 0, position;
	uint32_t page;

	fst_iter_init(&it, fst);
	while (
	    fst_iter_next(&it, &page, &position) == RC_OK && page <= size_after)
		n++;
	return n;
}

enum rc
index_open(struct fst *fst, const char *name, const void *data, size_t len)
{
	const uint8_t *p = data;
	size_t fst_len;

	if (index_is_bare(data, len))
		return msg_fail(
		    RC_DATA, "%s: lacks the header of an index object", name);
	if (len < INDEX_HEADER)
		return msg_fail(RC_DATA, "%s: too short for an index", name);
	fst_len = len - INDEX_HEADER;
	if (le64(p) != SEG_MAGIC || le16(p + VERSION_AT) != SEG_VERSION)
		return msg_fail(RC_DATA,
		    "%s: no index: its first bytes are not those of one", name);
	if (le64(p + LENGTH_AT) != fst_len)
		return msg_fail(
		    RC_DATA, "%s: its length does not fit its header", name);
	if (le32(p + CRC_AT) != checksum_crc32(0, p + INDEX_HEADER, fst_len))
		return msg_fail(RC_DATA, "%s: its checksum is wrong", name);
	return fst_open(fst, name, p + INDEX_HEADER, fst_len);
}

enum rc
index_open_any(struct fst *fst, const char *name, const void *data, size_t len)
{
	return index_is_bare(data, len) ? fst_open(fst, name, data, len)
					: index_open(fst, name, data, len);
}
