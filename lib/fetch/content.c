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
#include "fetch/content.h"
#include "format/zseek_decoder.h"

enum {
	/* What is asked for at first of the end of an object: the table, of 20
	 * MiB of contents, or if they were made to a tenth or more, in frames
	 * of 64 KiB. */
	TAIL_LEAST = 4 << 10,
	TAIL_MOST = 1 << 20,
	TAIL_PART = 512,
	/* A larger table is not used. */
	TABLE_MOST = 16 << 20
};

static void ask(struct content *);

void
content_object_release(struct content_object *o)
{
	zseek_table_release(&o->table);
	*o = (struct content_object){0};
}

char *
content_name(
    const char *cluster, const struct name *name, enum content_form form)
{
	return name_object(
	    cluster, name, form == CONTENT_ZSTD ? PART_ZSTD : PART_SEGMENT);
}

static void
finish(struct content *c, enum rc rc)
{
	c->secrecy = c->xfer.secrecy;
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
	    .kind = c->compared ? STORE_DATA : STORE_CLAIM,
	    .done = done,
	    .arg = c,
	};
	memcpy(c->xfer.etag, c->object->etag, sizeof(c->xfer.etag));
	memcpy(c->xfer.version, c->object->version, sizeof(c->xfer.version));
}

/* What the first answer says of the object. */
static void
note_object(struct content *c)
{
	c->object->stored = c->xfer.size;
	memcpy(c->object->etag, c->xfer.etag, sizeof(c->object->etag));
	memcpy(c->object->version, c->xfer.version, sizeof(c->object->version));
}

/* The end of a request; rc is the store's, or what came was bad. */
static void
note_end(struct content *c, enum rc rc)
{
	c->refused = rc == RC_DATA && !c->came;
}

/* ---- which form ---- */

/* It is not there in that form: RC_ABSENT if in the other neither. */
static void
not_there(struct content *c)
{
	enum content_form was = c->object->form;

	c->object->stored = 0;
	if (c->second) {
		c->object->form = CONTENT_UNKNOWN;
		finish(c, RC_ABSENT);
		return;
	}
	c->second = true;
	c->object->form = was == CONTENT_PLAIN ? CONTENT_ZSTD : CONTENT_PLAIN;
	ask(c);
}

/* There are such contents, but not that range of them. */
static enum rc
too_short(struct content *c)
{
	c->too_short = true;
	return c->unsure ? RC_ABSENT
			 : msg_fail(RC_DATA, "%s: cut short", c->path);
}

/* ---- plain ---- */

static enum rc
plain_piece(void *arg, const void *data, size_t len)
{
	struct content *c = arg;

	c->came = true;
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

	note_end(c, rc);
	if (rc == RC_ABSENT && !x->existed) {
		not_there(c);
		return;
	}
	if (rc == RC_ABSENT)
		c->too_short = true;
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
	uint64_t end = c->length ? c->offset + c->length : UINT64_MAX;
	uint64_t from = c->at, to = c->at + len;
	const uint8_t *p = data;
	enum rc rc = RC_OK;

	c->at = to;
	if (to <= c->offset || from >= end)
		return RC_OK;
	if (from < c->offset) {
		p += c->offset - from;
		from = c->offset;
	}
	if (to > end)
		to = end;
	if (c->file)
		rc = file_write(c->file, p, (size_t)(to - from), from);
	return rc ? rc : c->sink(c->arg, p, (size_t)(to - from));
}

/* It takes memory: only from when bytes come. */
static struct zseek_decoder *
decoder(struct content *c)
{
	const struct content_object *o = c->object;

	if (!c->decoder)
		c->decoder = zseek_decoder_at(c->path,
		    o->sought ? &o->table : NULL, c->first, decoded, c);
	return c->decoder;
}

static enum rc
zstd_piece(void *arg, const void *data, size_t len)
{
	struct content *c = arg;
	bool was = msg_hush(c->quiet);
	enum rc rc;

	c->came = true;
	if (!c->object->etag[0])
		note_object(c);
	rc = zseek_decoder_feed(decoder(c), data, len);
	(void)msg_hush(was);
	return rc;
}

static enum rc
end_of_frames(struct content *c)
{
	enum rc rc = zseek_decoder_end(decoder(c), NULL);

	if (rc == RC_OK && c->length && c->at < c->offset + c->length)
		rc = too_short(c);
	if (rc == RC_OK && !c->object->sought)
		c->size = c->at;
	return rc;
}

static void
zstd_done(struct store_xfer *x, enum rc rc)
{
	struct content *c = x->arg;
	bool was;

	note_end(c, rc);
	if (rc == RC_ABSENT && !c->object->looked) {
		not_there(c);
		return;
	}
	was = msg_hush(c->quiet);
	if (rc == RC_OK)
		rc = end_of_frames(c);
	(void)msg_hush(was);
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
	c->first = 0;
	read_zstd(c, 0, 0);
}

/* They came along with the table. */
static void
read_from_tail(struct content *c, uint64_t offset, uint64_t length)
{
	uint64_t skip = offset - (c->object->stored - c->tail.len);
	enum rc rc = zstd_piece(c, c->tail.data + skip, (size_t)length);

	zstd_done(&c->xfer, rc);
}

/* The frames of the range. */
static void
read_frames(struct content *c)
{
	const struct zseek_table *t = &c->object->table;
	uint64_t end = c->length ? c->offset + c->length : t->content, length;
	struct zseek_frame first, last;
	enum rc rc;
	bool was;

	c->size = t->content;
	if (c->offset >= end || end > t->content) {
		was = msg_hush(c->quiet);
		rc = too_short(c);
		(void)msg_hush(was);
		finish(c, rc);
		return;
	}
	c->first = zseek_table_find(t, c->offset);
	zseek_table_frame(t, c->first, &first);
	zseek_table_frame(t, zseek_table_find(t, end - 1), &last);
	c->at = first.content_at;
	length = last.at + last.size - first.at;
	if (first.at + c->tail.len >= c->object->stored)
		read_from_tail(c, first.at, length);
	else
		read_zstd(c, first.at, length);
}

/* ---- the table ---- */

static void ask_size(struct content *);
static void tail_done(struct store_xfer *, enum rc);

/* So many of the last bytes. */
static void
read_tail(struct content *c, uint64_t len)
{
	const struct content_object *o = c->object;

	buf_clear(&c->tail);
	transfer(c, STORE_GET, o->stored - len, len, tail_done);
	c->xfer.buf = &c->tail;
	c->xfer.unsure = c->guess;
	store_start(c->store, &c->xfer);
}

static void
read_first_tail(struct content *c)
{
	uint64_t size = c->object->stored;
	uint64_t len = TAIL_LEAST + size / TAIL_PART;

	if (len > TAIL_MOST)
		len = TAIL_MOST;
	read_tail(c, len < size ? len : size);
}

/* RC_ABSENT: none that is used. */
static enum rc
open_table(struct content *c, uint64_t *len)
{
	struct content_object *o = c->object;
	enum rc rc = zseek_table_length(
	    c->path, c->tail.data, c->tail.len, o->stored, len);

	if (rc == RC_OK && *len > TABLE_MOST) {
		msg_info("%s: its table is too large to be used", c->path);
		rc = RC_ABSENT;
	}
	if (rc == RC_OK && *len > c->tail.len)
		return RC_OK;
	if (rc == RC_OK)
		rc = zseek_table_open(&o->table, c->path,
		    c->tail.data + c->tail.len - *len, *len, o->stored);
	o->looked = rc == RC_OK || rc == RC_ABSENT;
	o->sought = rc == RC_OK;
	return rc;
}

/* The end of an object whose size was only believed to be that: done with
 * that? */
static bool
guessed_wrong(struct content *c, enum rc rc)
{
	const struct store_xfer *x = &c->xfer;

	c->guess = false;
	if (rc == RC_ABSENT && !x->existed) {
		not_there(c);
		return true;
	}
	if (rc == RC_ABSENT || (rc == RC_OK && x->size != c->object->stored)) {
		ask_size(c);
		return true;
	}
	if (rc == RC_OK)
		note_object(c);
	return false;
}

static void
tail_done(struct store_xfer *x, enum rc rc)
{
	struct content *c = x->arg;
	uint64_t len = 0;
	bool was;

	note_end(c, rc);
	if (c->guess && guessed_wrong(c, rc))
		return;
	was = msg_hush(c->quiet);
	if (rc == RC_ABSENT)
		rc = msg_fail(RC_DATA, "%s: gone", c->path);
	if (rc == RC_OK)
		rc = open_table(c, &len);
	(void)msg_hush(was);
	if (rc == RC_OK && !c->object->sought)
		read_tail(c, len);
	else if (rc == RC_OK)
		read_frames(c);
	else if (rc == RC_ABSENT)
		read_whole(c);
	else
		finish(c, rc);
}

static void
size_done(struct store_xfer *x, enum rc rc)
{
	struct content *c = x->arg;

	note_end(c, rc);
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
	read_first_tail(c);
}

static void
ask_size(struct content *c)
{
	transfer(c, STORE_HEAD, 0, 0, size_done);
	store_start(c->store, &c->xfer);
}

/* ---- a request ---- */

static void
ask_zstd(struct content *c)
{
	const struct content_object *o = c->object;

	if (o->sought)
		read_frames(c);
	else if (o->looked || (c->offset == 0 && c->length == 0))
		read_whole(c);
	else if (o->stored)
		read_first_tail(c);
	else
		ask_size(c);
}

static void
ask(struct content *c)
{
	free(c->path);
	c->path = content_name(c->cluster, c->name, c->object->form);
	if (c->object->form == CONTENT_ZSTD) {
		ask_zstd(c);
		return;
	}
	transfer(c, STORE_GET, c->offset, c->length, plain_done);
	c->xfer.sink = plain_piece;
	c->xfer.file = c->file;
	c->xfer.unsure = c->unsure;
	store_start(c->store, &c->xfer);
}

void
content_start(struct content *c)
{
	struct content_object *o = c->object;

	c->size = CONTENT_SIZE_UNKNOWN;
	c->too_short = c->came = c->refused = false;
	c->second = o->form != CONTENT_UNKNOWN;
	c->guess = o->stored && !o->etag[0];
	if (!c->second)
		o->form = c->zstd_first ? CONTENT_ZSTD : CONTENT_PLAIN;
	ask(c);
}

static void
ended(struct content *c, enum rc rc)
{
	c->ended = true;
	c->rc = rc;
}

enum rc
content_do(struct content *c)
{
	c->done = ended;
	c->ended = false;
	content_start(c);
	while (!c->ended)
		store_step(c->store);
	return c->rc;
}
