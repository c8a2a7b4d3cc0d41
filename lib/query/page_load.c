/* page_load: see page_load.h. */

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "query/page_load.h"
#include "remote/remote_met.h"

enum { GAP_MAX = 16 << 10 }; /* bytes that joining two ranges may cost */

/* A request: frames of one source by their positions. */
struct load {
	struct page_load *to;
	struct content content;
	struct content_object known;
	struct name name;
	char *object;
	struct seg_header header;
	struct disk_cache_id id;
	struct buf bytes;
	size_t n;
	struct remote_want want[];
};

/* ---- one request ---- */

static uint64_t
frame_offset(const struct seg_header *h, uint64_t position)
{
	return seg_header_size(h) + position * seg_frame_size(h);
}

static const char *
frame_fault(const struct seg_header *h, uint32_t page, const uint8_t *frame)
{
	struct seg_frame got = {0};
	const char *fault = seg_frame_decode(&got, h, frame);

	if (!fault && got.page_no != page)
		fault = "it is another page";
	return fault;
}

/* The page is there; or it is not and, if it is waited for, why. */
static void
take_frame(struct load *l, const struct remote_want *w, const uint8_t *frame)
{
	struct page_load *p = l->to;
	const char *fault = frame_fault(&l->header, w->page, frame);

	if (fault) {
		page_cache_drop(p->cache, w->page);
		if (w->page == p->asked)
			p->rc = msg_fail(RC_DATA, "%s: frame %u of page %u: %s",
			    l->object, w->position, w->page, fault);
		return;
	}
	memcpy(page_cache_coming(p->cache, w->page),
	    frame + seg_frame_header_size(&l->header), p->set->last.page_size);
	page_cache_arrived(p->cache, w->page);
	if (p->set->o->disk)
		disk_cache_put(p->set->o->disk, &l->id, w->position, frame,
		    seg_frame_size(&l->header));
}

static void
load_free(struct load *l)
{
	content_object_release(&l->known);
	free(l->object);
	buf_release(&l->bytes);
	free(l);
}

/* Its pages do not come.  gone: what is not in the store is said to who waits
 * for a page. */
static void
load_failed(struct load *l, enum rc rc, bool gone)
{
	struct page_load *p = l->to;

	for (size_t i = 0; i < l->n; i++) {
		page_cache_drop(p->cache, l->want[i].page);
		if (l->want[i].page == p->asked)
			p->rc = gone ? msg_fail(RC_DATA, "%s: not in the store",
					   l->object)
				     : rc;
	}
}

static enum rc
load_arrives(void *arg, const void *data, size_t len)
{
	struct load *l = arg;

	buf_add(&l->bytes, data, len);
	return RC_OK;
}

static void
load_done(struct content *c, enum rc rc)
{
	struct load *l = c->arg;
	bool gone = rc == RC_ABSENT && !c->too_short;

	l->to->running--;
	free(l->object);
	l->object = content_name(c->cluster, c->name, l->known.form);
	if (rc == RC_OK && l->bytes.len != c->length)
		rc = msg_fail(RC_DATA, "%s: cut short", l->object);
	if (rc == RC_OK || (rc == RC_ABSENT && !gone))
		rc = remote_met_range(
		    l->to->set, l->want[0].source, &l->header, c, &l->bytes);
	/* They are elsewhere: who waits asks again. */
	if (rc)
		load_failed(l, rc == RC_ABSENT ? RC_OK : rc, gone);
	for (size_t i = 0; rc == RC_OK && i < l->n; i++)
		take_frame(l, &l->want[i],
		    (const uint8_t *)l->bytes.data +
			(frame_offset(&l->header, l->want[i].position) -
			    c->offset));
	load_free(l);
}

/* Whichever way it is kept. */
static struct disk_cache_id
source_id(const struct page_load *p, uint32_t source)
{
	char *object = remote_set_object(p->set, source, PART_SEGMENT);
	struct disk_cache_id id =
	    disk_cache_id(store_name(p->set->o->store), object);

	free(object);
	return id;
}

/* Ask for n frames of one source, by their positions, each once. */
static enum rc
load_start(struct page_load *p, const struct remote_want *want, size_t n)
{
	struct load *l = xcalloc(1, sizeof(*l) + n * sizeof(l->want[0]));
	uint32_t source = want[0].source;
	enum rc rc;

	l->to = p;
	l->n = n;
	memcpy(l->want, want, n * sizeof(*want));
	l->name = remote_set_name(p->set, source);
	rc = remote_met_prepare(p->set, source);
	l->header = remote_set_header(p->set, source);
	/* The object that was read before, not one put in its place. */
	if (rc == RC_OK)
		rc = remote_set_known(p->set, source, &l->known);
	if (rc) {
		load_failed(l, rc, false);
		load_free(l);
		return rc;
	}
	l->content = (struct content){
	    .store = p->set->o->store,
	    .cluster = p->set->o->cluster,
	    .name = &l->name,
	    .object = &l->known,
	    .zstd_first = l->known.stored > 0,
	    .unsure = !p->set->source[source].known,
	    .offset = remote_met_from(
		p->set, source, frame_offset(&l->header, want[0].position)),
	    .sink = load_arrives,
	    .done = load_done,
	    .arg = l,
	};
	l->content.length =
	    frame_offset(&l->header, want[n - 1].position + 1ULL) -
	    l->content.offset;
	if (p->set->o->disk)
		l->id = source_id(p, source);
	p->running++;
	content_start(&l->content);
	return RC_OK;
}

/* ---- many of them ---- */

/* In the cache on disk? */
static bool
take_from_disk(struct page_load *p, const struct remote_want *w, uint8_t *data)
{
	struct seg_header h = remote_set_header(p->set, w->source);
	uint8_t frame[SEG_FRAME_LATER + SEG_PAGE_MAX];
	struct disk_cache_id id;

	if (!p->set->o->disk)
		return false;
	id = source_id(p, w->source);
	if (!disk_cache_get(
		p->set->o->disk, &id, w->position, frame, seg_frame_size(&h)) ||
	    frame_fault(&h, w->page, frame))
		return false;
	memcpy(data, frame + seg_frame_header_size(&h), h.page_size);
	page_cache_arrived(p->cache, w->page);
	return true;
}

bool
page_load_collect(struct page_load *p, const struct remote_want *w,
    struct remote_want *want, size_t *k)
{
	uint8_t *data;
	bool coming;

	if (w->page == seg_lock_page(p->set->last.page_size) ||
	    page_cache_get(p->cache, w->page, &coming) || coming)
		return true;
	data = page_cache_add(p->cache, w->page);
	if (!data)
		return false;
	if (!take_from_disk(p, w, data))
		want[(*k)++] = *w;
	return true;
}

static int
by_place(const void *a, const void *b)
{
	const struct remote_want *x = a, *y = b;

	if (x->source != y->source)
		return x->source < y->source ? -1 : 1;
	return x->position < y->position ? -1 : x->position > y->position;
}

static bool
joins(const struct page_load *p, const struct remote_want *a,
    const struct remote_want *b)
{
	return a->source == b->source && a->position < b->position &&
	       (uint64_t)(b->position - a->position - 1) *
		       p->set->last.page_size <=
		   GAP_MAX;
}

enum rc
page_load_start(struct page_load *p, struct remote_want *want, size_t k)
{
	size_t first = 0;
	enum rc rc = RC_OK;

	if (k > 1)
		qsort(want, k, sizeof(*want), by_place);
	for (size_t i = 1; i <= k; i++) {
		if (i < k && joins(p, &want[i - 1], &want[i]))
			continue;
		rc = rc_max(rc, load_start(p, want + first, i - first));
		first = i;
	}
	return rc;
}
