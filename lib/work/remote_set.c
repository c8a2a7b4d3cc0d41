/*
 * remote_set: see remote_set.h.
 *
 * An index is in memory only while its pages go into an external sort, by page
 * and then from the newest segment to the oldest: the first of a page is the
 * one that counts.  An index is checked as a whole before any of its pages is
 * taken, so that a wrong one leaves none.
 */

#include <stdlib.h>

#include "base/buf.h"
#include "base/coalesce.h"
#include "base/file.h"
#include "base/sort.h"
#include "format/index.h"
#include "segment/segpair.h"
#include "work/remote_set.h"

enum { SLOTS_MAX = 64 };

/* An index is a few bytes a page; what claims more than this is none. */
#define INDEX_MAX (UINT64_C(4) << 30)

/* A source whose index and header are under way. */
struct slot {
	struct remote_reading *reading;
	size_t source;
	char *index_name, *data_name;
	struct file *index; /* scratch */
	struct store_xfer index_xfer;
	struct buf header;
	struct content content; /* that it comes from */
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
	unsigned running; /* transfers */
	struct sort *places;
	uint32_t page_size; /* of whichever came first */
	enum rc rc;
};

void
remote_set_init(struct remote_set *s, const struct remote_merge_opts *o,
    const char *namespace, const struct key *key, size_t n)
{
	*s = (struct remote_set){.o = o, .key = key, .n = n};
	name_set(&s->merged, namespace, &key[n - 1]);
	s->merged.key.start = key[0].start;
	s->source = xcalloc(n, sizeof(*s->source));
}

static void
forget(struct remote_set *s)
{
	file_unmap(&s->tables_map);
	file_close(&s->objects);
	file_close(&s->tables);
	file_close(&s->wants);
	s->tables_size = 0;
}

void
remote_set_release(struct remote_set *s)
{
	forget(s);
	free(s->source);
}

struct name
remote_set_name(const struct remote_set *s, size_t i)
{
	struct name name = s->merged;

	name.key = s->key[i];
	return name;
}

char *
remote_set_object(const struct remote_set *s, size_t i, enum part part)
{
	struct name name = remote_set_name(s, i);

	return name_object(s->o->cluster, &name, part);
}

char *
remote_set_path(const struct remote_set *s, size_t i, enum part part)
{
	struct name name = remote_set_name(s, i);

	return name_path(s->o->dir, &name, part);
}

struct seg_header
remote_set_header(const struct remote_set *s, size_t i)
{
	return (struct seg_header){
	    .layout = s->source[i].later ? SEG_LATER : SEG_OLD,
	    .key = s->key[i],
	    .frames = s->source[i].frames,
	    .page_size = s->last.page_size,
	};
}

/* ---- what is known of objects ---- */

/* In the scratch file; at: of its table in the other. */
struct known {
	struct content_object object;
	uint64_t at;
};

static enum rc
keep_known(struct remote_set *s, size_t i, const struct content_object *o)
{
	struct known k = {*o, s->tables_size};
	uint64_t size = zseek_table_size(&o->table);
	enum rc rc = RC_OK;

	s->source[i].compressed = o->sought;
	if (o->sought) {
		/* Each aligned. */
		s->tables_size += (size + 7) / 8 * 8;
		rc = file_write(s->tables, o->table.places, size, k.at);
	}
	k.object.table.places = NULL;
	k.object.table.entries = NULL;
	k.object.table.memory = NULL;
	return rc ? rc
		  : file_write(
			s->objects, &k, sizeof(k), (uint64_t)i * sizeof(k));
}

enum rc
remote_set_known(struct remote_set *s, size_t i, struct content_object *o)
{
	struct known k;
	enum rc rc =
	    file_read(s->objects, &k, sizeof(k), (uint64_t)i * sizeof(k));

	if (rc == RC_OK && k.object.sought && !s->tables_map.data)
		rc = file_map(&s->tables_map, s->tables, UINT64_MAX);
	if (rc)
		return rc;
	*o = k.object;
	if (o->sought)
		zseek_table_borrow(
		    &o->table, (const uint8_t *)s->tables_map.data + k.at);
	return RC_OK;
}

/* ---- one source ---- */

static int
place_cmp(const void *a, const void *b)
{
	const struct remote_want *x = a, *y = b;

	if (x->page != y->page)
		return x->page < y->page ? -1 : 1;
	return x->source > y->source ? -1 : x->source < y->source;
}

/* What an index can be wrong about without the data. */
static const char *
index_fault(
    const struct fst *fst, const struct seg_header *h, bool exact, enum rc *rc)
{
	struct fst_iter it;
	uint32_t page;
	uint64_t position, k;

	if (exact ? fst->count != h->frames : fst->count > h->frames)
		return "wrong: it has not as many pages as the data";
	fst_iter_init(&it, fst);
	for (k = 0; (*rc = fst_iter_next(&it, &page, &position)) == RC_OK; k++)
		if (page == 0 || position >= h->frames ||
		    (h->layout == SEG_OLD && position != k))
			return "wrong: its positions are not those of the "
			       "frames";
	return NULL; /* RC_DATA was reported */
}

static enum rc
add_places(struct remote_reading *r, size_t i, const struct fst *fst,
    const struct seg_header *h)
{
	struct remote_want w = {.source = (uint32_t)i};
	struct fst_iter it;
	uint64_t position;
	enum rc rc;

	fst_iter_init(&it, fst);
	while ((rc = fst_iter_next(&it, &w.page, &position)) == RC_OK) {
		w.position = (uint32_t)position;
		if (w.page > h->size_after)
			continue;
		rc = sort_add(r->places, &w);
		if (rc)
			return rc;
	}
	return rc == RC_ABSENT ? RC_OK : rc;
}

/* Who can fetch the segment whole is told, for whom that is the end it is. */
static enum rc
say_wrong(const struct remote_set *s, const char *name, const char *why)
{
	if (!s->o->fetch_whole)
		return msg_fail(RC_DATA, "%s: %s", name, why);
	msg_warn("%s: %s", name, why);
	return RC_DATA;
}

/* Each frame of the data has its page in the index; but an index that was made
 * from data of the LATER layout leaves out what the data has twice. */
static enum rc
take_index(struct remote_reading *r, size_t i, struct file *f, const char *name,
    const struct seg_header *h)
{
	struct remote_source *s = &r->set->source[i];
	struct file_map map;
	struct fst fst;
	const char *fault = NULL;
	enum rc rc = file_map(&map, f, INDEX_MAX);

	if (rc == RC_OK) {
		rc = index_open(&fst, name, map.data, map.len);
		if (rc == RC_OK)
			fault = index_fault(&fst, h, !s->local, &rc);
		if (fault)
			rc = say_wrong(r->set, name, fault);
		else if (rc == RC_ABSENT)
			rc = add_places(r, i, &fst, h);
		file_unmap(&map);
	}
	if (rc == RC_DATA && r->set->o->fetch_whole) {
		s->wrong = true;
		rc = RC_OK;
	}
	return rc;
}

static enum rc
take_header(struct remote_reading *r, size_t i, const char *name,
    const struct seg_header *h)
{
	struct remote_source *s = &r->set->source[i];

	if (r->page_size == 0)
		r->page_size = h->page_size;
	if (h->page_size != r->page_size)
		return msg_fail(RC_DATA,
		    "%s: pages of %u bytes in a set with pages of %u", name,
		    h->page_size, r->page_size);
	s->frames = h->frames;
	s->cutoff = h->size_after;
	s->later = h->layout == SEG_LATER;
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
	mode_t mode = 0;
	enum rc rc = file_open(&seg, seg_path);

	if (rc == RC_OK)
		rc = file_mode(seg, &mode);
	if (rc == RC_OK)
		rc = segpair_check(seg, NULL, &r->set->key[i], &h, NULL);
	if (rc == RC_OK)
		rc = take_header(r, i, seg_path, &h);
	if (rc == RC_OK)
		rc = file_open(&idx, idx_path);
	if (rc == RC_OK)
		rc = take_index(r, i, idx, idx_path, &h);
	if (rc == RC_ABSENT)
		rc = msg_fail(RC_DATA, "%s: gone", seg_path);
	r->set->mode &= file_mode_within(mode);
	file_close(&seg);
	file_close(&idx);
	free(seg_path);
	free(idx_path);
	return rc;
}

/* ---- many of them ---- */

static enum rc
slot_source(struct slot *t)
{
	struct remote_reading *r = t->reading;
	struct seg_header h;
	enum rc rc;

	rc = seg_header_parse(&h, t->data_name, t->header.data, t->header.len,
	    t->content.size, &r->set->key[t->source]);
	if (rc == RC_OK)
		rc = take_header(r, t->source, t->data_name, &h);
	if (rc == RC_OK)
		rc = keep_known(r->set, t->source, &t->known);
	if (rc)
		return rc;
	r->set->mode &= file_mode_within(~t->content.hidden);
	if (t->index_rc == RC_OK)
		return take_index(r, t->source, t->index, t->index_name, &h);
	if (t->index_rc == RC_ABSENT)
		say_wrong(r->set, t->index_name, "not in the store");
	if (!r->set->o->fetch_whole)
		return RC_DATA;
	r->set->source[t->source].wrong = true;
	return RC_OK;
}

static void
slot_done(struct slot *t, enum rc rc)
{
	struct remote_reading *r = t->reading;

	r->running--;
	r->rc = rc_max(r->rc, rc);
	if (--t->running > 0)
		return;
	if (r->rc == RC_OK)
		r->rc = slot_source(t);
	content_object_release(&t->known);
	free(t->index_name);
	free(t->data_name);
	t->index_name = t->data_name = NULL;
	t->next = r->free;
	r->free = t;
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
	content_start(&t->content);
}

static enum rc
slot_start(struct slot *t, size_t i)
{
	struct remote_reading *r = t->reading;
	struct store *store = r->set->o->store;
	enum rc rc =
	    t->index ? file_truncate(t->index, 0) : file_scratch(&t->index);

	if (rc)
		return rc;
	r->free = t->next;
	t->source = i;
	t->index_name = remote_set_object(r->set, i, PART_INDEX);
	t->index_xfer = (struct store_xfer){
	    .verb = STORE_GET,
	    .object = t->index_name,
	    .file = t->index,
	    .done = index_done,
	    .arg = t,
	};
	t->running = 2;
	r->running += 2;
	store_start(store, &t->index_xfer);
	header_start(t);
	return RC_OK;
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
slots_release(struct remote_reading *r)
{
	for (size_t i = 0; i < SLOTS_MAX; i++) {
		file_close(&r->slot[i].index);
		buf_release(&r->slot[i].header);
	}
}

static enum rc
read_sources(struct remote_reading *r)
{
	struct store *store = r->set->o->store;

	for (size_t i = 0; r->rc == RC_OK && i < r->set->n; i++) {
		if (r->set->source[i].local) {
			r->rc = read_local(r, i);
			continue;
		}
		while (!r->free)
			store_wait(store, r->running - 1, -1);
		if (r->rc == RC_OK)
			r->rc = slot_start(r->free, i);
	}
	while (r->running > 0)
		store_wait(store, r->running - 1, -1);
	return r->rc;
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

enum rc
remote_set_read(struct remote_set *s)
{
	struct remote_reading *r = xcalloc(1, sizeof(*r));
	enum rc rc;

	s->frames = s->needed = s->wants_read = 0;
	s->mode = file_default_mode();
	forget(s);
	r->set = s;
	r->places = sort_new(sizeof(struct remote_want), place_cmp);
	slots_new(r);
	rc = file_scratch(&s->objects);
	if (rc == RC_OK)
		rc = file_scratch(&s->tables);
	if (rc == RC_OK)
		rc = file_scratch(&s->wants);
	if (rc == RC_OK)
		rc = read_sources(r);
	if (rc == RC_OK)
		rc = set_cutoffs(s);
	if (rc == RC_OK)
		rc = keep_wanted(s, r->places);
	slots_release(r);
	sort_free(r->places);
	free(r);
	return rc;
}

enum rc
remote_set_next(struct remote_set *s, struct remote_want *w, size_t *n)
{
	uint64_t at = s->wants_read * sizeof(*w);

	if (*n > s->needed - s->wants_read)
		*n = (size_t)(s->needed - s->wants_read);
	s->wants_read += *n;
	return file_read(s->wants, w, *n * sizeof(*w), at);
}

enum rc
remote_set_wrong(struct remote_set *s, size_t i, uint32_t page)
{
	char *name = remote_set_object(s, i, PART_INDEX);

	msg_warn("%s: wrong about page %u", name, page);
	s->source[i].wrong = true;
	free(name);
	return RC_ABSENT;
}

enum rc
remote_set_replace_wrong(struct remote_set *s)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < s->n; i++) {
		struct name name = remote_set_name(s, i);
		char *object;

		if (!s->source[i].wrong)
			continue;
		object = name_object(s->o->cluster, &name, PART_SEGMENT);
		if (s->source[i].local) {
			rc = msg_fail(RC_DATA,
			    "%s: not usable even when fetched whole", object);
		} else {
			msg_warn("%s: fetched whole", object);
			s->source[i].wrong = false;
			s->source[i].local = true;
			rc = s->o->fetch_whole(s->o->arg, &name);
		}
		free(object);
	}
	return rc;
}
