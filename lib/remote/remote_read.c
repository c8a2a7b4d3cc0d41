/*
 * remote_read: see remote_read.h.
 *
 * An index is in memory only while its pages go into an external sort, by page
 * and then from the newest segment to the oldest: the first of a page is the
 * one that counts.
 */

#include <stdlib.h>

#include "base/buf.h"
#include "base/coalesce.h"
#include "base/file.h"
#include "base/sort.h"
#include "remote/remote_index.h"
#include "remote/remote_read.h"
#include "segment/segpair.h"

enum { SLOTS_MAX = 64 };

/* A source whose index and header are under way. */
struct slot {
	struct remote_reading *reading;
	size_t source;
	char *index_name, *data_name;
	struct file *index;     /* scratch */
	struct file_map cached; /* or one that was on disk */
	struct store_xfer index_xfer;
	bool header_read; /* or it is on its way: */
	struct buf header;
	struct content content;
	struct name name;
	struct content_object known;
	unsigned running;
	enum rc index_rc;
	struct slot *next; /* free */
};

struct remote_reading {
	struct remote_set *set;
	struct slot slot[SLOTS_MAX];
	struct slot *free;
	size_t next;      /* source to begin with */
	unsigned running; /* transfers */
	struct sort *places;
	enum rc rc;
};

static void pump(struct remote_reading *);
static void reading_free(struct remote_reading *);

/* ---- one source ---- */

static int
place_cmp(const void *a, const void *b)
{
	const struct remote_want *x = a, *y = b;

	if (x->page != y->page)
		return x->page < y->page ? -1 : 1;
	return x->source > y->source ? -1 : x->source < y->source;
}

static enum rc
take_header(struct remote_reading *r, size_t i, const char *name,
    const struct seg_header *h)
{
	struct remote_source *s = &r->set->source[i];
	enum rc rc = remote_set_learn(r->set, i, name, h);

	if (rc)
		return rc;
	s->cutoff = h->size_after;
	r->set->frames += h->frames;
	if (i == r->set->n - 1)
		r->set->last = *h;
	return RC_OK;
}

/* A source that was fetched whole, and verified then. */
static enum rc
read_local(struct remote_reading *r, size_t i)
{
	char *seg_path = remote_set_path(r->set, i, PART_SEGMENT);
	char *idx_path = remote_set_path(r->set, i, PART_INDEX);
	struct file *seg = NULL, *idx = NULL;
	struct seg_header h;
	struct secrecy secrecy = {0};
	enum rc rc = file_open(&seg, seg_path);

	if (rc == RC_OK)
		rc = file_secrecy(seg, &secrecy);
	if (rc == RC_OK)
		rc = segpair_check(seg, NULL, &r->set->key[i], &h, NULL);
	if (rc == RC_OK)
		rc = take_header(r, i, seg_path, &h);
	if (rc == RC_OK)
		rc = file_open(&idx, idx_path);
	if (rc == RC_OK)
		rc = remote_index_take_file(
		    r->set, i, idx, idx_path, &h, r->places);
	if (rc == RC_ABSENT)
		rc = msg_fail(RC_DATA, "%s: gone", seg_path);
	secrecy_add(&r->set->secrecy, &secrecy);
	file_close(&seg);
	file_close(&idx);
	free(seg_path);
	free(idx_path);
	return rc;
}

/* ---- many of them ---- */

/* RC_ABSENT: there is none, and none is needed so far. */
static enum rc
slot_header(struct slot *t, struct seg_header *h)
{
	struct remote_reading *r = t->reading;
	enum rc rc;

	if (!t->header_read)
		return RC_ABSENT;
	rc = seg_header_parse(h, t->data_name, t->header.data, t->header.len,
	    t->content.size, &r->set->key[t->source]);
	if (rc == RC_OK)
		rc = take_header(r, t->source, t->data_name, h);
	if (rc == RC_OK)
		rc = remote_set_keep(r->set, t->source, &t->known);
	secrecy_add(&r->set->secrecy, &t->content.secrecy);
	return rc;
}

static enum rc
no_index(struct slot *t)
{
	struct remote_set *set = t->reading->set;

	if (t->index_rc == RC_ABSENT)
		remote_index_wrong(set, t->index_name, "not in the store");
	if (!set->o->fetch_whole)
		return RC_DATA;
	set->source[t->source].wrong = true;
	return RC_OK;
}

/* RC_ABSENT: the header is needed. */
static enum rc
slot_source(struct slot *t)
{
	struct remote_reading *r = t->reading;
	struct seg_header h;
	enum rc rc = slot_header(t, &h);
	const struct seg_header *known = rc == RC_OK ? &h : NULL;

	if (rc && rc != RC_ABSENT)
		return rc;
	if (t->index_rc)
		return no_index(t);
	if (t->cached.data)
		return remote_index_take(r->set, t->source, &t->cached,
		    t->index_name, known, r->places);
	return remote_index_take_file(
	    r->set, t->source, t->index, t->index_name, known, r->places);
}

static void header_start(struct slot *);

/* Its transfers are done. */
static void
slot_end(struct slot *t)
{
	struct remote_reading *r = t->reading;
	enum rc rc = RC_OK;

	if (r->rc == RC_OK)
		rc = slot_source(t);
	if (rc == RC_ABSENT) {
		header_start(t);
		return;
	}
	r->rc = rc_max(r->rc, rc);
	file_unmap(&t->cached);
	content_object_release(&t->known);
	free(t->index_name);
	free(t->data_name);
	t->index_name = t->data_name = NULL;
	t->next = r->free;
	r->free = t;
}

static void
slot_done(struct slot *t, enum rc rc)
{
	struct remote_reading *r = t->reading;

	r->running--;
	r->rc = rc_max(r->rc, rc);
	if (--t->running > 0)
		return;
	slot_end(t);
	pump(r);
}

static void
index_done(struct store_xfer *x, enum rc rc)
{
	struct slot *t = x->arg;

	t->index_rc = rc;
	slot_done(t, rc == RC_ABSENT || rc == RC_DATA ? RC_OK : rc);
}

static enum rc
header_arrives(void *arg, const void *data, size_t len)
{
	struct slot *t = arg;

	buf_add(&t->header, data, len);
	return RC_OK;
}

static void
header_done(struct content *c, enum rc rc)
{
	struct slot *t = c->arg;

	t->data_name = content_name(c->cluster, c->name, t->known.form);
	if (rc == RC_ABSENT)
		rc = msg_fail(RC_DATA, "%s: not in the store", t->data_name);
	slot_done(t, rc);
}

static void
header_start(struct slot *t)
{
	const struct remote_set *s = t->reading->set;

	t->name = remote_set_name(s, t->source);
	t->known = (struct content_object){0};
	if (s->o->stored)
		t->known.stored = stored_bytes(s->o->stored, &t->name.key);
	t->header_read = true;
	buf_clear(&t->header);
	t->content = (struct content){
	    .store = s->o->store,
	    .cluster = s->o->cluster,
	    .name = &t->name,
	    .object = &t->known,
	    .zstd_first = t->known.stored > 0,
	    .length = SEG_HEADER_MAX,
	    .sink = header_arrives,
	    .done = header_done,
	    .arg = t,
	};
	t->running++;
	t->reading->running++;
	content_start(&t->content);
}

static void
index_start(struct slot *t)
{
	t->index_xfer = (struct store_xfer){
	    .verb = STORE_GET,
	    .object = t->index_name,
	    .file = t->index,
	    .done = index_done,
	    .arg = t,
	};
	t->running++;
	t->reading->running++;
	store_start(t->reading->set->o->store, &t->index_xfer);
}

static enum rc
slot_start(struct slot *t, size_t i)
{
	struct remote_set *set = t->reading->set;
	enum rc rc =
	    t->index ? file_truncate(t->index, 0) : file_scratch(&t->index);

	if (rc)
		return rc;
	t->reading->free = t->next;
	t->source = i;
	t->index_name = remote_set_object(set, i, PART_INDEX);
	t->index_rc = RC_OK;
	t->header_read = false;
	if (!remote_index_cached(set, t->index_name, &t->cached))
		index_start(t);
	if (!set->o->lazy || i == set->n - 1)
		header_start(t);
	if (t->running == 0)
		slot_end(t);
	return RC_OK;
}

/* As many sources as there are slots for, and so on until all were begun. */
static void
pump(struct remote_reading *r)
{
	struct remote_set *set = r->set;

	while (r->rc == RC_OK && r->next < set->n &&
	       (r->free || set->source[r->next].local)) {
		size_t i = r->next++;

		r->rc = rc_max(r->rc, set->source[i].local
					  ? read_local(r, i)
					  : slot_start(r->free, i));
	}
}

static void
slots_new(struct remote_reading *r)
{
	size_t n = store_parallel(r->set->o->store);

	if (n > SLOTS_MAX)
		n = SLOTS_MAX;
	for (size_t i = 0; i < n; i++) {
		r->slot[i].reading = r;
		r->slot[i].next = r->free;
		r->free = &r->slot[i];
	}
}

static void
reading_free(struct remote_reading *r)
{
	for (size_t i = 0; i < SLOTS_MAX; i++) {
		file_close(&r->slot[i].index);
		buf_release(&r->slot[i].header);
	}
	sort_free(r->places);
	r->set->reading = NULL;
	free(r);
}

/* ---- all ---- */

/* What its own or a later segment's size cuts off is no page of the merge. */
static enum rc
set_cutoffs(struct remote_set *s)
{
	uint32_t cutoff = UINT32_MAX;
	enum rc rc = RC_OK;

	for (size_t i = s->n; i-- > 0;) {
		if (s->source[i].cutoff < cutoff)
			cutoff = s->source[i].cutoff;
		s->source[i].cutoff = cutoff;
		if (s->source[i].wrong)
			rc = RC_ABSENT;
	}
	return rc;
}

static enum rc
keep_wanted(struct remote_set *s, struct sort *places)
{
	struct coalesce *out = coalesce_new(s->wants, 0);
	struct remote_want w;
	uint32_t last = 0;
	enum rc rc, bad = RC_OK;

	while (bad == RC_OK && (rc = sort_next(places, &w)) == RC_OK) {
		if (w.page == last)
			continue;
		last = w.page;
		if (w.page > s->source[w.source].cutoff)
			continue;
		s->needed++;
		bad = coalesce_copy(out, &w, sizeof(w));
	}
	if (bad == RC_OK)
		bad = rc == RC_ABSENT ? coalesce_flush(out) : rc;
	coalesce_free(out);
	return bad;
}

void
remote_read_begin(struct remote_set *s)
{
	struct remote_reading *r = xcalloc(1, sizeof(*r));

	s->frames = s->needed = s->wants_read = 0;
	s->secrecy = (struct secrecy){0};
	for (size_t i = 0; i < s->n; i++) {
		s->source[i].frames = 0;
		s->source[i].known = false;
		s->source[i].cutoff = UINT32_MAX;
	}
	remote_set_forget(s);
	s->reading = r;
	r->set = s;
	r->places = sort_new(sizeof(struct remote_want), place_cmp);
	slots_new(r);
	r->rc = remote_set_nothing_known(s);
	if (r->rc == RC_OK)
		r->rc = file_scratch(&s->wants);
	pump(r);
}

bool
remote_read_is_there(const struct remote_set *s)
{
	return !s->reading || s->reading->running == 0;
}

void
remote_read_give_up(struct remote_set *s)
{
	struct remote_reading *r = s->reading;

	if (!r)
		return;
	r->rc = rc_max(r->rc, RC_SYSTEM);
	while (r->running > 0)
		store_step(s->o->store);
	reading_free(r);
}

enum rc
remote_read_finish(struct remote_set *s)
{
	struct remote_reading *r = s->reading;
	enum rc rc;

	while (r->running > 0)
		store_step(s->o->store);
	rc = r->rc;
	if (rc == RC_OK)
		rc = set_cutoffs(s);
	if (rc == RC_OK)
		rc = keep_wanted(s, r->places);
	reading_free(r);
	return rc;
}

enum rc
remote_read(struct remote_set *s)
{
	remote_read_begin(s);
	return remote_read_finish(s);
}
