/*
 * segment: see segment.h.
 *
 * Offsets follow the tables of seg-segment(5).  Nothing in a header is believed
 * before it agrees with the object's length and, where there is one, its key.
 */

#include <string.h>

#include "base/bytes.h"
#include "format/segment.h"

enum {
	LATER_PAGE_SIZE = 4096, /* the later layout never had another */
	FLAG_LAST = 1
};

/* Where the two layouts have what they have in common. */
static const struct offsets {
	size_t id, start, end, size_after, page_size, time;
} offsets[] = {
    [SEG_OLD] = {14, 30, 38, 46, 50, 52},
    [SEG_LATER] = {10, 26, 34, 42, 46, 48},
};

bool
seg_page_size_valid(uint32_t n)
{
	return n >= 512 && n <= SEG_PAGE_MAX && (n & (n - 1)) == 0;
}

uint32_t
seg_lock_page(uint32_t page_size)
{
	return (1u << 30) / page_size + 1;
}

size_t
seg_header_size(const struct seg_header *h)
{
	return h->layout == SEG_OLD ? SEG_HEADER : SEG_HEADER_LATER;
}

size_t
seg_frame_header_size(const struct seg_header *h)
{
	return h->layout == SEG_OLD ? SEG_FRAME : SEG_FRAME_LATER;
}

size_t
seg_frame_size(const struct seg_header *h)
{
	return seg_frame_header_size(h) + h->page_size;
}

uint64_t
seg_size(const struct seg_header *h)
{
	return seg_header_size(h) + h->frames * (uint64_t)seg_frame_size(h) +
	       (h->layout == SEG_OLD ? SEG_FOOTER : 0);
}

uint64_t
seg_pages_of_size(uint64_t bytes)
{
	const uint64_t rest = SEG_HEADER + SEG_FOOTER, frame = SEG_FRAME + 4096;

	if (bytes <= rest || bytes == UINT64_MAX || (bytes - rest) % frame != 0)
		return UINT64_MAX;
	return (bytes - rest) / frame;
}

/*
 * Read p as a header of that layout.  NULL if it can be one, else why not.  p
 * has the bytes of that layout's header.
 */
static const char *
read_header(struct seg_header *h, enum seg_layout layout, const uint8_t *p,
    uint64_t length, const struct key *key)
{
	const struct offsets *at = &offsets[layout];
	uint64_t frames;

	*h = (struct seg_header){.layout = layout};
	h->key.start = le64(p + at->start);
	h->key.end = le64(p + at->end);
	h->key.time = le64(p + at->time);
	memcpy(h->id, p + at->id, SEG_ID);
	h->size_after = le32(p + at->size_after);
	h->page_size = le16(p + at->page_size);
	if (h->page_size == 1)
		h->page_size = SEG_PAGE_MAX;
	if (!seg_page_size_valid(h->page_size) ||
	    (layout == SEG_LATER && h->page_size != LATER_PAGE_SIZE))
		return "its page size is none that SQLite has";
	if (key && key_cmp(&h->key, key) != 0)
		return "its header does not fit its key";
	if (h->key.start < 1 || h->key.end < h->key.start)
		return "its frame numbers are not a range";
	if (layout == SEG_LATER && length == SEG_LENGTH_UNKNOWN)
		return h->size_after ? NULL : "its database has no page";
	if (layout == SEG_OLD)
		frames = le32(p + 10);
	else
		frames = length > SEG_HEADER_LATER
			     ? (length - SEG_HEADER_LATER) / seg_frame_size(h)
			     : 0;
	if (frames < 1 || frames > UINT32_MAX ||
	    frames - 1 > h->key.end - h->key.start)
		return "its frame count cannot be";
	h->frames = (uint32_t)frames;
	if (length != SEG_LENGTH_UNKNOWN && length != seg_size(h))
		return "its length does not fit its header";
	if (h->size_after == 0)
		return "its database has no page";
	return NULL;
}

/* What both layouts begin with, and have at least. */
static enum rc
check_beginning(const char *name, const void *p, size_t have, uint64_t length)
{
	if (have < SEG_HEADER || length < SEG_HEADER)
		return msg_fail(RC_DATA, "%s: too short for a segment", name);
	if (le64(p) != SEG_MAGIC || le16((const uint8_t *)p + 8) != SEG_VERSION)
		return msg_fail(RC_DATA,
		    "%s: no segment: its first bytes are "
		    "not those of one",
		    name);
	return RC_OK;
}

enum rc
seg_header_parse(struct seg_header *h, const char *name, const void *p,
    size_t have, uint64_t length, const struct key *key)
{
	struct seg_header later;
	const char *not_old;
	enum rc rc = check_beginning(name, p, have, length);

	if (rc)
		return rc;
	not_old = read_header(h, SEG_OLD, p, length, key);
	if (!not_old)
		return RC_OK;
	if (read_header(&later, SEG_LATER, p, length, key))
		return msg_fail(RC_DATA, "%s: %s", name, not_old);
	*h = later;
	return RC_OK;
}

enum rc
seg_header_guess(struct seg_header h[2], size_t *n, const char *name,
    const void *p, size_t have, uint64_t length)
{
	const char *not_old;
	enum rc rc = check_beginning(name, p, have, length);

	*n = 0;
	if (rc)
		return rc;
	not_old = read_header(&h[*n], SEG_OLD, p, length, NULL);
	*n += !not_old;
	*n += !read_header(&h[*n], SEG_LATER, p, length, NULL);
	return *n ? RC_OK : msg_fail(RC_DATA, "%s: %s", name, not_old);
}

void
seg_header_encode(const struct seg_header *h, uint8_t out[SEG_HEADER])
{
	const struct offsets *at = &offsets[SEG_OLD];

	put_le64(out, SEG_MAGIC);
	put_le16(out + 8, SEG_VERSION);
	put_le32(out + 10, h->frames);
	memcpy(out + at->id, h->id, SEG_ID);
	put_le64(out + at->start, h->key.start);
	put_le64(out + at->end, h->key.end);
	put_le32(out + at->size_after, h->size_after);
	put_le16(out + at->page_size,
	    h->page_size == SEG_PAGE_MAX ? 1 : (uint16_t)h->page_size);
	put_le64(out + at->time, h->key.time);
}

void
seg_frame_encode(uint8_t out[SEG_FRAME], uint32_t page_no, uint64_t frame_no)
{
	put_le32(out, page_no);
	put_le32(out + 4, 0);
	put_le64(out + 8, frame_no);
}

const char *
seg_frame_decode(struct seg_frame *f, const struct seg_header *h, const void *p)
{
	uint32_t last = f->page_no;
	const uint8_t *b = p;

	f->page_no = le32(h->layout == SEG_OLD ? b : b + 4);
	f->frame_no = le64(b + 8);
	f->flags = h->layout == SEG_OLD ? 0 : le32(b);
	f->crc = h->layout == SEG_OLD ? 0 : le32(b + 16);
	if (f->page_no == 0)
		return "page number 0";
	if (h->layout == SEG_OLD && f->page_no <= last)
		return "pages out of order";
	if (f->flags & ~(uint32_t)FLAG_LAST)
		return "unknown flags";
	if (f->frame_no < h->key.start || f->frame_no > h->key.end)
		return "a frame number outside of the segment's range";
	return NULL;
}
