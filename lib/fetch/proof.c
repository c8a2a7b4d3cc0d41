/* proof: see proof.h. */

#include <stdlib.h>

#include "base/buf.h"
#include "fetch/proof.h"

static void
finish(struct proof *p, enum rc rc)
{
	segstream_free(p->stream);
	content_object_release(&p->object);
	XXH3_freeState(p->sum);
	buf_release(&p->index);
	free(p->index_name);
	free(p->data_name);
	p->done(p, rc);
}

/* Its length, if it is not plain, its end will tell. */
static void
begin_stream(struct proof *p)
{
	free(p->data_name);
	p->data_name = content_name(p->cluster, &p->name, p->object.form);
	p->stream = segstream_new(p->data_name, &p->name.key, p->content.size,
	    p->index_name, p->index.data, p->index.len, false);
	XXH3_128bits_reset(p->sum);
}

static enum rc
data_arrives(void *arg, const void *data, size_t len)
{
	struct proof *p = arg;

	if (!p->stream)
		begin_stream(p);
	XXH3_128bits_update(p->sum, data, len);
	return segstream_feed(p->stream, data, len);
}

static enum rc
end_of_data(struct proof *p)
{
	XXH128_hash_t sum;
	enum rc rc;

	if (!p->stream)
		begin_stream(p); /* nothing came */
	rc = segstream_end(p->stream, &p->header, NULL);
	if (rc)
		return rc;
	sum = XXH3_128bits_digest(p->sum);
	if (p->second && !XXH128_isEqual(sum, p->first_sum))
		return msg_fail(RC_DATA,
		    "%s: differs from the same segment in the other encoding",
		    p->data_name);
	p->first_sum = sum;
	/* Where both are there the plain one counts. */
	if (!p->second || p->object.form == CONTENT_PLAIN) {
		p->form = p->object.form;
		p->stored = p->object.stored;
	}
	return RC_OK;
}

static void data_done(struct content *, enum rc);

static void
read_data(struct proof *p, enum content_form form)
{
	segstream_free(p->stream);
	p->stream = NULL;
	content_object_release(&p->object);
	p->object.form = form;
	p->content = (struct content){
	    .store = p->store,
	    .cluster = p->cluster,
	    .name = &p->name,
	    .object = &p->object,
	    .zstd_first = p->zstd_first,
	    .sink = data_arrives,
	    .done = data_done,
	    .arg = p,
	};
	content_start(&p->content);
}

static void
data_done(struct content *c, enum rc rc)
{
	struct proof *p = c->arg;

	if (rc == RC_OK)
		rc = end_of_data(p);
	if (rc == RC_OK && !p->second) {
		p->second = true;
		read_data(p, p->object.form == CONTENT_PLAIN ? CONTENT_ZSTD
							     : CONTENT_PLAIN);
		return;
	}
	if (rc == RC_ABSENT && p->second)
		rc = RC_OK;
	if (rc == RC_ABSENT) {
		p->data_name =
		    content_name(p->cluster, &p->name, CONTENT_PLAIN);
		rc = msg_fail(RC_DATA, "%s: not in the store", p->data_name);
	}
	finish(p, rc);
}

static void
index_done(struct store_xfer *x, enum rc rc)
{
	struct proof *p = x->arg;

	if (rc == RC_ABSENT)
		rc = msg_fail(RC_DATA, "%s: not in the store", p->index_name);
	if (rc)
		finish(p, rc);
	else
		read_data(p, CONTENT_UNKNOWN);
}

void
proof_start(struct proof *p)
{
	p->sum = XXH3_createState();
	if (!p->sum)
		exit(msg_fail(RC_SYSTEM, "out of memory"));
	p->index_name = name_object(p->cluster, &p->name, PART_INDEX);
	p->xfer = (struct store_xfer){
	    .verb = STORE_GET,
	    .object = p->index_name,
	    .buf = &p->index,
	    .done = index_done,
	    .arg = p,
	};
	store_start(p->store, &p->xfer);
}
