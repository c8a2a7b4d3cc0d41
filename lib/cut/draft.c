/*
 * draft: see draft.h.
 *
 * Three ways, the cheapest that is certain:
 *
 *   nothing    the log is where it was at the last cut; or there is none, and
 *              the file has the same identity, stamps (older than the last cut
 *              by more than they are coarse) and counters
 *   log        the log has more frames behind the place of the last cut; the
 *              database changes by them alone, so that only they are read
 *   database   all of it is read, and its pages compared with the memory
 *
 * or a full cut, for which no memory is needed.  Each reads within one
 * transaction, and begins anew if the log was restarted under it.
 */

#include <string.h>

#include "base/sort.h"
#include "base/time.h"
#include "cut/draft.h"

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
fix(struct draft *d, const struct wal_place *from, uint32_t *least)
{
	enum rc rc = pages_fix(&d->pages, from, least);
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
	    &d->writer, d->dir, &name, d->facts.db.page_size, d->mode);
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

/* ---- a full cut ---- */

static enum rc
full_page(void *arg, uint32_t page, uint32_t frame, const void *bytes)
{
	struct draft *d = arg;
	struct seg_sum hash = {0, 0};
	bool changed;
	enum rc rc;

	(void)frame;
	seg_sum_page(&hash, page, bytes, d->facts.db.page_size);
	rc = lastcut_put(d->memory, page, &hash, &changed);
	if (rc || d->look)
		return rc;
	return segwriter_add(d->writer, page, d->frame_no++, bytes);
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
	uint32_t least;
	enum rc rc = pages_begin(&d->pages);

	if (rc == RC_OK)
		rc = fix(d, NULL, &least);
	if (rc == RC_OK)
		rc = lastcut_begin(d->memory, true);
	if (rc == RC_OK)
		rc = writer_begin(
		    d, 1, judge_full_first(d->known), real_pages(&d->facts.db));
	if (rc == RC_OK)
		rc = pages_each(&d->pages, full_page, d);
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

static enum rc
compare_page(void *arg, uint32_t page, uint32_t frame, const void *bytes)
{
	struct draft *d = arg;
	struct livelog_frame f = {page, frame};
	struct seg_sum hash = {0, 0};
	bool changed;
	enum rc rc;

	d->n_grown += page > d->grown;
	seg_sum_page(&hash, page, bytes, d->facts.db.page_size);
	rc = lastcut_put(d->memory, page, &hash, &changed);
	if (rc == RC_ABSENT) /* damaged */
		d->found = DRAFT_NEVER;
	if (rc == RC_OK && changed) {
		d->n_changed++;
		rc = sort_add(d->changed, &f);
	}
	return rc;
}

/*
 * In the log alone.  A page that was cut off and came back without being
 * written has no frame, and whatever the file holds: then all is read.
 */
static enum rc
compare_log(struct draft *d, uint32_t least)
{
	uint32_t lock = seg_lock_page(d->facts.db.page_size);
	uint32_t size = d->facts.db.size,
		 old = lastcut_facts(d->memory)->db.size;
	uint64_t wanted;
	enum rc rc;

	d->grown = least < old ? least : old;
	d->n_grown = 0;
	rc = pages_each_in_log(&d->pages, compare_page, d);
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

/* A size that changed and no page: one page must tell of it. */
static enum rc
need_a_page(struct draft *d)
{
	struct livelog_frame f = {1, 0};

	if (d->n_changed > 0 ||
	    d->facts.db.size == lastcut_facts(d->memory)->db.size)
		return RC_OK;
	d->n_changed = 1;
	return sort_add(d->changed, &f);
}

static enum rc
find_changes(struct draft *d, bool log, uint32_t least)
{
	enum rc rc;

	d->n_changed = 0;
	sort_free(d->changed);
	d->changed = sort_new(sizeof(struct livelog_frame), livelog_frame_cmp);
	msg_info("%s: reading %s", d->path,
	    log ? "the log's new part" : "the database");
	rc = lastcut_begin(d->memory, false);
	if (rc)
		return rc;
	rc = log ? compare_log(d, least)
		 : pages_each(&d->pages, compare_page, d);
	if (rc)
		return rc;
	rc = lastcut_sum(d->memory, d->facts.db.size, !log, &d->facts.sum);
	if (rc == RC_ABSENT) /* damaged */
		d->found = DRAFT_NEVER;
	return rc ? rc : need_a_page(d);
}

static bool
same_file(const struct livedb_stamp *a, const struct livedb_stamp *b)
{
	return a->dev == b->dev && a->ino == b->ino;
}

/* RC_ABSENT: the memory will not do (DRAFT_NEVER), or another try is due. */
static enum rc
increment_once(struct draft *d)
{
	const struct lastcut_facts *f = lastcut_facts(d->memory);
	const struct livedb_state *now;
	uint64_t first;
	uint32_t least;
	bool log;
	enum rc rc = pages_begin(&d->pages);

	d->found = DRAFT_NOTHING;
	if (rc)
		return rc;
	now = livedb_state(d->pages.db);
	if (now->page_size != f->db.page_size) {
		d->found = DRAFT_NEVER;
		return RC_ABSENT;
	}
	log = !d->whole && same_file(&f->db.db, &now->db) &&
	      livedb_follows(d->pages.db, &f->db.wal, &f->db.log);
	rc = fix(d, log ? &f->db.wal : NULL, &least);
	if (rc)
		return rc;
	if (log ? wal_place_equal(&f->db.wal, &now->wal)
		: judge_untouched(&f->db, now))
		return RC_OK;
	rc = find_changes(d, log, least);
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
