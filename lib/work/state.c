/*
 * state: see state.h.
 *
 * The table of the merge's frames, in page order, is searched where it is: in a
 * mapped file.  What is asked of the store is asked for in windows of pages: the
 * frames of a window are grouped by source, and neighbours joined into ranges,
 * each of them one request.  The pages of a window are in the cache, as coming,
 * from the moment they are asked for: so that nothing is asked for twice, and
 * who needs one waits for it alone.
 */

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "work/page_cache.h"
#include "work/read_ahead.h"
#include "work/remote_met.h"
#include "work/remote_read.h"
#include "work/state.h"

enum {
	WINDOW = 1 << 20,   /* bytes asked for at a time, at most */
	GAP_MAX = 16 << 10, /* bytes that joining two ranges may cost */
	/* A database this small is fetched whole: that costs less than asking
	 * for its pages one after the other. */
	SMALL = 128 << 10
};

struct state {
	struct state_opts o;
	struct remote_merge_opts remote;
	struct keyset keys;
	struct remote_set set;
	bool opened; /* what follows is there, or will not be: */
	enum rc opening;
	struct file_map map;
	const struct remote_want *want; /* set.needed of them, by page */
	struct page_cache *cache;
	struct read_ahead ahead;
	uint8_t *zeros;
	struct state *other; /* which has the pages that are the same */
	unsigned running;    /* requests */
	/* The page that is waited for, and what came of it. */
	uint32_t asked;
	enum rc rc;
};

/* A request: frames of one source by their positions. */
struct load {
	struct state *state;
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

/* ---- opening ---- */

static enum rc
check_keys(const struct keyset *keys, const char *namespace)
{
	if (keys->n == 0)
		return msg_fail(RC_DATA, "a set without segments: no state");
	if (keys->key[0].start != 1)
		return msg_fail(RC_DATA, "%s: frames 1 to %llu are missing",
		    namespace, (unsigned long long)keys->key[0].start - 1);
	return keyset_joined(keys, namespace);
}

static uint64_t
bytes(const struct state *s)
{
	return (uint64_t)state_pages(s) * state_page_size(s);
}

static enum rc
open_table(struct state *s)
{
	enum rc rc = remote_read_finish(&s->set);

	if (rc == RC_OK)
		rc = file_map(&s->map, s->set.wants, UINT64_MAX);
	if (rc)
		return rc;
	s->want = s->map.data;
	/* Half of it may be coming. */
	s->cache = page_cache_new(state_page_size(s),
	    s->o.cache < 2 * bytes(s) ? s->o.cache : 2 * bytes(s));
	s->zeros = xcalloc(1, state_page_size(s));
	return RC_OK;
}

enum rc
state_begin(struct state **out, const struct state_opts *o,
    const char *namespace, const struct keyset *keys)
{
	enum rc rc = check_keys(keys, namespace);
	struct state *s;

	*out = NULL;
	if (rc)
		return rc;
	s = xcalloc(1, sizeof(*s));
	s->o = *o;
	s->remote = (struct remote_merge_opts){
	    .store = o->store,
	    .cluster = o->cluster,
	    .stored = o->stored,
	    .lazy = true,
	    .disk = o->disk,
	};
	for (size_t i = 0; i < keys->n; i++)
		keyset_add(&s->keys, &keys->key[i]);
	remote_set_init(&s->set, &s->remote, namespace, s->keys.key, s->keys.n);
	remote_read_begin(&s->set);
	*out = s;
	return RC_OK;
}

enum rc
state_finish(struct state *s)
{
	if (!s->opened)
		s->opening = open_table(s);
	s->opened = true;
	return s->opening;
}

enum rc
state_open(struct state **out, const struct state_opts *o,
    const char *namespace, const struct keyset *keys)
{
	enum rc rc = state_begin(out, o, namespace, keys);

	if (rc == RC_OK)
		rc = state_finish(*out);
	if (rc) {
		state_close(*out);
		*out = NULL;
	}
	return rc;
}

void
state_close(struct state *s)
{
	if (!s)
		return;
	while (s->running > 0)
		store_step(s->o.store);
	remote_read_give_up(&s->set);
	file_unmap(&s->map);
	remote_set_release(&s->set);
	keyset_release(&s->keys);
	page_cache_free(s->cache);
	free(s->zeros);
	free(s);
}

uint32_t
state_page_size(const struct state *s)
{
	return s->set.last.page_size;
}

uint32_t
state_pages(const struct state *s)
{
	return s->set.last.size_after;
}

uint64_t
state_end(const struct state *s)
{
	return s->set.last.key.end;
}

/* ---- where a page is ---- */

/* The first of the table that is not before page. */
static uint64_t
find_from(const struct state *s, uint64_t page)
{
	uint64_t lo = 0, hi = s->set.needed;

	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;

		if (s->want[mid].page < page)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* NULL: it is zeros. */
static const struct remote_want *
find_want(const struct state *s, uint32_t page)
{
	uint64_t i = find_from(s, page);

	if (i == s->set.needed || s->want[i].page != page ||
	    page == seg_lock_page(state_page_size(s)))
		return NULL;
	return &s->want[i];
}

/* Whichever way it is kept. */
static struct disk_cache_id
source_id(const struct state *s, uint32_t source)
{
	char *object = remote_set_object(&s->set, source, PART_SEGMENT);
	struct disk_cache_id id = disk_cache_id(store_name(s->o.store), object);

	free(object);
	return id;
}

uint32_t
state_next_page(const struct state *s, uint32_t page)
{
	uint64_t i = find_from(s, page + 1ULL);

	return i < s->set.needed ? s->want[i].page : 0;
}

bool
state_same_page(const struct state *a, const struct state *b, uint32_t page)
{
	const struct remote_want *x = find_want(a, page);
	const struct remote_want *y = find_want(b, page);

	if (!x || !y)
		return x == y;
	return x->position == y->position &&
	       key_cmp(&a->keys.key[x->source], &b->keys.key[y->source]) == 0;
}

void
state_share(struct state *s, struct state *other)
{
	s->other = other;
}

/* Which of the two states has it. */
static struct state *
owner(struct state *s, uint32_t page)
{
	return s->other && state_same_page(s, s->other, page) ? s->other : s;
}

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
	struct state *s = l->state;
	const char *fault = frame_fault(&l->header, w->page, frame);

	if (fault) {
		page_cache_drop(s->cache, w->page);
		if (w->page == s->asked)
			s->rc = msg_fail(RC_DATA, "%s: frame %u of page %u: %s",
			    l->object, w->position, w->page, fault);
		return;
	}
	memcpy(page_cache_coming(s->cache, w->page),
	    frame + seg_frame_header_size(&l->header), state_page_size(s));
	page_cache_arrived(s->cache, w->page);
	if (s->o.disk)
		disk_cache_put(s->o.disk, &l->id, w->position, frame,
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
	struct state *s = l->state;

	for (size_t i = 0; i < l->n; i++) {
		page_cache_drop(s->cache, l->want[i].page);
		if (l->want[i].page == s->asked)
			s->rc = gone ? msg_fail(RC_DATA, "%s: not in the store",
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

	l->state->running--;
	free(l->object);
	l->object = content_name(c->cluster, c->name, l->known.form);
	if (rc == RC_OK && l->bytes.len != c->length)
		rc = msg_fail(RC_DATA, "%s: cut short", l->object);
	if (rc == RC_OK || (rc == RC_ABSENT && !gone))
		rc = remote_met_range(&l->state->set, l->want[0].source,
		    &l->header, c, &l->bytes);
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

/* Ask for n frames of one source, by their positions, each once. */
static enum rc
load_start(struct state *s, const struct remote_want *want, size_t n)
{
	struct load *l = xcalloc(1, sizeof(*l) + n * sizeof(l->want[0]));
	uint32_t source = want[0].source;
	enum rc rc;

	l->state = s;
	l->n = n;
	memcpy(l->want, want, n * sizeof(*want));
	l->name = remote_set_name(&s->set, source);
	rc = remote_met_prepare(&s->set, source);
	l->header = remote_set_header(&s->set, source);
	/* The object that was read before, not one put in its place. */
	if (rc == RC_OK)
		rc = remote_set_known(&s->set, source, &l->known);
	if (rc) {
		load_failed(l, rc, false);
		load_free(l);
		return rc;
	}
	l->content = (struct content){
	    .store = s->o.store,
	    .cluster = s->o.cluster,
	    .name = &l->name,
	    .object = &l->known,
	    .zstd_first = l->known.stored > 0,
	    .unsure = !s->set.source[source].known,
	    .offset = remote_met_from(
		&s->set, source, frame_offset(&l->header, want[0].position)),
	    .sink = load_arrives,
	    .done = load_done,
	    .arg = l,
	};
	l->content.length =
	    frame_offset(&l->header, want[n - 1].position + 1ULL) -
	    l->content.offset;
	if (s->o.disk)
		l->id = source_id(s, source);
	s->running++;
	content_start(&l->content);
	return RC_OK;
}

/* ---- a window of pages ---- */

static int
by_place(const void *a, const void *b)
{
	const struct remote_want *x = a, *y = b;

	if (x->source != y->source)
		return x->source < y->source ? -1 : 1;
	return x->position < y->position ? -1 : x->position > y->position;
}

/* In the cache on disk? */
static bool
take_from_disk(struct state *s, const struct remote_want *w, uint8_t *data)
{
	struct seg_header h = remote_set_header(&s->set, w->source);
	uint8_t frame[SEG_FRAME_LATER + SEG_PAGE_MAX];
	struct disk_cache_id id;

	if (!s->o.disk)
		return false;
	id = source_id(s, w->source);
	if (!disk_cache_get(
		s->o.disk, &id, w->position, frame, seg_frame_size(&h)) ||
	    frame_fault(&h, w->page, frame))
		return false;
	memcpy(data, frame + seg_frame_header_size(&h), h.page_size);
	page_cache_arrived(s->cache, w->page);
	return true;
}

/* If it is in no cache and not coming: from now on it is, and the next of the k
 * in want.  False: there is no room. */
static bool
collect_one(struct state *s, const struct remote_want *w,
    struct remote_want *want, size_t *k)
{
	uint8_t *data;
	bool coming;

	if (w->page == seg_lock_page(state_page_size(s)) ||
	    page_cache_get(s->cache, w->page, &coming) || coming)
		return true;
	data = page_cache_add(s->cache, w->page);
	if (!data)
		return false;
	if (!take_from_disk(s, w, data))
		want[(*k)++] = *w;
	return true;
}

/* Those of n pages from one on: how many are to be asked for. */
static size_t
collect(struct state *s, uint64_t from, uint64_t n, struct remote_want *want)
{
	uint64_t i = find_from(s, from);
	size_t k = 0;

	while (i < s->set.needed && s->want[i].page < from + n &&
	       collect_one(s, &s->want[i], want, &k))
		i++;
	return k;
}

static bool
joins(const struct state *s, const struct remote_want *a,
    const struct remote_want *b)
{
	return a->source == b->source && a->position < b->position &&
	       (uint64_t)(b->position - a->position - 1) * state_page_size(s) <=
		   GAP_MAX;
}

/* Requests for k frames, which are put in order. */
static enum rc
start_loads(struct state *s, struct remote_want *want, size_t k)
{
	size_t first = 0;
	enum rc rc = RC_OK;

	if (k > 1)
		qsort(want, k, sizeof(*want), by_place);
	for (size_t i = 1; i <= k; i++) {
		if (i < k && joins(s, &want[i - 1], &want[i]))
			continue;
		rc = rc_max(rc, load_start(s, want + first, i - first));
		first = i;
	}
	return rc;
}

static enum rc
start_window(struct state *s, uint64_t from, uint64_t n)
{
	struct remote_want *want = xcalloc(n, sizeof(*want));
	enum rc rc = start_loads(s, want, collect(s, from, n, want));

	free(want);
	return rc;
}

/* Of the pages those that are this state's to fetch. */
static enum rc
prefetch_own(struct state *s, struct state *of, const uint32_t *page, size_t n)
{
	size_t room = page_cache_room(s->cache) / 2, k = 0;
	struct remote_want *want = xcalloc(n + 1, sizeof(*want));
	enum rc rc;

	for (size_t i = 0; i < n && k < room; i++) {
		const struct remote_want *w = find_want(of, page[i]);

		if (!w || owner(of, page[i]) != s)
			continue;
		if (!collect_one(s, find_want(s, page[i]), want, &k))
			break;
	}
	rc = start_loads(s, want, k);
	free(want);
	return rc;
}

enum rc
state_prefetch(struct state *s, const uint32_t *page, size_t n)
{
	enum rc rc = prefetch_own(s, s, page, n);

	if (rc == RC_OK && s->other)
		rc = prefetch_own(s->other, s, page, n);
	return rc;
}

/* ---- a page ---- */

static bool
is_small(const struct state *s)
{
	return bytes(s) <= SMALL &&
	       state_pages(s) <= page_cache_room(s->cache) / 2;
}

/* Ask for the page, if it is not there, and for those that a scan will ask for
 * next. */
static enum rc
ask(struct state *s, uint32_t page)
{
	uint64_t room = page_cache_room(s->cache), most, from = 0, n;
	bool coming;
	const uint8_t *here = page_cache_get(s->cache, page, &coming);
	enum rc rc = RC_OK;

	if (!here && !coming && is_small(s))
		return start_window(s, 1, state_pages(s));
	most = WINDOW / state_page_size(s);
	if (most > room / PAGE_CACHE_LEAST)
		most = room / PAGE_CACHE_LEAST;
	n = read_ahead(&s->ahead, page, (uint32_t)most, &from);
	if (!here && !coming) {
		if (n > 0 && from == page + 1ULL)
			return start_window(s, page, n + 1);
		rc = start_window(s, page, 1);
	}
	if (n > 0 && rc == RC_OK)
		rc = start_window(s, from, n);
	return rc;
}

void
state_advance(struct state *s)
{
	if (s->opened || !remote_read_is_there(&s->set) || state_finish(s))
		return;
	/* What fails is asked for again by who needs it. */
	(void)start_window(s, 1, is_small(s) ? state_pages(s) : 1);
}

enum rc
state_page(struct state *s, uint32_t page, const uint8_t **bytes)
{
	bool coming;
	enum rc rc;

	*bytes = s->zeros;
	if (page > state_pages(s) || !find_want(s, page))
		return RC_OK;
	s = owner(s, page);
	s->asked = page;
	s->rc = RC_OK;
	rc = ask(s, page);
	while (rc == RC_OK &&
	       !(*bytes = page_cache_get(s->cache, page, &coming))) {
		/* It failed; or there was no room for it, or no longer. */
		if (!coming)
			rc = s->rc ? s->rc : start_window(s, page, 1);
		if (rc == RC_OK)
			store_step(s->o.store);
	}
	s->asked = 0;
	return rc;
}
