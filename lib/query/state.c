/*
 * state: see state.h.
 *
 * The table of the merge's frames, in page order, is searched where it is: in a
 * mapped file.  What is asked of the store is asked for in windows of pages
 * (page_load.h), and who needs one page waits for it alone.
 */

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "query/page_load.h"
#include "query/read_ahead.h"
#include "query/state.h"
#include "remote/remote_read.h"

enum {
	WINDOW = 1 << 20, /* bytes asked for at a time, at most */
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
	struct page_load load;
	struct state *other; /* which has the pages that are the same */
};

/* ---- opening ---- */

static enum rc
check_keys(const struct keyset *keys, const char *namespace)
{
	char missing[FRAMES_TEXT_MAX];

	if (keys->n == 0)
		return msg_fail(RC_DATA, "a set without segments: no state");
	if (keys->key[0].start != 1)
		return msg_fail(RC_DATA, "%s: %s", namespace,
		    frames_missing(1, keys->key[0].start - 1, missing));
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
	s->load = (struct page_load){.set = &s->set, .cache = s->cache};
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
	while (s->load.running > 0)
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

/* ---- a window of pages ---- */

/* Those of n pages from one on: how many are to be asked for. */
static size_t
collect(struct state *s, uint64_t from, uint64_t n, struct remote_want *want)
{
	uint64_t i = find_from(s, from);
	size_t k = 0;

	while (i < s->set.needed && s->want[i].page < from + n &&
	       page_load_collect(&s->load, &s->want[i], want, &k))
		i++;
	return k;
}

static enum rc
start_window(struct state *s, uint64_t from, uint64_t n)
{
	struct remote_want *want = xcalloc(n, sizeof(*want));
	enum rc rc = page_load_start(&s->load, want, collect(s, from, n, want));

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
		if (!page_load_collect(
			&s->load, find_want(s, page[i]), want, &k))
			break;
	}
	rc = page_load_start(&s->load, want, k);
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
	s->load.asked = page;
	s->load.rc = RC_OK;
	rc = ask(s, page);
	while (rc == RC_OK &&
	       !(*bytes = page_cache_get(s->cache, page, &coming))) {
		/* It failed; or there was no room for it, or no longer. */
		if (!coming)
			rc = s->load.rc ? s->load.rc : start_window(s, page, 1);
		if (rc == RC_OK)
			store_step(s->o.store);
	}
	s->load.asked = 0;
	return rc;
}
