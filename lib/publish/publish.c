/* publish: see publish.h. */

#include <stdlib.h>

#include "base/buf.h"
#include "base/directory.h"
#include "catalog/catalog_sync.h"
#include "format/checksum.h"
#include "format/segment.h"
#include "peers/lock.h"
#include "publish/candidate.h"
#include "publish/fit.h"
#include "publish/moved.h"
#include "publish/object.h"
#include "publish/publish.h"

enum {
	AHEAD = 64, /* data objects put before the indexes catch up */
	BATCH =
	    64,    /* segments finished (recorded, removed, printed) together */
	TRIES = 10 /* against removers */
};

struct publish {
	struct publish_opts o;
	struct fitting fit;
	struct candidates set;
	size_t finished; /* published, not yet recorded and told: from here */
	unsigned running;
	struct compress *compress; /* or NULL */
	/* The claim for the one after the next, on its way, hand over hand. */
	struct claim_op hand;
	struct candidate *hand_for;
};

struct publish *
publish_new(const struct publish_opts *o)
{
	struct publish *p = xcalloc(1, sizeof(*p));

	p->o = *o;
	if (o->level)
		p->compress = compress_new(o->level);
	p->fit = (struct fitting){.store = o->store,
	    .cluster = o->cluster,
	    .busy_ms = o->busy_ms,
	    .force = o->force,
	    .dry_run = o->dry_run};
	return p;
}

void
publish_free(struct publish *p)
{
	if (!p)
		return;
	compress_free(p->compress);
	(void)publish_forget(p);
	free(p);
}

void
publish_add(struct publish *p, const struct rec *rec)
{
	/* Where nothing is put, and where what comes after a bad one is put all
	 * the same. */
	bool whole = p->o.dry_run || p->o.force;

	candidates_add(&p->set, rec, whole);
}

enum rc
publish_forget(struct publish *p)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < p->set.n; i++)
		rc = rc_max(rc, p->set.c[i].rc);
	candidates_clear(&p->set);
	p->finished = 0;
	return rc;
}

uint64_t
publish_judge(struct publish *p)
{
	uint64_t sum = 0;

	candidates_sort(&p->set);
	for (size_t i = 0; i < p->set.n_spaces; i++) {
		fit_space(&p->fit, &p->set.spaces[i]);
		p->set.spaces[i].failed = false; /* from now on: to publish */
	}
	for (size_t i = 0; i < p->set.n; i++)
		if (!p->set.c[i].rc && !p->set.c[i].gone)
			sum += p->set.c[i].bytes;
	return sum;
}

/* ---- objects ---- */

static struct object *
put_part(struct publish *p, const struct candidate *c, enum part part)
{
	static const uint32_t whole = CHECKSUM_CRC32_WHOLE;
	bool old = part == PART_SEGMENT && !c->later;
	struct object_what what = {
	    .store = p->o.store,
	    .running = &p->running,
	    .cluster = p->o.cluster,
	    .part = part,
	    .compress = p->compress,
	    .path = candidate_path(c, part),
	    .crc = old ? &whole : NULL,
	    .spare = p->o.move ? &c->seen[part] : NULL,
	    .listed = c->fit == RULES_THERE,
	    .look = p->o.force, /* it was not looked at what is there */
	};

	if (part == PART_SEGMENT && !c->whole) {
		what.idx_path = candidate_path(c, PART_INDEX);
		what.frames = c->pages;
	}
	name_set(&what.name, c->space->namespace, &c->key);
	return object_put(&what);
}

static bool
is_to_put(const struct candidate *c)
{
	return !c->rc && !c->gone && !c->space->failed;
}

/* Put the data of those that come next, up to end. */
static void
put_ahead(struct publish *p, size_t *next, size_t end)
{
	for (; *next < end && *next < p->set.n && p->running < p->o.jobs;
	     ++*next) {
		struct candidate *c = &p->set.c[*next];

		if (is_to_put(c))
			c->data = put_part(p, c, PART_SEGMENT);
	}
}

/* Its record is to say what is in the store. */
static enum rc
wait_for_data(struct candidate *c, struct object **o, bool *existed)
{
	struct object_end end;
	enum rc rc = object_wait(o, &end);

	*existed = end.existed;
	if (rc == RC_OK && end.form == CONTENT_ZSTD) {
		c->pages = 0;
		c->bytes = end.stored;
	}
	return rc;
}

static enum rc
put_index(struct publish *p, const struct candidate *c, bool *existed)
{
	struct object *o = put_part(p, c, PART_INDEX);
	struct object_end end;
	enum rc rc = object_wait(&o, &end);

	*existed = end.existed;
	return rc;
}

/* ---- removers ---- */

/* Data and index. */
static enum rc
is_there(struct publish *p, const struct candidate *c)
{
	char *index = candidate_object(c, p->o.cluster, PART_INDEX);
	struct name name;
	enum rc rc;

	name_set(&name, c->space->namespace, &c->key);
	rc = object_look_data(p->o.store, p->o.cluster, &name);
	if (rc == RC_OK)
		rc = object_look(p->o.store, index);
	free(index);
	return rc;
}

static void
say_again(const struct candidate *c)
{
	char *text = candidate_text(c);

	msg_info("%s: was removed meanwhile, put again", text);
	free(text);
}

/*
 * A remover may have been taking away what was found there, or what this is a
 * merge of: with nobody at it any more both objects must be there.
 */
static enum rc
keep(struct publish *p, struct candidate *c)
{
	char *text;
	enum rc rc;

	for (int i = 0; i < TRIES; i++) {
		bool was, existed;
		struct object *o;
		rc = lock_wait(p->o.store, p->o.cluster, c->space->namespace,
		    p->o.busy_ms, &was);

		if (rc == RC_OK)
			rc = is_there(p, c);
		if (rc != RC_ABSENT)
			return rc;
		say_again(c);
		c->fit = RULES_MERGES;
		o = put_part(p, c, PART_SEGMENT);
		rc = wait_for_data(c, &o, &existed);
		if (rc == RC_OK)
			rc = put_index(p, c, &existed);
		if (rc)
			return rc;
	}
	text = candidate_text(c);
	rc = msg_fail(RC_SYSTEM, "%s: removed as often as it was put", text);
	free(text);
	return rc;
}

/* ---- publishing, hand over hand ---- */

static void
note(const struct publish *p, const struct candidate *c)
{
	char *path = candidate_path(c, PART_SEGMENT);

	if (p->o.move)
		moved_note(path);
	free(path);
}

/* The one that continues c, if it is of this set. */
static struct candidate *
successor(struct publish *p, struct candidate *c)
{
	struct candidate *next = c + 1;

	if (next == p->set.c + p->set.n || next->space != c->space ||
	    next->rc || next->fit != RULES_EXTENDS || next->base != c->key.end)
		return NULL;
	return next;
}

static void
reach_out(struct publish *p, struct candidate *c)
{
	char name[CLAIM_NAME_MAX];
	struct claim mine;

	if (c->claimed || p->hand_for)
		return;
	fit_mine(c, &mine);
	claim_write_begin(p->o.store, &p->hand,
	    claim_object(
		p->o.cluster, c->space->namespace, claim_name(c->base, name)),
	    &mine, false);
	p->hand_for = c;
}

/* What reach_out() began: c is claimed if nobody else had been there.  That it
 * failed is nothing to the one before. */
static void
take_hold(struct publish *p)
{
	struct candidate *c = p->hand_for;
	bool existed;
	enum rc rc;

	if (!c)
		return;
	p->hand_for = NULL;
	rc = claim_write_end(&p->hand, &existed);
	c->claimed = c->held = rc == RC_OK && !existed;
	if (rc)
		candidate_fail(c, rc);
}

/* Have the one after c claimed before others can see c's END. */
static void
claim_ahead(struct publish *p, struct candidate *c)
{
	struct candidate *next = successor(p, c);

	if (p->hand_for != next)
		take_hold(p);
	if (next)
		reach_out(p, next);
	take_hold(p);
}

/* Of what failed, the claims that are ours: of what may still be published by a
 * request of ours without an answer they stay. */
static void
give_up_claims(struct publish *p)
{
	struct candidate *c = p->set.c;
	struct contest contest;
	struct claim mine;

	for (; c < p->set.c + p->set.n; c++) {
		if (!c->held || !c->rc || c->put)
			continue;
		contest = fit_contest(&p->fit, c->space->namespace);
		fit_mine(c, &mine);
		contest_give_up(&contest, c->base, &mine);
	}
}

/* Look at the claim of c once more while that of the one after the next is on
 * its way. */
static enum rc
look_again(struct publish *p, struct candidate *c, bool created)
{
	struct contest contest = fit_contest(&p->fit, c->space->namespace);
	struct claim_op op;
	struct claim mine, theirs = {0};
	struct candidate *next = successor(p, c);
	char name[CLAIM_NAME_MAX];
	enum rc seen;

	claim_read_begin(p->o.store, &op,
	    claim_object(
		p->o.cluster, c->space->namespace, claim_name(c->base, name)));
	if (!created && next)
		next->claimed = false; /* by others too: list before it */
	else if (next && next->claimed && successor(p, next))
		reach_out(p, successor(p, next));
	seen = claim_read_end(&op, &theirs);
	fit_mine(c, &mine);
	return contest_settle(&contest, c->base, &mine, created, seen, &theirs);
}

static enum rc
publish_one(struct publish *p, struct candidate *c)
{
	bool data_existed = false, index_existed = false;
	enum rc rc = RC_OK;

	if (c->data)
		rc = wait_for_data(c, &c->data, &data_existed);
	if (rc == RC_OK && c->fit == RULES_EXTENDS && !c->claimed)
		rc = fit_claim(&p->fit, c);
	if (rc == RC_OK && c->fit == RULES_EXTENDS)
		claim_ahead(p, c);
	if (rc == RC_OK)
		note(p, c);
	if (rc == RC_OK)
		rc = put_index(p, c, &index_existed);
	c->put = rc == RC_OK || rc == RC_SYSTEM;
	if (rc == RC_OK && c->fit == RULES_EXTENDS)
		rc = look_again(p, c, !index_existed);
	if (rc == RC_OK &&
	    (c->fit != RULES_EXTENDS || data_existed || index_existed))
		rc = keep(p, c);
	return rc;
}

static enum rc
publish_or_skip(struct publish *p, struct candidate *c)
{
	bool existed;
	char *text;
	enum rc rc = RC_OK;

	if (!c->space->failed)
		return publish_one(p, c);
	/* Its data was on its way: if that failed, too, this was said. */
	if (c->data)
		rc = wait_for_data(c, &c->data, &existed);
	if (rc)
		return rc;
	text = candidate_text(c);
	rc = msg_fail(
	    RC_DATA, "%s: not published, since one before it failed", text);
	free(text);
	return rc;
}

/* ---- what is published ---- */

/* The last of a namespace in its directory. */
static bool
ends_directory(const struct candidate *c)
{
	return c == c->space->c + c->space->n - 1 || c[1].place != c->place;
}

/* With that what killed runs have left there, too. */
static enum rc
remove_index(struct publish *p, const struct candidate *c)
{
	char *path = candidate_path(c, PART_SEGMENT);
	enum rc rc = moved_remove(path, PART_INDEX, NULL);
	struct name name;

	if (rc == RC_OK && ends_directory(c)) {
		name_set(&name, c->space->namespace, &c->key);
		moved_make_good(p->o.store, p->o.cluster, &name, path);
		rc = moved_sweep(path, &c->key);
	}
	free(path);
	return rc;
}

static enum rc
remove_local(struct publish *p, size_t end)
{
	struct dirs dirs = {0};
	enum rc rc = RC_OK;
	char *path;

	for (size_t i = p->finished; i < end; i++) {
		if (p->set.c[i].rc)
			continue;
		path = candidate_path(&p->set.c[i], PART_SEGMENT);
		rc = rc_max(rc, moved_remove(path, PART_SEGMENT, &dirs));
		free(path);
	}
	rc = rc_max(rc, dirs_sync(&dirs));
	for (size_t i = p->finished; rc == RC_OK && i < end; i++)
		if (p->set.c[i].rc == RC_OK)
			rc = remove_index(p, &p->set.c[i]);
	return rc;
}

/* BATCH at most.  Before their files are removed: what was killed in between is
 * then uploaded, and recorded, again. */
static enum rc
record_until(struct publish *p, size_t end)
{
	struct catalog_change changes[BATCH];
	size_t n = 0;

	if (!p->o.catalog || p->o.dry_run)
		return RC_OK;
	for (size_t i = p->finished; i < end; i++) {
		const struct candidate *c = &p->set.c[i];

		if (c->rc)
			continue;
		changes[n] = (struct catalog_change){
		    .namespace = c->space->namespace,
		    .key = c->key,
		    .bytes = c->bytes,
		    .pages =
			c->pages ? seg_pages_of_size(c->bytes) : UINT64_MAX,
		};
		n++;
	}
	return catalog_record(p->o.catalog, changes, n);
}

/* Record, remove and tell what is published up to end: BATCH at most. */
static enum rc
finish_batch(struct publish *p, size_t end)
{
	enum rc rc = record_until(p, end);

	if (p->o.move && !p->o.dry_run)
		rc = rc_max(rc, remove_local(p, end));
	for (size_t i = p->finished; i < end; i++) {
		const struct candidate *c = &p->set.c[i];
		struct rec rec = {.pages = c->pages ? c->pages : REC_UNKNOWN,
		    .bytes = c->bytes};

		name_set(&rec.name, c->space->namespace, &c->key);
		if (c->rc == RC_OK)
			rc = rc_max(rc, p->o.published(p->o.arg, &rec));
	}
	p->finished = end;
	return rc;
}

static enum rc
finish_until(struct publish *p, size_t end)
{
	enum rc rc = RC_OK;

	while (p->finished < end) {
		size_t left = end - p->finished;

		rc = rc_max(rc,
		    finish_batch(p, left < BATCH ? end : p->finished + BATCH));
	}
	return rc;
}

/* ---- a set ---- */

/* One past the last that has the END of the one at i. */
static size_t
group_end(const struct publish *p, size_t i)
{
	size_t end = i + 1;

	while (end < p->set.n && p->set.c[end].space == p->set.c[i].space &&
	       p->set.c[end].key.end == p->set.c[i].key.end)
		end++;
	return end;
}

/* Data ahead of the indexes, indexes one after the other; of those with the same
 * END the narrowest first, which the wider may be merges of. */
static enum rc
publish_all(struct publish *p)
{
	size_t next = 0, end;
	enum rc rc = RC_OK, one;

	for (size_t from = 0; from < p->set.n; from = end) {
		end = group_end(p, from);
		for (size_t i = end; i-- > from;) {
			struct candidate *c = &p->set.c[i];

			for (;;) {
				put_ahead(p, &next, i + AHEAD);
				if (next > i)
					break;
				compress_step(p->compress, p->o.store);
			}
			if (c->rc || c->gone)
				continue;
			one = publish_or_skip(p, c);
			if (one)
				candidate_fail(c, one);
		}
		if (end - p->finished >= BATCH)
			rc = rc_max(rc, finish_until(p, end));
	}
	rc = rc_max(rc, finish_until(p, p->set.n));
	take_hold(p);
	while (p->running > 0)
		compress_step(p->compress, p->o.store);
	give_up_claims(p);
	return rc;
}

enum rc
publish_set(struct publish *p)
{
	enum rc rc = p->o.dry_run ? finish_until(p, p->set.n) : publish_all(p);

	return rc_max(rc, publish_forget(p));
}
