/* segpair: see segpair.h. */

#include "base/buf.h"
#include "segment/segpair.h"
#include "segment/segstream.h"

enum rc
segpair_check(struct file *seg, struct file *idx, const struct key *key,
    struct seg_header *header, bool *bad_index)
{
	struct file_map map = {0};
	struct segstream *s;
	uint64_t length;
	enum rc rc = file_size(seg, &length);

	if (rc == RC_OK && idx)
		rc = file_map(&map, idx, SIZE_MAX);
	if (rc)
		return rc;
	s = segstream_new(file_name(seg), key, length,
	    idx ? file_name(idx) : NULL, map.data, map.len, !bad_index);
	rc = segstream_feed_file(s, seg, length);
	if (rc == RC_OK)
		rc = segstream_end(s, header, bad_index);
	segstream_free(s);
	file_unmap(&map);
	return rc;
}
