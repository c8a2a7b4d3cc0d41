/*
 * draft: see draft.h.
 *
 * Four ways, the cheapest that is certain:
 *
 *   nothing    the log is where it was at the last cut; or there is none, and
 *              the file has the same identity, stamps (older than the last cut
 *              by more than they are coarse) and counters
 *   log        the log has more frames behind the place of the last cut; the
 *              database changes by them alone, so that only they are read
 *   restart    the log was restarted since, and what is left of its old
 *              generation and the new one name all that can have changed
 *              (restart.h): those pages are read
 *   database   all of it is read, and its pages compared with the memory; so
 *              are they now and then where a cheaper way would do, lest a fault
 *              of SQLite's or of a disk is never seen
 *
 * or a full cut, for which no memory is needed.  Each reads within one
 * transaction, and begins anew if the log was restarted under it.
 */

#include <string.h>

#include "base/number.h"
#include "base/sort.h"
#include "base/time.h"
#include "cut/draft.h"
#include "cut/restart.h"

enum { TRIES = 20 /* the log was restarted while we read */ };

void
draft_drop(struct draft *d)
{
	livedb_end(d->pages.db);
	segwriter_free(d->writer);
	d->writer = NULL;
	lastcut_drop(d->memory);
	sort_free(d->changed);
	d->changed = NULL;
}

static enum rc
restarted(const struct draft *d)
{
	return msg_fail(
	    RC_SYSTEM, "%s: its log was restarted again and again", d->path);
}

/* The state is fixed: from here on it holds nothing newer than TIME. */
static enum rc
fix(struct draft *d, const struct wal_place *from)
{
	enum rc rc = pages_fix(&d->pages, from, &d->end);
	uint64_t now;

	if (rc)
		return rc;
	now = time_now();
	memset(&d->facts, 0, sizeof(d->facts));
	d->facts.last.time = judge_time(d->known, now);
	d->raised = d->facts.last.time - now;
	d->facts.db = *livedb_state(d->pages.db);
	return RC_OK;
}

/* ---- writing a segment ---- */

static enum rc
writer_begin(struct draft *d, uint64_t start, uint64_t first, uint64_t frames)
{
	struct name name;

	if (frames > UINT64_MAX - first)
		return msg_fail(
		    RC_DATA, "%s: the frame numbers are used up", d->namespace);
	d->facts.last.start = start;
	d->facts.last.end = first + frames - 1;
	d->frame_no = first;
	d->frames = frames;
	if (d->look)
		return RC_OK;
	name_set(&name, d->namespace, &d->facts.last);
	return segwriter_new(
	    &d->writer, d->dir, &name, d->facts.db.page_size, d->secrecy);
}

/* Ends the transaction too. */
static enum rc
writer_end(struct draft *d)
{
	uint8_t id[SEG_ID];
	enum rc rc = livedb_still(d->pages.db);

	livedb_end(d->pages.db);
	if (rc || d->look)
		return rc;
	seg_sum_to_id(&d->facts.sum, id);
	return segwriter_finish(d->writer, d->facts.db.size, id);
}

/* ---- all of the database ---- */

/* How long it takes says how often it is done (rounds.h). */
static enum rc
read_all(struct draft *d, enum rc (*page)(void *, const struct page *))
{
	uint64_t began = time_monotonic();
	enum rc rc = pages_each(&d->pages, page, d);

	d->read_all = true;
	d->read_ms += time_monotonic() - began;
	return rc;
}

/* ---- a full cut ---- */

static enum rc
full_page(void *arg, const struct page *page)
{
	struct draft *d = arg;
	struct seg_sum hash = {0, 0};
	bool changed;
	enum rc rc;

	seg_sum_page(&hash, page->at.page, page->bytes, d->facts.db.page_size);
	rc = lastcut_put(d->memory, page->at.page, &hash, &changed);
	if (rc || d->look)
		return rc;
	return segwriter_add(
	    d->writer, page->at.page, d->frame_no++, page->bytes);
}

/* Pages of the database, the lock page apart. */
static uint64_t
real_pages(const struct livedb_state *s)
{
	return s->size - (s->size >= seg_lock_page(s->page_size));
}

static enum rc
full_once(struct draft *d)
{
	enum rc rc = pages_begin(&d->pages);

	if (rc == RC_OK)
		rc = fix(d, NULL);
	d->facts.compared = time_now();
	if (rc == RC_OK)
		rc = lastcut_begin(d->memory, true);
	if (rc == RC_OK)
		rc = writer_begin(
		    d, 1, judge_full_first(d->known), real_pages(&d->facts.db));
	if (rc == RC_OK)
		rc = read_all(d, full_page);
	if (rc == RC_OK)
		rc = lastcut_sum(
		    d->memory, d->facts.db.size, true, &d->facts.sum);
	return rc ? rc : writer_end(d);
}

enum rc
draft_full(struct draft *d)
{
	enum rc rc;

	msg_info("%s: a full cut", d->path);
	d->found = DRAFT_CHANGED;
	for (int i = 0; i < TRIES; i++) {
		rc = full_once(d);
		if (rc != RC_ABSENT)
			return rc;
		draft_drop(d);
	}
	return restarted(d);
}

/* ---- what has changed ---- */

/* Whether the log, or what was left of it, says that it may have. */
static bool
named_since(const struct draft *d, const struct page *page)
{
	return page->named &&
	       (d->trace != DRAFT_LOG ||
		   page->at.frame > lastcut_facts(d->memory)->db.wal.frame);
}

static enum rc
compare_page(void *arg, const struct page *page)
{
	struct draft *d = arg;
	struct seg_sum hash = {0, 0};
	bool grown = page->at.page > d->grown, changed;
	enum rc rc;

	if (page->at.page == 1)
		d->first = page->at;
	d->n_grown += grown;
	seg_sum_page(&hash, page->at.page, page->bytes, d->facts.db.page_size);
	rc = lastcut_put(d->memory, page->at.page, &hash, &changed);
	if (rc == RC_ABSENT) /* damaged */
		d->found = DRAFT_NEVER;
	if (rc || !changed)
		return rc;
	d->n_changed++;
	if (d->trace && !grown && !named_since(d, page) && d->n_silent++ == 0)
		d->silent = page->at.page;
	return sort_add(d->changed, &page->at);
}

/*
 * Those that are named.  A page that was cut off and came back without being
 * written has no frame, and whatever the file holds: then all is read.
 */
static enum rc
compare_named(struct draft *d)
{
	uint32_t lock = seg_lock_page(d->facts.db.page_size);
	uint32_t size = d->facts.db.size;
	uint64_t wanted;
	enum rc rc = pages_each_named(&d->pages, compare_page, d);

	wanted = size > d->grown
		     ? size - d->grown - (d->grown < lock && lock <= size)
		     : 0;
	if (rc == RC_OK && d->n_grown != wanted) {
		d->whole = true;
		return RC_ABSENT;
	}
	return rc;
}

static enum rc
compare_all(struct draft *d)
{
	enum rc rc = read_all(d, compare_page);

	d->facts.compared = time_now();
	d->facts.cuts = 0;
	/* Whoever silences notices must hear of it too. */
	if (rc == RC_OK && d->n_silent > 0)
		(void)msg_fail(RC_OK,
		    "%s: its log does not say that they have changed: %llu"
		    " page%s, from %u on: a fault of SQLite's before 3.51.3 or"
		    " of the disk, or somebody wrote into the file. This cut"
		    " has the change; earlier ones may lack it",
		    d->path, (unsigned long long)d->n_silent,
		    number_s(d->n_silent), d->silent);
	return rc;
}

static enum rc
write_changed(struct draft *d)
{
	struct livelog_frame f;
	const void *bytes;
	enum rc rc;

	while ((rc = sort_next(d->changed, &f)) == RC_OK) {
		rc = pages_again(&d->pages, &f, &bytes);
		if (rc == RC_OK)
			rc = segwriter_add(
			    d->writer, f.page, d->frame_no++, bytes);
		if (rc)
			return rc;
	}
	return rc == RC_ABSENT ? RC_OK : rc;
}

/* A size that changed and no page: one page must tell of it.  Where that is in
 * the log is known when all is read. */
static enum rc
need_a_page(struct draft *d, bool all)
{
	if (d->n_changed > 0 ||
	    d->facts.db.size == lastcut_facts(d->memory)->db.size)
		return RC_OK;
	if (!all) {
		d->whole = true;
		return RC_ABSENT;
	}
	d->n_changed = 1;
	return sort_add(d->changed, &d->first);
}

static enum rc
find_changes(struct draft *d)
{
	bool all = !d->trace || d->compare;
	uint32_t old = lastcut_facts(d->memory)->db.size;
	enum rc rc;

	d->n_changed = d->n_grown = d->n_silent = 0;
	d->grown = d->end.least < old ? d->end.least : old;
	sort_free(d->changed);
	d->changed = sort_new(sizeof(struct livelog_frame), livelog_frame_cmp);
	msg_info("%s: reading %s", d->path,
	    d->compare && d->trace  ? "the database: a whole comparison is due"
	    : all                   ? "the database"
	    : d->trace == DRAFT_LOG ? "the log's new part"
				    : "what the restarted log names");
	rc = lastcut_begin(d->memory, false);
	if (rc)
		return rc;
	rc = all ? compare_all(d) : compare_named(d);
	if (rc)
		return rc;
	rc = lastcut_sum(d->memory, d->facts.db.size, all, &d->facts.sum);
	if (rc == RC_ABSENT) /* damaged */
		d->found = DRAFT_NEVER;
	return rc ? rc : need_a_page(d, all);
}

/* Fix the state, together with what names the pages that can have changed. */
static enum rc
trace(struct draft *d, const struct lastcut_facts *f)
{
	const struct livedb_state *then = &f->db;
	struct livedb *db = d->pages.db;
	bool same = !d->whole && judge_same_log(then, livedb_state(db));
	bool follows = same && livelog_holds(livedb_log(db), &then->wal);
	struct livelog_end tail;
	enum rc rc, has_tail = RC_ABSENT;

	d->trace = DRAFT_NO_TRACE;
	if (same && !follows)
		has_tail = restart_tail(db, then, d->pages.frames, &tail);
	if (has_tail != RC_OK && has_tail != RC_ABSENT)
		return has_tail;
	rc = fix(d, follows && !d->compare ? &then->wal : NULL);
	if (rc)
		return rc;
	d->facts.compared = f->compared;
	d->facts.cuts = f->cuts + 1;
	if (follows)
		d->trace = DRAFT_LOG;
	if (has_tail || !restart_names_all(db, then, &tail, &d->end))
		return RC_OK;
	d->trace = DRAFT_RESTARTED;
	d->end.read += tail.read;
	if (tail.least < d->end.least)
		d->end.least = tail.least;
	/* Nothing is in the new generation yet: then this is where it goes on
	 * from. */
	if (d->facts.db.wal.frame == 0)
		d->facts.db.wal = tail.place;
	return RC_OK;
}

static bool
nothing_changed(const struct draft *d, const struct lastcut_facts *f)
{
	switch (d->trace) {
	case DRAFT_LOG:
		return wal_place_equal(&f->db.wal, &d->facts.db.wal);
	case DRAFT_RESTARTED:
		return d->end.read == 0;
	default:
		return judge_untouched(&f->db, &d->facts.db);
	}
}

/* RC_ABSENT: the memory will not do (DRAFT_NEVER), or another try is due. */
static enum rc
increment_once(struct draft *d)
{
	const struct lastcut_facts *f = lastcut_facts(d->memory);
	const struct livedb_state *now = &d->facts.db;
	uint64_t first;
	enum rc rc = pages_begin(&d->pages);

	d->found = DRAFT_NOTHING;
	if (rc)
		return rc;
	if (livedb_state(d->pages.db)->page_size != f->db.page_size) {
		d->found = DRAFT_NEVER;
		return RC_ABSENT;
	}
	rc = trace(d, f);
	if (rc || nothing_changed(d, f))
		return rc;
	if (d->trace && !d->compare &&
	    judge_comparison_due(f->compared, f->cuts, time_now())) {
		d->compare = true;
		return RC_ABSENT;
	}
	rc = find_changes(d);
	if (rc)
		return rc;
	if (d->n_changed == 0) {
		if (now->wal.frame > 0 || judge_stamps_tell(now))
			d->found = DRAFT_STALE;
		return livedb_still(d->pages.db);
	}
	d->found = DRAFT_CHANGED;
	first = d->known->last->end + 1;
	rc = writer_begin(d, first, first, d->n_changed);
	if (rc == RC_OK && !d->look)
		rc = write_changed(d);
	return rc ? rc : writer_end(d);
}

enum rc
draft_increment(struct draft *d)
{
	enum rc rc = RC_ABSENT;

	for (int i = 0; i < TRIES && rc == RC_ABSENT; i++) {
		rc = increment_once(d);
		if (rc == RC_ABSENT)
			draft_drop(d);
		if (d->found == DRAFT_NEVER)
			return RC_OK;
	}
	livedb_end(d->pages.db);
	return rc == RC_ABSENT ? restarted(d) : rc;
}
