/*
 * cut: see cut.h.
 *
 * Publishing: the segment is written under temporary names and the read
 * transaction ended (draft.c); the next memory made durable; the segment named;
 * the memory put in place.  So a run that is killed leaves what tells the next
 * one how far it came: see recover().
 *
 * Each step must be durable before the next begins, also for a power loss: a
 * segment that no memory knows is taken for another writer's, a memory of one
 * that is not there would be continued.  Hence six fsyncs: data, index, next
 * memory and its name, the segment's two names at once, the memory.  That the
 * next memory is gone need not last: found again, it is put in place again,
 * which changes nothing.
 *
 * A store is asked (one listing of one key) only when there is something to
 * publish, and never inside the transaction.
 */

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/buf.h"
#include "base/directory.h"
#include "base/file.h"
#include "base/signals.h"
#include "base/temporary.h"
#include "base/time.h"
#include "cut/backlog.h"
#include "cut/cut.h"
#include "cut/draft.h"
#include "cut/judge.h"
#include "cut/lastcut.h"
#include "cut/livedb.h"
#include "format/segment.h"
#include "plan/keyset.h"
#include "plan/listing.h"

struct cut {
	const struct cut_opts *o;
	char *dir; /* DIR/NAMESPACE */
	struct livedb *db;
	struct lastcut *memory;
	bool locked_out;     /* another run has the memory */
	bool unnumbered;     /* only the store can tell where it begins */
	struct keyset local; /* segments in DIR */
	bool listed;         /* the store was asked */
	struct cut_known known;
	struct key
	    unsettled; /* a dry run's last cut, if a killed run made it */
	struct draft draft;
};

static uint64_t
store_hash(const struct cut *c, unsigned i)
{
	XXH64_hash_t h =
	    XXH3_64bits_withSeed(c->o->store_name, strlen(c->o->store_name), i);

	return h ^ XXH3_64bits_withSeed(
		       c->o->cluster, strlen(c->o->cluster), i + 2);
}

static char *
segment_file(const struct cut *c, const struct key *k)
{
	char text[KEY_LEN + 1];

	return xasprintf("%s/%s.seg", c->dir, key_text(k, text));
}

static char *
index_file(const struct cut *c, const struct key *k)
{
	char text[KEY_LEN + 1];

	return xasprintf("%s/%s.idx", c->dir, key_text(k, text));
}

/* ---- the store ---- */

static enum rc
ask_store(struct cut *c)
{
	enum rc rc;

	if (!c->o->store || c->listed)
		return RC_OK;
	rc = listing_newest(
	    c->o->store, c->o->cluster, c->o->namespace, &c->known.stored);
	if (rc == RC_ABSENT) {
		memset(&c->known.stored, 0, sizeof(c->known.stored));
		rc = RC_OK;
	}
	c->listed = rc == RC_OK;
	return rc;
}

/* Whether the store may lack something. */
static bool
pending(const struct cut *c)
{
	const struct lastcut_facts *f = lastcut_facts(c->memory);

	return c->o->store && f &&
	       (f->stored_end != f->last.end ||
		   f->store[0] != store_hash(c, 0) ||
		   f->store[1] != store_hash(c, 1));
}

static void
note_store(const struct cut *c, struct lastcut_facts *f)
{
	if (!c->listed)
		return;
	f->stored_end = c->known.stored.end;
	f->store[0] = store_hash(c, 0);
	f->store[1] = store_hash(c, 1);
}

/* Can the store catch up with the last cut from what is in DIR?  *overtaken: not
 * with what another writer has overtaken. */
static bool
can_catch_up(const struct cut *c, bool *overtaken)
{
	uint64_t base = c->known.stored.end, last = c->known.last->end;
	size_t n, *order;
	bool can;

	*overtaken = false;
	if (!c->listed || base >= last)
		return true;
	order = backlog_chain(
	    c->o->dir, c->o->namespace, &c->local, base, &n, overtaken);
	can = n > 0 && c->local.key[order[n - 1]].end >= last;
	free(order);
	return can;
}

/* May the cut follow the last one?  *full: only as a full cut. */
static enum rc
judge(struct cut *c, bool *full)
{
	uint64_t ahead;
	bool overtaken;

	if (!c->known.last)
		return RC_OK;
	if (judge_continues(&c->known, &ahead)) {
		if (can_catch_up(c, &overtaken))
			return RC_OK;
		if (!overtaken) {
			*full = true;
			return RC_OK;
		}
		ahead = c->known.stored.end;
	}
	*full = true;
	if (c->o->force)
		return RC_OK;
	return msg_fail(RC_DATA,
	    "%s: another writer's segments go up to frame %llu, the"
	    " last cut here to %llu (-F: a full cut after them)",
	    c->o->namespace, (unsigned long long)ahead,
	    (unsigned long long)c->known.last->end);
}

/* ---- the memory ---- */

/* The memory, and what it knows from here on. */
static void
remember(struct cut *c)
{
	const struct lastcut_facts *f = lastcut_facts(c->memory);

	c->known.last = f ? &f->last : NULL;
}

/* What of it has its name goes, the index first. */
static enum rc
undo(struct cut *c, const struct key *k)
{
	char *seg = segment_file(c, k), *idx = index_file(c, k);
	enum rc rc = file_remove(idx);

	if (rc == RC_OK || rc == RC_ABSENT)
		rc = file_remove(seg);
	free(seg);
	free(idx);
	if (rc == RC_OK || rc == RC_ABSENT)
		rc = lastcut_settle(c->memory, false);
	return rc;
}

/* Whether the data has its name and not the index, or neither: then the
 * segment was never published. */
static bool
never_published(const struct cut *c, const struct key *k)
{
	char *seg = segment_file(c, k), *idx = index_file(c, k);
	bool never = temporary_exists(idx) || file_exists(seg);
	free(seg);
	free(idx);
	return never;
}

static enum rc
finish_or_undo(struct cut *c, const struct key *k)
{
	const struct lastcut_facts *f = lastcut_facts(c->memory);
	char *idx;
	enum rc rc;

	/* A memory that speaks of it was begun after it had its names. */
	if (keyset_has(&c->local, k) || (f && key_cmp(k, &f->last) == 0))
		return lastcut_settle(c->memory, true);
	if (never_published(c, k))
		return undo(c, k);
	/* Published and moved into a store, or swept before it was published.
	 */
	rc = ask_store(c);
	if (rc)
		return rc;
	if (c->listed && key_cmp(k, &c->known.stored) == 0)
		return lastcut_settle(c->memory, true);
	/* Then a full cut, which is right in either case. */
	msg_info("%s: a killed run's cut is neither here nor in the store",
	    c->o->namespace);
	c->known.doubtful = k->end;
	lastcut_forget(c->memory);
	/* Of two names that were synced together a crash may leave this. */
	idx = index_file(c, k);
	rc = file_remove(idx);
	free(idx);
	return rc == RC_ABSENT ? RC_OK : rc;
}

/* A dry run cannot finish or undo it: the memory is that of the cut before. */
static void
foresee(struct cut *c, const struct key *k)
{
	msg_warn("%s: a killed run will be finished or undone first: what is"
		 " cut then may be less",
	    c->o->namespace);
	if (c->known.last && k->start > 0 && keyset_has(&c->local, k)) {
		c->unsettled = *k;
		c->known.last = &c->unsettled;
	}
}

/* What a killed run left. */
static enum rc
recover(struct cut *c)
{
	struct key k;
	enum rc rc = lastcut_pending(c->memory, &k);

	if (rc == RC_OK && !c->o->dry_run)
		rc = k.start == 0 ? lastcut_settle(c->memory, true)
				  : finish_or_undo(c, &k);
	remember(c);
	if (c->o->dry_run && rc == RC_OK)
		foresee(c, &k);
	if (!c->o->dry_run)
		temporary_sweep(c->dir);
	return rc == RC_ABSENT ? RC_OK : rc;
}

/* Nothing changed, but the memory can say more. */
static enum rc
refresh(struct cut *c)
{
	struct lastcut_facts new = *lastcut_facts(c->memory);
	enum rc rc = RC_OK;

	if (c->o->dry_run)
		return RC_OK;
	if (c->draft.found == DRAFT_STALE) {
		new.db = c->draft.facts.db;
		new.compared = c->draft.facts.compared;
		new.cuts = c->draft.facts.cuts;
	} else if (c->listed && pending(c) &&
		   c->known.stored.end == new.last.end) {
		rc = lastcut_begin(c->memory, false);
	} else {
		return RC_OK;
	}
	note_store(c, &new);
	if (rc == RC_OK)
		rc = lastcut_next(c->memory, &new, false);
	return rc ? rc : lastcut_settle(c->memory, true);
}

/* ---- publishing ---- */

static enum rc
give_name(struct cut *c)
{
	struct lastcut_facts *f = &c->draft.facts;
	enum rc rc;

	note_store(c, f);
	/* From the next memory to the segment's name no signal may remove the
	 * temporary files: they tell the next run how far this one came. */
	signals_defer(true);
	rc = lastcut_next(c->memory, f, true);
	if (rc == RC_OK) {
		rc = segwriter_commit(c->draft.writer, NULL);
		if (rc)
			(void)undo(c, &f->last);
		else
			rc = lastcut_settle(c->memory, true);
	}
	signals_defer(false);
	return rc;
}

/* -t by this machine's clock will not find it for so long. */
static void
say_raised(const struct cut *c)
{
	char span[TIME_TEXT_MAX], text[TIME_TEXT_MAX];

	if (c->draft.raised > c->o->raised)
		msg_warn("%s: TIME is %s ahead of the clock: the cut before has"
			 " %s",
		    c->o->namespace, time_span_text(c->draft.raised, span),
		    time_text(c->draft.facts.last.time, text));
}

static enum rc
publish(struct cut *c)
{
	struct key new = c->draft.facts.last;
	enum rc rc = c->o->dry_run ? RC_OK : give_name(c);

	if (rc == RC_OK) {
		keyset_add(&c->local, &new);
		say_raised(c);
	}
	return rc;
}

/* A segment of the dry run, which is not there. */
static enum rc
emit_draft(const struct cut *c, const struct name *name)
{
	const struct draft *d = &c->draft;
	const struct seg_header h = {.layout = SEG_OLD,
	    .page_size = d->facts.db.page_size,
	    .frames = (uint32_t)d->frames};
	char *path = name_path(c->o->dir, name, PART_SEGMENT);
	struct rec r = {.text = path,
	    .is_path = true,
	    .name = *name,
	    .pages = d->frames,
	    .bytes = seg_size(&h)};
	enum rc rc = c->o->emit(c->o->arg, &r);

	free(path);
	return rc;
}

/* Another run has told of it meanwhile, and its reader moved it into the store:
 * then it is done. */
static enum rc
find_moved(struct cut *c, const struct key *key)
{
	char *path = segment_file(c, key);
	enum rc rc;

	c->listed = false;
	rc = ask_store(c);
	if (rc == RC_OK && c->known.stored.end >= key->end)
		msg_info("%s: moved into the store meanwhile", path);
	else if (rc == RC_OK)
		rc = msg_fail(RC_DATA, "%s: it has gone", path);
	free(path);
	return rc;
}

static enum rc
emit(struct cut *c, const struct key *key)
{
	struct name name = {.key = *key};
	enum rc rc;

	strcpy(name.namespace, c->o->namespace);
	if (c->o->dry_run && c->draft.found == DRAFT_CHANGED &&
	    key_cmp(key, &c->draft.facts.last) == 0)
		return emit_draft(c, &name);
	rc = backlog_tell(c->o->dir, &name, c->o->emit, c->o->arg);
	return rc == RC_ABSENT ? find_moved(c, key) : rc;
}

/* With a store all that it lacks; else the new cut alone. */
static enum rc
emit_set(struct cut *c)
{
	size_t n, *order;
	enum rc rc = RC_OK;

	if (!c->o->store)
		return c->draft.found == DRAFT_CHANGED
			   ? emit(c, &c->draft.facts.last)
			   : RC_OK;
	if (!c->listed)
		return RC_OK;
	order = backlog_chain(c->o->dir, c->o->namespace, &c->local,
	    c->known.stored.end, &n, NULL);
	for (size_t i = 0; i < n && rc == RC_OK; i++)
		rc = emit(c, &c->local.key[order[i]]);
	free(order);
	return rc;
}

/* ---- the run ---- */

/* Is it known which number is free?  A memory tells it, or the store. */
static enum rc
mind_number(struct cut *c)
{
	c->unnumbered = !c->known.last && c->o->stored_unsure;
	if (!c->unnumbered)
		return ask_store(c);
	return msg_fail(RC_SYSTEM,
	    "%s: not cut: nothing here knows the last cut, and the store has"
	    " not told its own",
	    c->o->namespace);
}

static enum rc
full_cut(struct cut *c)
{
	bool full = true;
	enum rc rc = mind_number(c);

	if (rc == RC_OK)
		rc = judge(c, &full);
	if (rc == RC_OK)
		rc = draft_full(&c->draft);
	return rc ? rc : publish(c);
}

static enum rc
increment(struct cut *c, bool *full)
{
	enum rc rc = draft_increment(&c->draft);

	*full = c->draft.found == DRAFT_NEVER;
	if (rc == RC_OK && (c->draft.found == DRAFT_CHANGED || pending(c)))
		rc = ask_store(c);
	if (rc == RC_OK)
		rc = judge(c, full);
	if (rc || *full)
		return rc;
	return c->draft.found == DRAFT_CHANGED ? publish(c) : refresh(c);
}

static enum rc
cut(struct cut *c)
{
	bool full = c->o->full || !c->known.last;
	enum rc rc = RC_OK;

	if (!full)
		rc = increment(c, &full);
	if (rc == RC_OK && full) {
		draft_drop(&c->draft);
		rc = full_cut(c);
	}
	return rc ? rc : emit_set(c);
}

/* A database without a byte: nothing to cut, unless there was something. */
static enum rc
cut_empty(struct cut *c)
{
	bool was;
	enum rc rc = backlog_scan(&c->local, c->dir);

	was = c->local.n > 0;
	if (rc == RC_OK && !was) {
		rc = lastcut_look(&c->memory, c->dir, c->o->busy_ms);
		was = rc == RC_OK && lastcut_facts(c->memory);
	}
	if (rc == RC_OK && !was)
		rc = ask_store(c);
	if (rc)
		return rc;
	if (was || c->known.stored.end)
		return msg_fail(RC_DATA,
		    "%s: is empty, and was not at the last cut", c->o->path);
	return RC_OK;
}

static enum rc
open_memory(struct cut *c, const struct secrecy *secrecy)
{
	const struct cut_opts *o = c->o;
	enum rc rc;

	if (o->dry_run)
		return lastcut_look(&c->memory, c->dir, o->busy_ms);
	rc = dir_make(o->dir);
	if (rc == RC_OK)
		rc = dir_make_below(o->dir, o->namespace);
	if (rc == RC_OK)
		rc = lastcut_open(
		    &c->memory, c->dir, o->busy_ms, secrecy, &c->locked_out);
	return rc;
}

static enum rc
prepare(struct cut *c)
{
	const struct cut_opts *o = c->o;
	/* A segment is not for those whom the database is not for. */
	const struct secrecy *secrecy = livedb_secrecy(c->db);
	enum rc rc = open_memory(c, secrecy);

	if (rc == RC_OK)
		rc = backlog_scan(&c->local, c->dir);
	if (rc == RC_OK)
		rc = recover(c);
	if (rc)
		return rc;
	c->draft = (struct draft){.dir = o->dir,
	    .namespace = o->namespace,
	    .path = o->path,
	    .secrecy = secrecy,
	    .look = o->dry_run,
	    .memory = c->memory,
	    .known = &c->known,
	    .pages.progress = o->progress,
	    .pages.progress_arg = o->arg};
	return pages_init(&c->draft.pages, c->db);
}

static enum rc
cut_database(struct cut *c)
{
	/* What is no database, or busy, leaves no trace in DIR. */
	enum rc rc = livedb_begin(c->db);

	livedb_end(c->db);
	if (rc == RC_OK)
		rc = prepare(c);
	if (rc == RC_OK)
		rc = cut(c);
	if (c->draft.memory)
		draft_drop(&c->draft);
	pages_release(&c->draft.pages);
	return rc;
}

static void
tell_result(const struct cut *c, enum rc rc, struct cut_result *r)
{
	const struct lastcut_facts *f =
	    c->memory ? lastcut_facts(c->memory) : NULL;

	*r = (struct cut_result){0};
	if (f)
		r->last = f->last;
	r->made =
	    rc == RC_OK && c->draft.memory && c->draft.found == DRAFT_CHANGED;
	r->raised = c->draft.raised;
	r->whole = c->draft.read_all;
	r->read_ms = c->draft.read_ms;
	r->goes_on = rc == RC_OK && c->db && livedb_goes_on(c->db);
	r->busy = rc && c->db && (livedb_is_busy(c->db) || c->locked_out);
	r->unnumbered = rc && c->unnumbered;
}

enum rc
cut_run(const struct cut_opts *o, struct cut_result *result)
{
	struct cut c = {.o = o, .known.local = &c.local};
	enum rc rc;

	if (o->stored)
		c.known.stored = *o->stored;
	if (o->before)
		c.known.before = *o->before;
	c.dir = xasprintf("%s/%s", o->dir, o->namespace);
	rc = livedb_open(&c.db, o->path, o->busy_ms, o->dry_run);
	if (rc == RC_OK)
		rc = cut_database(&c);
	else if (rc == RC_ABSENT)
		rc = cut_empty(&c);
	if (result)
		tell_result(&c, rc, result);
	lastcut_free(c.memory);
	livedb_free(c.db);
	keyset_release(&c.local);
	free(c.dir);
	return rc;
}
