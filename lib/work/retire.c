/* retire: see retire.h. */

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/strings.h"
#include "format/segment.h"
#include "work/catalog_sync.h"
#include "work/deadclaim.h"
#include "work/listing.h"
#include "work/lock.h"
#include "work/retire.h"
#include "work/rules.h"

enum { BATCH = 64 };

/* A segment of the set, or a claim. */
struct item {
	const char *namespace; /* in names */
	struct key key;
	uint64_t bytes;
	uint64_t saved_at; /* its index, in retire.saved */
	uint32_t saved_len;
	uint32_t claim; /* in claims, from 1 on; 0: none */
	bool has[3];    /* parts that the store has; of a claim the first */
	bool gone : 1;  /* its index is: so the segment does not exist */
	bool kept : 1;  /* its data stays: somebody has published it again */
	enum rc rc;
};

/* An object on its way out. */
struct removal {
	struct item *item;
	char *object;
	struct store_xfer xfer;
};

/* The items of one namespace: claims, then segments in frame order. */
struct space {
	const char *namespace;
	struct item *item;
	size_t n;
	struct keyset before, after;
	bool locked;
};

struct retire {
	struct retire_opts o;
	struct strings names, claims;
	struct item *items;
	size_t n, cap;
	struct space *spaces;
	size_t n_spaces;
	unsigned running;
	/* Some lock may be another's too: indexes are saved, one after the
	 * other. */
	bool unsure;
	struct file *saved;
	uint64_t saved_size;
};

struct retire *
retire_new(const struct retire_opts *o)
{
	struct retire *r = xcalloc(1, sizeof(*r));

	r->o = *o;
	return r;
}

void
retire_free(struct retire *r)
{
	if (!r)
		return;
	retire_forget(r);
	strings_release(&r->names);
	strings_release(&r->claims);
	free(r->items);
	free(r);
}

size_t
retire_count(const struct retire *r)
{
	return r->n;
}

/* ---- the set ---- */

void
retire_add(struct retire *r, const struct rec *rec)
{
	uint32_t name = strings_add(&r->names, rec->name.namespace);
	struct item *it;

	if (r->n == r->cap) {
		r->cap = r->cap ? 2 * r->cap : 64;
		r->items = xreallocarray(r->items, r->cap, sizeof(*r->items));
	}
	it = &r->items[r->n++];
	*it = (struct item){
	    .namespace = r->names.text[name],
	    .key = rec->name.key,
	    .bytes = REC_UNKNOWN,
	};
	if (rec->claim) {
		it->key = (struct key){0};
		it->claim = strings_add(&r->claims, rec->claim) + 1;
	}
}

static int
item_cmp(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int c = strcmp(x->namespace, y->namespace);

	if (c || (x->claim == 0) != (y->claim == 0))
		return c ? c : (x->claim == 0) - (y->claim == 0);
	if (x->claim != y->claim)
		return x->claim < y->claim ? -1 : 1;
	return key_cmp(&x->key, &y->key);
}

static void
sort_items(struct retire *r)
{
	size_t n = 0;

	if (r->n > 1)
		qsort(r->items, r->n, sizeof(*r->items), item_cmp);
	for (size_t i = 0; i < r->n; i++)
		if (n == 0 || item_cmp(&r->items[n - 1], &r->items[i]) != 0)
			r->items[n++] = r->items[i];
	r->n = n;
	r->spaces = xcalloc(n + 1, sizeof(*r->spaces));
	for (size_t i = 0; i < n; i++) {
		struct item *it = &r->items[i];

		if (i == 0 || it->namespace != it[-1].namespace)
			r->spaces[r->n_spaces++] = (struct space){
			    .namespace = it->namespace, .item = it};
		r->spaces[r->n_spaces - 1].n++;
	}
}

void
retire_forget(struct retire *r)
{
	for (size_t i = 0; i < r->n_spaces; i++) {
		keyset_release(&r->spaces[i].before);
		keyset_release(&r->spaces[i].after);
	}
	free(r->spaces);
	r->spaces = NULL;
	r->n_spaces = r->n = 0;
	file_close(&r->saved);
	r->saved_size = 0;
	r->unsure = false;
}

static const char *
claim_of(const struct retire *r, const struct item *it)
{
	return r->claims.text[it->claim - 1];
}

/* ---- judging ---- */

/*
 * The listing against the items, both in frame order: what there is of each
 * item, the segments before, and those that remain.  One without its data holds
 * no frame.
 */
static enum rc
list_space(const struct retire *r, struct space *s)
{
	struct item *it = s->item, *end = s->item + s->n;
	struct listing *h;
	struct listing_entry e;
	enum rc rc = listing_open(&h, r->o.store, r->o.cluster, s->namespace);

	while (it < end && it->claim)
		it++;
	while (rc == RC_OK && (rc = listing_next(h, &e)) == RC_OK) {
		bool whole = e.index && listing_has_data(&e);

		while (it < end && key_cmp(&it->key, &e.key) < 0)
			it++;
		if (whole)
			keyset_add(&s->before, &e.key);
		if (it < end && key_cmp(&it->key, &e.key) == 0) {
			it->has[PART_INDEX] = e.index;
			it->has[PART_SEGMENT] = e.plain;
			it->has[PART_ZSTD] = e.zstd;
			it->bytes = e.bytes;
		} else if (whole) {
			keyset_add(&s->after, &e.key);
		}
	}
	listing_free(h);
	return rc == RC_ABSENT ? RC_OK : rc;
}

static enum rc
judge(const struct space *s, const struct keyset *after)
{
	uint64_t missing = 0;

	switch (rules_removal(&s->before, after, &missing)) {
	case RULES_MAY_GO:
		break;
	case RULES_LAST_COVER:
		return msg_fail(RC_DATA,
		    "%s: refused: nothing else would hold frame %llu",
		    s->namespace, (unsigned long long)missing);
	case RULES_LAST_WAY:
		return msg_fail(RC_DATA,
		    "%s: refused: the newest state could no longer be restored",
		    s->namespace);
	}
	return RC_OK;
}

struct claims {
	const struct retire *r;
	struct space *s;
	size_t left; /* the claims of the set */
};

/* Of the claims in the set: is the owner dead? */
static enum rc
judge_claim(void *arg, const struct claim_entry *e)
{
	struct claims *c = arg;
	uint64_t newest = keyset_newest(&c->s->before);
	bool dead = true;
	enum rc rc = RC_OK;

	for (size_t i = 0; i < c->s->n && c->s->item[i].claim; i++) {
		struct item *it = &c->s->item[i];

		if (strcmp(claim_of(c->r, it), e->name) != 0)
			continue;
		it->has[PART_SEGMENT] = true;
		it->bytes = e->bytes;
		it->key.end = e->end;
		it->key.time = e->modified;
		if (c->r->o.force || (!e->removal && e->end < newest))
			continue;
		rc = deadclaim_is_dead(c->r->o.store, c->r->o.cluster,
		    c->s->namespace, e, newest, &dead);
		if (rc == RC_ABSENT)
			rc = RC_OK;
		else if (rc == RC_OK && !dead)
			rc = msg_fail(RC_DATA,
			    "%s/claim-%s: refused: its owner may be alive",
			    c->s->namespace, e->name);
	}
	return rc;
}

static enum rc
judge_space(const struct retire *r, struct space *s)
{
	struct claims claims = {.r = r, .s = s};
	enum rc rc = list_space(r, s);

	if (rc == RC_OK && !r->o.force)
		rc = judge(s, &s->after);
	if (rc == RC_OK && s->item->claim)
		rc = deadclaim_list(r->o.store, r->o.cluster, s->namespace,
		    judge_claim, &claims);
	return rc;
}

/* ---- removing objects ---- */

static void
removed(struct store_xfer *x, enum rc rc)
{
	struct removal *m = x->arg;

	if (rc == RC_ABSENT) {
		msg_info("%s: gone already", m->object);
		rc = RC_OK;
	}
	m->item->rc = rc;
	m->item->gone = m->item->gone || rc == RC_OK;
	free(m->object);
}

static char *
object_of(const struct retire *r, const struct item *it, enum part part)
{
	struct name name;

	if (it->claim)
		return claim_object(
		    r->o.cluster, it->namespace, claim_of(r, it));
	name_set(&name, it->namespace, &it->key);
	return name_object(r->o.cluster, &name, part);
}

static void
remove_part(
    struct retire *r, struct removal *m, struct item *it, enum part part)
{
	m->item = it;
	m->object = object_of(r, it, part);
	m->xfer = (struct store_xfer){.verb = STORE_DELETE,
	    .object = m->object,
	    .done = removed,
	    .arg = m};
	store_start(r->o.store, &m->xfer);
}

/* One kind of object of all that have it, many at a time. */
static void
remove_parts(struct retire *r, enum part part)
{
	struct removal *batch = xcalloc(BATCH, sizeof(*batch));

	for (size_t i = 0; i < r->n; i++) {
		struct item *it = &r->items[i];

		if (it->has[part] && !it->rc && !it->kept)
			remove_part(r, &batch[i % BATCH], it, part);
		if ((i + 1) % BATCH == 0 || i + 1 == r->n) {
			store_wait(r->o.store, 0, -1);
			if (r->o.progress)
				r->o.progress(r->o.progress_arg, i % BATCH + 1);
		}
	}
	free(batch);
}

/* ---- indexes, saved and put again ---- */

static enum rc
save_index(struct retire *r, struct item *it)
{
	struct buf buf = {0};
	struct store_xfer x = {.verb = STORE_GET, .buf = &buf};
	char *object = object_of(r, it, PART_INDEX);
	enum rc rc = r->saved ? RC_OK : file_scratch(&r->saved);

	x.object = object;
	if (rc == RC_OK)
		rc = store_do(r->o.store, &x);
	if (rc == RC_OK)
		rc = file_write(r->saved, buf.data, buf.len, r->saved_size);
	if (rc == RC_OK) {
		it->saved_at = r->saved_size;
		it->saved_len = (uint32_t)buf.len;
		r->saved_size += buf.len;
	}
	buf_release(&buf);
	free(object);
	return rc == RC_ABSENT ? RC_OK : rc;
}

static enum rc
save_indexes(struct retire *r)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; r->unsure && i < r->n && rc == RC_OK; i++)
		if (r->items[i].has[PART_INDEX])
			rc = save_index(r, &r->items[i]);
	return rc;
}

static enum rc
put_again(struct retire *r, struct item *it)
{
	struct buf buf = {0};
	struct store_xfer x = {.verb = STORE_PUT, .buf = &buf};
	char *object = object_of(r, it, PART_INDEX);
	enum rc rc = RC_OK;

	x.object = object;
	if (it->saved_len == 0)
		rc = msg_fail(RC_SYSTEM,
		    "%s: removed, and not saved; its data is there", object);
	if (rc == RC_OK)
		rc = file_read(r->saved, buf_reserve(&buf, it->saved_len),
		    it->saved_len, it->saved_at);
	buf.len = it->saved_len;
	if (rc == RC_OK)
		rc = store_do(r->o.store, &x);
	buf_release(&buf);
	free(object);
	return rc;
}

/* ---- the second judgement ---- */

/* Which of the items have an index again: their data stays. */
static void
note_kept(const struct retire *r, struct space *s,
    const struct listing_entry *e, struct item **it)
{
	struct item *end = s->item + s->n;
	char *object;

	while (*it < end && key_cmp(&(*it)->key, &e->key) < 0)
		++*it;
	if (*it == end || key_cmp(&(*it)->key, &e->key) != 0 || !e->index)
		return;
	(*it)->kept = true;
	(*it)->gone = false;
	if ((*it)->rc)
		return;
	object = object_of(r, *it, PART_INDEX);
	msg_info("%s: published again, its data stays", object);
	free(object);
}

static enum rc
judge_again(struct retire *r, struct space *s)
{
	struct keyset now = {0};
	struct item *it = s->item;
	struct listing *h;
	struct listing_entry e;
	enum rc rc = listing_open(&h, r->o.store, r->o.cluster, s->namespace);

	while (it < s->item + s->n && it->claim)
		it++;
	while (rc == RC_OK && (rc = listing_next(h, &e)) == RC_OK) {
		if (e.index && listing_has_data(&e))
			keyset_add(&now, &e.key);
		note_kept(r, s, &e, &it);
	}
	listing_free(h);
	if (rc == RC_ABSENT)
		rc = r->o.force ? RC_OK : judge(s, &now);
	for (it = s->item; rc && it < s->item + s->n; it++) {
		it->kept = true;
		if (rc == RC_DATA && it->has[PART_INDEX] && it->rc == RC_OK)
			it->rc = put_again(r, it);
		it->gone = it->gone && rc != RC_DATA;
		it->rc = rc_max(it->rc, rc);
	}
	keyset_release(&now);
	return rc;
}

/* ---- claims behind the newest END ---- */

static enum rc
remove_stale(void *arg, const struct claim_entry *e)
{
	struct claims *c = arg;
	char *object;
	enum rc rc;

	if (e->removal || e->end >= keyset_newest(&c->s->before))
		return RC_OK;
	object = claim_object(c->r->o.cluster, c->s->namespace, e->name);
	rc = claim_remove(c->r->o.store, object);
	free(object);
	return rc;
}

static enum rc
clean(const struct retire *r, struct space *s)
{
	struct claims claims = {.r = r, .s = s};

	return deadclaim_list(
	    r->o.store, r->o.cluster, s->namespace, remove_stale, &claims);
}

/* ---- what is gone ---- */

static enum rc
record_gone(struct retire *r)
{
	struct catalog_change changes[BATCH];
	enum rc rc = RC_OK;
	size_t n = 0;

	if (!r->o.catalog || r->o.dry_run)
		return RC_OK;
	for (size_t i = 0; i < r->n; i++) {
		const struct item *it = &r->items[i];

		if ((it->gone || !it->has[PART_INDEX]) && !it->claim)
			changes[n++] =
			    (struct catalog_change){.namespace = it->namespace,
				.key = it->key,
				.gone = true};
		if (n == BATCH || (n > 0 && i + 1 == r->n)) {
			rc = rc_max(
			    rc, catalog_record(r->o.catalog, changes, n));
			n = 0;
		}
	}
	return rc;
}

static enum rc
tell(struct retire *r, const struct item *it)
{
	struct rec rec = {.bytes = it->bytes, .pages = REC_UNKNOWN};
	char text[KEY_LEN + 1];

	name_set(&rec.name, it->namespace, &it->key);
	if (it->claim)
		rec.claim = claim_of(r, it);
	else if (it->has[PART_SEGMENT])
		rec.pages = seg_pages_of_size(it->bytes);
	if (!it->has[PART_INDEX] && !it->has[PART_SEGMENT] &&
	    !it->has[PART_ZSTD])
		msg_info("%s/%s: gone already", it->namespace,
		    it->claim ? claim_of(r, it) : key_text(&it->key, text));
	return r->o.gone(r->o.arg, &rec);
}

/* ---- a set ---- */

/* Is there anything whose data is to go? */
static bool
any_left(const struct space *s)
{
	for (const struct item *it = s->item; it < s->item + s->n; it++)
		if ((it->has[PART_SEGMENT] || it->has[PART_ZSTD]) && !it->rc)
			return true;
	return false;
}

static enum rc
remove_all(struct retire *r)
{
	enum rc rc = save_indexes(r);

	if (rc)
		return rc;
	remove_parts(r, PART_INDEX);
	for (size_t i = 0; i < r->n_spaces; i++)
		if (any_left(&r->spaces[i]))
			rc = rc_max(rc, judge_again(r, &r->spaces[i]));
	remove_parts(r, PART_ZSTD);
	remove_parts(r, PART_SEGMENT);
	for (size_t i = 0; i < r->n_spaces && rc == RC_OK; i++)
		rc = rc_max(rc, clean(r, &r->spaces[i]));
	return rc;
}

/* In byte order, so that two never wait for each other. */
static enum rc
lock_all(struct retire *r)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < r->n_spaces && rc == RC_OK; i++) {
		struct space *s = &r->spaces[i];
		bool sure;

		rc = lock_take(r->o.store, r->o.cluster, s->namespace,
		    r->o.busy_ms, r->o.force, &sure);
		s->locked = rc == RC_OK;
		r->unsure = r->unsure || !sure;
	}
	return rc;
}

enum rc
retire_set(struct retire *r)
{
	enum rc rc = RC_OK;

	sort_items(r);
	if (!r->o.dry_run)
		rc = lock_all(r);
	for (size_t i = 0; i < r->n_spaces && rc == RC_OK; i++)
		rc = judge_space(r, &r->spaces[i]);
	if (rc == RC_OK) {
		if (!r->o.dry_run)
			rc = remove_all(r);
		rc = rc_max(rc, record_gone(r));
		for (size_t i = 0; i < r->n; i++) {
			rc = rc_max(rc, r->items[i].rc);
			if (!r->items[i].rc && !r->items[i].kept)
				rc = rc_max(rc, tell(r, &r->items[i]));
		}
	}
	for (size_t i = 0; i < r->n_spaces; i++)
		if (r->spaces[i].locked)
			lock_release(
			    r->o.store, r->o.cluster, r->spaces[i].namespace);
	retire_forget(r);
	return rc;
}
