/*
 * check: see check.h.
 *
 * It goes through four kinds of parts: the header, then of each frame its
 * header and its page, then (OLD) the footer.  Small parts are gathered in
 * part[]; pages only pass through the CRC.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "format/check.h"
#include "format/checksum.h"

enum step { IN_HEADER, IN_FRAME, IN_PAGE, IN_FOOTER, AT_END };

struct seg_check {
	char *name;
	bool failed;
	struct key key;
	uint64_t length;
	enum rc (*on_frame)(void *, uint32_t, uint32_t, uint64_t);
	void *arg;

	enum step step;
	uint8_t part[SEG_HEADER_MAX];
	size_t have, want; /* of the part */
	struct seg_header header;
	struct seg_frame frame;
	uint32_t position; /* of the frame */
	uint32_t crc;
};

struct seg_check *
seg_check_new(const char *name, const struct key *key, uint64_t length,
    enum rc (*on_frame)(
	void *arg, uint32_t position, uint32_t page, uint64_t frame_no),
    void *arg)
{
	struct seg_check *c = xcalloc(1, sizeof(*c));

	c->name = xstrdup(name);
	c->key = *key;
	c->length = length;
	c->on_frame = on_frame;
	c->arg = arg;
	c->want = SEG_HEADER;
	return c;
}

void
seg_check_free(struct seg_check *c)
{
	if (!c)
		return;
	free(c->name);
	free(c);
}

static enum rc __attribute__((format(printf, 2, 3)))
fail(struct seg_check *c, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	c->failed = true;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return msg_fail(RC_DATA, "%s: %s", c->name, text);
}

static void
next_step(struct seg_check *c, enum step step, size_t want)
{
	c->step = step;
	c->have = 0;
	c->want = want;
}

/* How many frames there are only the end will tell. */
static bool
is_open_ended(const struct seg_check *c)
{
	return c->header.frames == 0;
}

static void
frame_or_footer(struct seg_check *c)
{
	if (c->position < c->header.frames || is_open_ended(c))
		next_step(c, IN_FRAME, seg_frame_header_size(&c->header));
	else if (c->header.layout == SEG_OLD)
		next_step(c, IN_FOOTER, SEG_FOOTER);
	else
		next_step(c, AT_END, 0);
}

/*
 * The later header is shorter by four bytes, which are the first frame's: they
 * go back into the part.
 */
static void
begin_frames(struct seg_check *c)
{
	size_t size = seg_header_size(&c->header), rest = SEG_HEADER - size;

	c->crc = checksum_crc32(0, c->part, size);
	memmove(c->part, c->part + size, rest);
	frame_or_footer(c);
	c->have = rest;
}

static enum rc
end_header(struct seg_check *c)
{
	enum rc rc = seg_header_parse(
	    &c->header, c->name, c->part, SEG_HEADER, c->length, &c->key);

	if (rc == RC_OK)
		begin_frames(c);
	else
		c->failed = true;
	return rc;
}

static enum rc
end_frame_header(struct seg_check *c)
{
	const char *why;

	if (is_open_ended(c) &&
	    (c->position == UINT32_MAX ||
		c->position > c->header.key.end - c->header.key.start))
		return fail(c, "more frames than frame numbers");
	why = seg_frame_decode(&c->frame, &c->header, c->part);
	if (why)
		return fail(c, "frame %u: %s", c->position, why);
	c->crc = checksum_crc32(c->crc, c->part, SEG_FRAME);
	next_step(c, IN_PAGE, c->header.page_size);
	return RC_OK;
}

static enum rc
end_page(struct seg_check *c)
{
	enum rc rc = RC_OK;

	if (c->header.layout == SEG_LATER && c->crc != c->frame.crc)
		return fail(c, "frame %u: its checksum is wrong", c->position);
	if (c->on_frame)
		rc = c->on_frame(
		    c->arg, c->position, c->frame.page_no, c->frame.frame_no);
	if (rc != RC_OK)
		c->failed = true;
	c->position++;
	frame_or_footer(c);
	return rc;
}

static enum rc
end_footer(struct seg_check *c)
{
	next_step(c, AT_END, 0);
	if (le32(c->part) != c->crc)
		return fail(c, "its checksum is wrong");
	return RC_OK;
}

const struct seg_header *
seg_check_header(const struct seg_check *c)
{
	return &c->header;
}

static enum rc
end_part(struct seg_check *c)
{
	switch (c->step) {
	case IN_HEADER:
		return end_header(c);
	case IN_FRAME:
		return end_frame_header(c);
	case IN_PAGE:
		return end_page(c);
	case IN_FOOTER:
	case AT_END:
		break;
	}
	return end_footer(c);
}

enum rc
seg_check_feed(struct seg_check *c, const void *data, size_t len)
{
	const uint8_t *p = data;
	enum rc rc;
	size_t n;

	while (len > 0) {
		if (c->failed)
			return RC_DATA;
		if (c->step == AT_END)
			return fail(c, "longer than it was said to be");
		n = c->want - c->have < len ? c->want - c->have : len;
		if (c->step == IN_PAGE)
			c->crc = checksum_crc32(c->crc, p, n);
		else
			memcpy(c->part + c->have, p, n);
		c->have += n;
		p += n;
		len -= n;
		if (c->have == c->want) {
			rc = end_part(c);
			if (rc)
				return rc;
		}
	}
	return RC_OK;
}

enum rc
seg_check_end(struct seg_check *c, struct seg_header *header)
{
	if (c->failed)
		return RC_DATA; /* was reported */
	if (c->step == IN_FRAME && is_open_ended(c) && c->have == 0 &&
	    c->position > 0)
		c->header.frames = c->position;
	else if (c->step != AT_END)
		return fail(c, "cut short");
	if (header)
		*header = c->header;
	return RC_OK;
}
