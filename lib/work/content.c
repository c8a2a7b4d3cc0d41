/*
 * content: see content.h.
 *
 * A range of a compressed object takes: its size (HEAD), its last bytes, what
 * of the table these lack, then one request for all frames of the range.  What
 * is known by then is left out.
 */

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "format/zseek_decoder.h"
#include "work/content.h"

/* The table of 84 MiB of contents. */
enum { TAIL = 16 << 10 };

static void ask(struct content *);

void
content_object_release(struct content_object *o)
{
	zseek_table_release(&o->table);
	*o = (struct content_object){0};
}

static void
finish(struct content *c, enum rc rc)
{
	zseek_decoder_free(c->decoder);
	c->decoder = NULL;
	buf_release(&c->tail);
	free(c->path);
	c->path = NULL;
	c->done(c, rc);
}

static void
transfer(struct content *c, enum store_verb verb, uint64_t offset,
    uint64_t length, void (*done)(struct store_xfer *, enum rc))
{
	c->xfer = (struct store_xfer){
	    .verb = verb,
	    .object = c->path,
	    .offset = offset,
	    .length = length,
	    .done = done,
	    .arg = c,
	};
	memcpy(c->xfer.etag, c->object->etag, sizeof(c->xfer.etag));
}

/* What the first answer says of the object. */
static void
note_object(struct content *c)
{
	c->object->stored = c->xfer.size;
	memcpy(c->object->etag, c->xfer.etag, sizeof(c->object->etag));
}

/* ---- which form ---- */

/* It is not there in that form: RC_ABSENT if in the other neither. */
static void
not_there(struct content *c)
{
	enum content_form was = c->object->form;

	if (c->second) {
		c->object->form = CONTENT_UNKNOWN;
		finish(c, RC_ABSENT);
		return;
	}
	c->second = true;
	c->object->form = was == CONTENT_PLAIN ? CONTENT_ZSTD : CONTENT_PLAIN;
	ask(c);
}

/* ---- plain ---- */

static enum rc
plain_piece(void *arg, const void *data, size_t len)
{
	struct content *c = arg;

	if (c->size == CONTENT_SIZE_UNKNOWN) {
		note_object(c);
		c->size = c->xfer.size;
	}
	return c->sink(c->arg, data, len);
}

static void
plain_done(struct store_xfer *x, enum rc rc)
{
	struct content *c = x->arg;

	if (rc == RC_ABSENT) {
		not_there(c);
		return;
	}
	if (rc == RC_OK && c->size == CONTENT_SIZE_UNKNOWN) {
		note_object(c);
		c->size = x->size;
	}
	finish(c, rc);
}

/* ---- compressed ---- */

/* Of what is decoded, the part that was asked for. */
static enum rc
decoded(void *arg, const void *data, size_t len)
{
	struct content *c = arg;
	const uint8_t *p = data;
	uint64_t end = c->length ? c->offset + c->length : UINT64_MAX;
	size_t skip = 0;

	if (c->at < c->offset)
		skip =
		    c->offset - c->at < len ? (size_t)(c->offset - c->at) : len;
	c->at += skip;
	p += skip;
	len -= skip;
	if (c->at + len > end)
		len = c->at < end ? (size_t)(end - c->at) : 0;
	c->at += len;
	return len > 0 ? c->sink(c->arg, p, len) : RC_OK;
}

static enum rc
zstd_piece(void *arg, const void *data, size_t len)
{
	struct content *c = arg;

	if (c->object->stored == 0)
		note_object(c);
	return zseek_decoder_feed(c->decoder, data, len);
}

static void
zstd_done(struct store_xfer *x, enum rc rc)
{
	struct content *c = x->arg;

	if (rc == RC_ABSENT && !c->object->looked) {
		not_there(c);
		return;
	}
	if (rc == RC_OK)
		rc = zseek_decoder_end(c->decoder, NULL);
	if (rc == RC_OK && c->length && c->at < c->offset + c->length)
		rc = msg_fail(RC_DATA, "%s: cut short", c->path);
	finish(c, rc);
}

static void
read_zstd(struct content *c, uint64_t offset, uint64_t length)
{
	transfer(c, STORE_GET, offset, length, zstd_done);
	c->xfer.sink = zstd_piece;
	store_start(c->store, &c->xfer);
}

static void
read_whole(struct content *c)
{
	c->at = 0;
	c->decoder = zseek_decoder_new(c->path, decoded, c);
	read_zstd(c, 0, 0);
}

/* The frames of the range. */
static void
read_frames(struct content *c)
{
	const struct zseek_table *t = &c->object->table;
	uint64_t end = c->length ? c->offset + c->length : t->content;
	struct zseek_frame first, last;
	uint32_t from;

	c->size = t->content;
	if (c->offset >= end || end > t->content) {
		finish(c, msg_fail(RC_DATA, "%s: cut short", c->path));
		return;
	}
	from = zseek_table_find(t, c->offset);
	zseek_table_frame(t, from, &first);
	zseek_table_frame(t, zseek_table_find(t, end - 1), &last);
	c->at = first.content_at;
	c->decoder = zseek_decoder_at(c->path, t, from, decoded, c);
	read_zstd(c, first.at, last.at + last.size - first.at);
}

/* ---- the table ---- */

static void
tail_done(struct store_xfer *x, enum rc rc)
{
	struct content *c = x->arg;
	struct content_object *o = c->object;
	uint64_t len = 0;

	if (rc == RC_ABSENT)
		rc = msg_fail(RC_DATA, "%s: gone", c->path);
	if (rc == RC_OK)
		rc = zseek_table_length(
		    c->path, c->tail.data, c->tail.len, o->stored, &len);
	if (rc == RC_OK && len > c->tail.len) {
		buf_clear(&c->tail);
		transfer(c, STORE_GET, o->stored - len, len, tail_done);
		c->xfer.buf = &c->tail;
		c->xfer.limit = len;
		store_start(c->store, &c->xfer);
		return;
	}
	if (rc == RC_OK)
		rc = zseek_table_open(&o->table, c->path,
		    c->tail.data + c->tail.len - len, len, o->stored);
	o->looked = rc == RC_OK || rc == RC_ABSENT;
	o->sought = rc == RC_OK;
	if (rc == RC_OK)
		read_frames(c);
	else if (rc == RC_ABSENT)
		read_whole(c);
	else
		finish(c, rc);
}

static void
read_tail(struct content *c)
{
	uint64_t size = c->object->stored;
	uint64_t len = size < TAIL ? size : TAIL;

	buf_clear(&c->tail);
	transfer(c, STORE_GET, size - len, len, tail_done);
	c->xfer.buf = &c->tail;
	store_start(c->store, &c->xfer);
}

static void
size_done(struct store_xfer *x, enum rc rc)
{
	struct content *c = x->arg;

	if (rc == RC_ABSENT) {
		not_there(c);
		return;
	}
	if (rc == RC_OK && x->size == 0)
		rc = msg_fail(RC_DATA, "%s: is empty", c->path);
	if (rc) {
		finish(c, rc);
		return;
	}
	note_object(c);
	read_tail(c);
}

/* ---- a request ---- */

static void
ask_zstd(struct content *c)
{
	struct content_object *o = c->object;

	if (o->sought) {
		read_frames(c);
	} else if (o->looked || (c->offset == 0 && c->length == 0)) {
		read_whole(c);
	} else if (o->stored) {
		read_tail(c);
	} else {
		transfer(c, STORE_HEAD, 0, 0, size_done);
		store_start(c->store, &c->xfer);
	}
}

static void
ask(struct content *c)
{
	bool zstd = c->object->form == CONTENT_ZSTD;

	free(c->path);
	c->path =
	    name_object(c->cluster, c->name, zstd ? PART_ZSTD : PART_SEGMENT);
	if (zstd) {
		ask_zstd(c);
		return;
	}
	transfer(c, STORE_GET, c->offset, c->length, plain_done);
	c->xfer.sink = plain_piece;
	store_start(c->store, &c->xfer);
}

void
content_start(struct content *c)
{
	struct content_object *o = c->object;

	c->size = CONTENT_SIZE_UNKNOWN;
	c->second = o->form != CONTENT_UNKNOWN;
	if (!c->second)
		o->form = c->zstd_first ? CONTENT_ZSTD : CONTENT_PLAIN;
	ask(c);
}
