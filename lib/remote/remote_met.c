/* remote_met: see remote_met.h. */

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "remote/remote_met.h"

enum { NEAR = 16 << 10 }; /* bytes that taking a header along may cost */

static enum rc
say(const struct content *c, const char *what)
{
	char *object = content_name(c->cluster, c->name, c->object->form);
	enum rc rc = msg_fail(RC_DATA, "%s: %s", object, what);

	free(object);
	return rc;
}

static enum rc
take_header(struct remote_set *s, size_t i, const struct content *c,
    const struct buf *bytes)
{
	char *object = content_name(c->cluster, c->name, c->object->form);
	struct seg_header h;
	enum rc rc = seg_header_parse(
	    &h, object, bytes->data, bytes->len, c->size, &s->key[i]);

	if (rc == RC_OK)
		rc = remote_set_learn(s, i, object, &h);
	free(object);
	return rc;
}

static enum rc
header_arrives(void *arg, const void *data, size_t len)
{
	buf_add(arg, data, len);
	return RC_OK;
}

static enum rc
read_header(struct remote_set *s, size_t i)
{
	struct name name = remote_set_name(s, i);
	struct content_object known;
	struct buf bytes = {0};
	struct content c = {
	    .store = s->o->store,
	    .cluster = s->o->cluster,
	    .name = &name,
	    .object = &known,
	    .length = SEG_HEADER_MAX,
	    .sink = header_arrives,
	    .arg = &bytes,
	};
	enum rc rc = remote_set_known(s, i, &known);

	if (rc)
		return rc;
	rc = content_do(&c);
	if (rc == RC_ABSENT)
		rc = say(&c, "not in the store");
	if (rc == RC_OK)
		rc = take_header(s, i, &c, &bytes);
	buf_release(&bytes);
	content_object_release(&known);
	return rc;
}

enum rc
remote_met_prepare(struct remote_set *s, size_t i)
{
	if (s->source[i].known || !s->source[i].doubtful)
		return RC_OK;
	return read_header(s, i);
}

uint64_t
remote_met_from(const struct remote_set *s, size_t i, uint64_t offset)
{
	return s->source[i].known || offset > NEAR ? offset : 0;
}

/* All that is read of an object is of one. */
static enum rc
note_object(struct remote_set *s, size_t i, const struct content *c)
{
	const struct content_object *now = c->object;
	struct content_object before;
	enum rc rc = remote_set_known(s, i, &before);

	if (rc)
		return rc;
	if (before.form == CONTENT_UNKNOWN)
		rc = remote_set_keep(s, i, now);
	else if (before.form != now->form ||
		 strcmp(before.etag, now->etag) != 0)
		rc = say(c, "changed meanwhile");
	content_object_release(&before);
	return rc;
}

enum rc
remote_met_range(struct remote_set *s, size_t i, const struct seg_header *h,
    const struct content *c, const struct buf *bytes)
{
	struct remote_source *source = &s->source[i];
	enum rc rc;

	if (c->too_short) {
		source->doubtful = true;
		return RC_ABSENT;
	}
	rc = note_object(s, i, c);
	if (rc == RC_OK && !source->known) {
		if (c->offset == 0) {
			rc = take_header(s, i, c, bytes);
		} else if (c->size == seg_size(h)) {
			source->later = h->layout == SEG_LATER;
			source->known = true;
		} else {
			source->doubtful = true;
			return RC_ABSENT;
		}
	}
	if (rc == RC_OK && source->later != (h->layout == SEG_LATER))
		return RC_ABSENT;
	return rc;
}
