/* retire: see retire.h. */

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "catalog/catalog_sync.h"
#include "format/segment.h"
#include "peers/deadclaim.h"
#include "peers/lock.h"
#include "plan/listing.h"
#include "plan/rules.h"
#include "retire/retained.h"
#include "retire/retire.h"
#include "retire/retire_set.h"
#include "retire/saved.h"

enum { BATCH = 64 };

/* An object on its way out. */
struct removal {
	struct retire_item *item;
	char *object;
	struct store_xfer xfer;
};

struct retire {
	struct retire_opts o;
	struct retire_set set;
	unsigned running;
	/* Some lock may be another's too: indexes are saved, one after the
	 * other. */
	bool unsure;
	struct saved saved;
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
	retire_set_release(&r->set);
	free(r);
}

size_t
retire_count(const struct retire *r)
{
	return r->set.n;
}

void
retire_add(struct retire *r, const struct rec *rec)
{
	retire_set_add(&r->set, rec);
}

void
retire_forget(struct retire *r)
{
	retire_set_clear(&r->set);
	saved_release(&r->saved);
	r->unsure = false;
}

/* ---- judging ---- */

/* What there is of an item that is to go.  What is spare is so only beside
 * plain data. */
static enum rc
note_item(struct retire_item *it, const struct listing_entry *e)
{
	char *text;
	enum rc rc = RC_OK;

	it->bytes = it->spare && e->plain ? e->spare_bytes : e->bytes;
	it->has[PART_ZSTD] = e->zstd;
	if (!it->spare) {
		it->has[PART_INDEX] = e->index;
		it->has[PART_SEGMENT] = e->plain;
	} else if (e->zstd && e->index && !e->plain) {
		text = retire_item_text(it);
		rc = msg_fail(
		    RC_DATA, "%s: refused: it is all the data there is", text);
		free(text);
	}
	return rc;
}

/*
 * The listing against the items, both in frame order: what there is of each
 * item, the segments before, and those that remain.  One without its data holds
 * no frame.
 */
static enum rc
list_space(const struct retire *r, struct retire_space *s)
{
	struct retire_item *it = s->item, *end = s->item + s->n;
	struct listing *h;
	struct listing_entry e;
	enum rc rc = listing_open(&h, r->o.store, r->o.cluster, s->namespace);

	while (it < end && it->claim)
		it++;
	while (rc == RC_OK && (rc = listing_next(h, &e)) == RC_OK) {
		bool whole = e.index && listing_has_data(&e), goes;

		while (it < end && key_cmp(&it->key, &e.key) < 0)
			it++;
		if (whole)
			keyset_add(&s->before, &e.key);
		goes = it < end && key_cmp(&it->key, &e.key) == 0;
		if (goes)
			rc = note_item(it, &e);
		if (whole && !(goes && !it->spare))
			keyset_add(&s->after, &e.key);
	}
	listing_free(h);
	return rc == RC_ABSENT ? RC_OK : rc;
}

static enum rc
judge(const struct retire_space *s, const struct keyset *after)
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
	struct retire_space *s;
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
		struct retire_item *it = &c->s->item[i];

		if (strcmp(retire_claim(&c->r->set, it), e->name) != 0)
			continue;
		it->has[PART_SEGMENT] = true;
		it->bytes = e->bytes;
		it->key.end = e->removal ? REC_UNKNOWN : e->end;
		it->key.time = e->modified;
		/* The lock is ours by now: so nobody alive had it. */
		if (c->r->o.force || (e->removal && c->s->locked) ||
		    (!e->removal && e->end < newest))
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
judge_space(const struct retire *r, struct retire_space *s)
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

/* ---- what is retained ---- */

/* All objects of all segments, many at a time. */
static void
ask_retention(struct retire *r)
{
	struct retained *batch = xcalloc(RETIRE_PARTS * BATCH, sizeof(*batch));

	for (size_t i = 0; i < r->set.n; i++) {
		struct retire_item *it = &r->set.items[i];
		struct retained *a = &batch[RETIRE_PARTS * (i % BATCH)];

		for (int part = 0; part < RETIRE_PARTS && !it->claim; part++)
			if (it->has[part])
				retained_ask(r->o.store, a + part,
				    retire_object(r->o.cluster, &r->set, it,
					(enum part)part),
				    &it->until, &it->rc);
		if ((i + 1) % BATCH == 0 || i + 1 == r->set.n)
			store_wait(r->o.store, 0, -1);
	}
	free(batch);
}

/* One that cannot be asked stays too, since its rc says so. */
static enum rc
spare_retained(struct retire *r)
{
	bool may;
	enum rc rc = store_retains(r->o.store, &may);

	if (rc || !may)
		return rc;
	ask_retention(r);
	for (size_t i = 0; i < r->set.n; i++) {
		struct retire_item *it = &r->set.items[i];
		char *name;

		it->retained = !it->rc && retained_holds(it->until);
		if (!it->retained)
			continue;
		name = retire_item_text(it);
		it->rc = retained_tell(name, it->until, r->o.unless_retained);
		free(name);
	}
	return RC_OK;
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

static void
remove_part(
    struct retire *r, struct removal *m, struct retire_item *it, enum part part)
{
	m->item = it;
	m->object = retire_object(r->o.cluster, &r->set, it, part);
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

	for (size_t i = 0; i < r->set.n; i++) {
		struct retire_item *it = &r->set.items[i];

		if (it->has[part] && !retire_item_stays(it))
			remove_part(r, &batch[i % BATCH], it, part);
		if ((i + 1) % BATCH == 0 || i + 1 == r->set.n) {
			store_wait(r->o.store, 0, -1);
			if (r->o.progress)
				r->o.progress(r->o.progress_arg, i % BATCH + 1);
		}
	}
	free(batch);
}

/* ---- indexes, saved and put again ---- */

static enum rc
save_index(struct retire *r, struct retire_item *it)
{
	char *object = retire_object(r->o.cluster, &r->set, it, PART_INDEX);
	enum rc rc = saved_take(&r->saved, r->o.store, object, &it->saved);

	free(object);
	return rc;
}

static enum rc
save_indexes(struct retire *r)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; r->unsure && i < r->set.n && rc == RC_OK; i++)
		if (r->set.items[i].has[PART_INDEX] &&
		    !r->set.items[i].retained)
			rc = save_index(r, &r->set.items[i]);
	return rc;
}

static enum rc
put_again(struct retire *r, const struct retire_item *it)
{
	char *object = retire_object(r->o.cluster, &r->set, it, PART_INDEX);
	enum rc rc = saved_put(&r->saved, r->o.store, object, &it->saved);

	free(object);
	return rc;
}

/* ---- the second judgement ---- */

/* Which of the items have an index again: their data stays. */
static void
note_kept(const struct retire *r, struct retire_space *s,
    const struct listing_entry *e, struct retire_item **it)
{
	struct retire_item *end = s->item + s->n;
	char *object;

	while (*it < end && key_cmp(&(*it)->key, &e->key) < 0)
		++*it;
	if (*it == end || key_cmp(&(*it)->key, &e->key) != 0 || !e->index ||
	    (*it)->retained || (*it)->spare)
		return;
	(*it)->kept = true;
	(*it)->gone = false;
	if ((*it)->rc)
		return;
	object = retire_object(r->o.cluster, &r->set, *it, PART_INDEX);
	msg_info("%s: published again, its data stays", object);
	free(object);
}

static enum rc
judge_again(struct retire *r, struct retire_space *s)
{
	struct keyset now = {0};
	struct retire_item *it = s->item;
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
		if (rc == RC_DATA && it->has[PART_INDEX] && it->rc == RC_OK &&
		    !it->retained)
			it->rc = put_again(r, it);
		it->gone = it->gone && rc != RC_DATA;
		it->rc = rc_max(it->rc, rc);
	}
	keyset_release(&now);
	return rc;
}

/* ---- claims behind the newest END ---- */

/* Of a namespace in which nothing is left, and so no newest END: it is for one
 * of those that have gone.  (A run that was killed here leaves them.) */
static bool
is_for_gone(const struct claims *c, const char *object)
{
	struct claim claim;

	return c->s->before.n == 0 &&
	       claim_look(c->r->o.store, object, &claim) == RC_OK &&
	       !claim.removal && retire_space_has(c->s, &claim.key);
}

static enum rc
remove_stale(void *arg, const struct claim_entry *e)
{
	struct claims *c = arg;
	enum rc rc = RC_OK;
	char *object;

	if (e->removal)
		return RC_OK;
	object = claim_object(c->r->o.cluster, c->s->namespace, e->name);
	if (e->end < keyset_newest(&c->s->before) || is_for_gone(c, object))
		rc = claim_remove(c->r->o.store, object);
	free(object);
	return rc;
}

static enum rc
clean(const struct retire *r, struct retire_space *s)
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
	for (size_t i = 0; i < r->set.n; i++) {
		const struct retire_item *it = &r->set.items[i];

		if ((it->gone || !it->has[PART_INDEX]) && !it->claim &&
		    !it->spare && !it->retained)
			changes[n++] =
			    (struct catalog_change){.namespace = it->namespace,
				.key = it->key,
				.gone = true};
		if (n == BATCH || (n > 0 && i + 1 == r->set.n)) {
			rc = rc_max(
			    rc, catalog_record(r->o.catalog, changes, n));
			n = 0;
		}
	}
	return rc;
}

static enum rc
tell(struct retire *r, const struct retire_item *it)
{
	struct rec rec = {
	    .bytes = it->bytes, .pages = REC_UNKNOWN, .spare = it->spare};
	char text[KEY_LEN + 1];

	name_set(&rec.name, it->namespace, &it->key);
	if (it->claim)
		rec.claim = retire_claim(&r->set, it);
	else if (it->has[PART_SEGMENT])
		rec.pages = seg_pages_of_size(it->bytes);
	if (!it->has[PART_INDEX] && !it->has[PART_SEGMENT] &&
	    !it->has[PART_ZSTD])
		msg_info("%s/%s: gone already", it->namespace,
		    it->claim ? retire_claim(&r->set, it)
			      : key_text(&it->key, text));
	return r->o.gone(r->o.arg, &rec);
}

/* ---- a set ---- */

/* Is there anything whose data is to go? */
static bool
any_left(const struct retire_space *s)
{
	for (const struct retire_item *it = s->item; it < s->item + s->n; it++)
		if ((it->has[PART_SEGMENT] || it->has[PART_ZSTD]) && !it->rc &&
		    !it->retained)
			return true;
	return false;
}

static enum rc
remove_all(struct retire *r)
{
	enum rc rc = RC_OK;

	remove_parts(r, PART_INDEX);
	for (size_t i = 0; i < r->set.n_spaces; i++)
		if (any_left(&r->set.spaces[i]))
			rc = rc_max(rc, judge_again(r, &r->set.spaces[i]));
	remove_parts(r, PART_ZSTD);
	remove_parts(r, PART_SEGMENT);
	for (size_t i = 0; i < r->set.n_spaces && rc == RC_OK; i++)
		rc = rc_max(rc, clean(r, &r->set.spaces[i]));
	return rc;
}

/* In byte order, so that two never wait for each other. */
static enum rc
lock_all(struct retire *r)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < r->set.n_spaces && rc == RC_OK; i++) {
		struct retire_space *s = &r->set.spaces[i];
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

	retire_set_sort(&r->set);
	if (!r->o.dry_run)
		rc = lock_all(r);
	for (size_t i = 0; i < r->set.n_spaces && rc == RC_OK; i++)
		rc = judge_space(r, &r->set.spaces[i]);
	if (rc == RC_OK)
		rc = spare_retained(r);
	if (rc == RC_OK && !r->o.dry_run)
		rc = save_indexes(r);
	if (rc == RC_OK) {
		if (!r->o.dry_run)
			rc = remove_all(r);
		rc = rc_max(rc, record_gone(r));
		for (size_t i = 0; i < r->set.n; i++) {
			rc = rc_max(rc, r->set.items[i].rc);
			if (!retire_item_stays(&r->set.items[i]))
				rc = rc_max(rc, tell(r, &r->set.items[i]));
		}
	}
	for (size_t i = 0; i < r->set.n_spaces; i++)
		if (r->set.spaces[i].locked)
			rc = rc_max(rc, lock_release(r->o.store, r->o.cluster,
					    r->set.spaces[i].namespace));
	retire_forget(r);
	return rc;
}
