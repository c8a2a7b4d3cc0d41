/* segpair: see segpair.h. */

#include "base/buf.h"
#include "base/directory.h"
#include "segment/segpair.h"
#include "segment/segstream.h"

enum rc
segpair_open(struct file **seg, struct file **idx, const char *seg_path,
    const char *idx_path)
{
	enum rc rc = file_open(seg, seg_path);

	if (rc == RC_OK)
		rc = file_open(idx, idx_path);
	if (rc == RC_ABSENT && *seg && file_exists(seg_path))
		rc = msg_fail(RC_DATA,
		    "%s: no such file (seg-verify -r makes it from the .seg)",
		    idx_path);
	return rc;
}

enum rc
segpair_header(
    struct file *seg, const struct key *key, struct seg_header *header)
{
	uint8_t head[SEG_HEADER_MAX];
	uint64_t length;
	size_t n = 0;
	enum rc rc = file_size(seg, &length);

	if (rc == RC_OK) {
		n = length < sizeof(head) ? (size_t)length : sizeof(head);
		rc = file_read(seg, head, n, 0);
	}
	return rc ? rc
		  : seg_header_parse(
			header, file_name(seg), head, n, length, key);
}

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

/* ---- while somebody else reads it ---- */

static enum rc
pair_begin(void *arg)
{
	struct segpair *p = arg;
	uint64_t length;
	enum rc rc = file_size(p->seg, &length);

	segpair_release(p);
	if (rc == RC_OK)
		rc = file_map(&p->map, p->idx, SIZE_MAX);
	if (rc == RC_OK)
		p->stream = segstream_new(file_name(p->seg), &p->key, length,
		    file_name(p->idx), p->map.data, p->map.len, false);
	return rc;
}

static enum rc
pair_feed(void *arg, const void *data, size_t len)
{
	return segstream_feed(((struct segpair *)arg)->stream, data, len);
}

static enum rc
pair_end(void *arg)
{
	struct segpair *p = arg;
	struct seg_header header;
	enum rc rc = segstream_end(p->stream, &header, NULL);

	if (rc == RC_OK && header.frames != p->frames)
		rc = msg_fail(
		    RC_DATA, "%s: changed meanwhile", file_name(p->seg));
	segpair_release(p);
	p->whole = rc == RC_OK;
	return rc;
}

void
segpair_init(struct segpair *p)
{
	p->check = (struct file_check){pair_begin, pair_feed, pair_end, p};
}

void
segpair_release(struct segpair *p)
{
	segstream_free(p->stream);
	file_unmap(&p->map);
	p->stream = NULL;
	p->whole = false;
}
