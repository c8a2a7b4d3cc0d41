/*
 * cut: see cut.h.
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
 * or a full cut, for which no memory is needed.  Publishing: the segment is
 * written under temporary names and the read transaction ended; the next memory
 * made durable; the segment named; the memory put in place.  A store is asked
 * (one listing of one key) only when there is something to publish, and never
 * inside the transaction.
 */

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/buf.h"
#include "base/directory.h"
#include "base/file.h"
#include "base/signals.h"
#include "base/sort.h"
#include "base/time.h"
#include "cut/cut.h"
#include "cut/lastcut.h"
#include "cut/livedb.h"
#include "format/segment.h"
#include "segment/segfile.h"
#include "work/keyset.h"
#include "work/listing.h"

enum {
	PIECE = 256 << 10, /* of the database, read at once */
	TRIES = 20         /* the log was restarted while we read */
};

/* File systems' stamps are as coarse as 2 s. */
#define RACY 2000000000U

struct cut {
	const struct cut_opts *o;
	char *dir; /* DIR/NAMESPACE */
	mode_t mode;
	struct livedb *db;
	struct lastcut *memory;
	struct keyset local; /* segments in DIR */
	bool listed;
	struct key newest; /* of the store; all zero: none */
	uint64_t floor;    /* END of a cut that may or may not exist */
	bool full;
	bool whole; /* read the whole database, the log will not do */

	/* Inside a transaction. */
	struct sort *frames;       /* of the log, by page, newest first */
	struct livedb_frame frame; /* the next page's; page 0: no more */
	uint8_t *buf;
	/* On the way to a segment. */
	struct segwriter *writer;
	struct lastcut_facts facts; /* after it */
	uint64_t frame_no;
	struct sort *changed;
	uint64_t n_changed;
	uint64_t n_grown; /* of them, pages behind c->grown */
	uint32_t grown;
};

static uint64_t
max64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t
store_hash(const struct cut *c, unsigned i)
{
	XXH64_hash_t h =
	    XXH3_64bits_withSeed(c->o->store_name, strlen(c->o->store_name), i);

	return h ^ XXH3_64bits_withSeed(
		       c->o->cluster, strlen(c->o->cluster), i + 2);
}

/* ---- what is in DIR ---- */

static bool
has_data(const struct cut *c, const char *key)
{
	char *path = xasprintf("%s/%s.seg", c->dir, key);
	bool there = file_exists(path);

	free(path);
	return there;
}

static enum rc
scan_local(struct cut *c)
{
	DIR *d = opendir(c->dir);
	struct dirent *e;
	struct key key;
	char text[KEY_LEN + 1];

	if (!d)
		return errno == ENOENT ? RC_OK : msg_errno(c->dir);
	while ((e = readdir(d)) != NULL) {
		if (strlen(e->d_name) == KEY_LEN + 4 &&
		    strcmp(e->d_name + KEY_LEN, ".idx") == 0 &&
		    key_parse(&key, e->d_name, KEY_LEN) &&
		    has_data(c, key_text(&key, text)))
			keyset_add(&c->local, &key);
	}
	closedir(d);
	return RC_OK;
}

/* ---- the store ---- */

static enum rc
list_store(struct cut *c)
{
	enum rc rc;

	if (!c->o->store || c->listed)
		return RC_OK;
	rc = listing_newest(
	    c->o->store, c->o->cluster, c->o->namespace, &c->newest);
	if (rc == RC_ABSENT) {
		memset(&c->newest, 0, sizeof(c->newest));
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

/*
 * The cuts in DIR that lead on from the store's newest END: of all chains the
 * one that gets furthest, in the smallest steps.  steps[i]: of the longest
 * chain to local.key[i]; 0: none.  from[i]: the one before it.
 */
struct chain {
	size_t *from, *steps;
	size_t last; /* n: nothing leads on */
};

static void
chain_step(const struct cut *c, struct chain *ch, size_t i)
{
	const struct key *k = c->local.key;
	uint64_t base = c->newest.end;

	ch->from[i] = SIZE_MAX;
	ch->steps[i] = 0;
	if (k[i].end <= base)
		return;
	if (k[i].start == base + 1 || k[i].start == 1)
		ch->steps[i] = 1;
	for (size_t j = 0; j < i; j++) {
		if (ch->steps[j] == 0 || k[j].end >= k[i].end ||
		    (k[i].start != 1 && k[j].end + 1 != k[i].start))
			continue;
		if (ch->steps[j] + 1 > ch->steps[i]) {
			ch->steps[i] = ch->steps[j] + 1;
			ch->from[i] = j;
		}
	}
}

static void
chain_find(const struct cut *c, struct chain *ch)
{
	size_t n = c->local.n,
	       first = keyset_find_end(&c->local, c->newest.end + 1);

	ch->from = xcalloc(n + 1, sizeof(*ch->from));
	ch->steps = xcalloc(n + 1, sizeof(*ch->steps));
	ch->last = n;
	for (size_t i = first; i < n; i++) {
		chain_step(c, ch, i);
		if (ch->steps[i] == 0)
			continue;
		if (ch->last == n ||
		    c->local.key[i].end > c->local.key[ch->last].end ||
		    ch->steps[i] > ch->steps[ch->last])
			ch->last = i;
	}
}

static void
chain_release(struct chain *ch)
{
	free(ch->from);
	free(ch->steps);
}

/* Can the store catch up with the last cut from what is in DIR? */
static bool
can_catch_up(const struct cut *c)
{
	const struct lastcut_facts *f = lastcut_facts(c->memory);
	struct chain ch;
	bool can;

	if (!c->listed || c->newest.end >= f->last.end)
		return true;
	chain_find(c, &ch);
	can = ch.last < c->local.n && c->local.key[ch.last].end >= f->last.end;
	chain_release(&ch);
	return can;
}

/*
 * Somebody else's segments: a store ahead of the memory, or one that holds
 * another cut with our END; or DIR ahead, where they were fetched.
 */
static enum rc
judge(struct cut *c)
{
	const struct lastcut_facts *f = lastcut_facts(c->memory);
	uint64_t ahead;

	if (!f)
		return RC_OK;
	ahead = max64(c->newest.end, keyset_newest(&c->local));
	if (ahead <= f->last.end &&
	    (c->newest.end != f->last.end || c->newest.time == f->last.time)) {
		if (!can_catch_up(c))
			c->full = true;
		return RC_OK;
	}
	if (!c->o->force)
		return msg_fail(RC_DATA,
		    "%s: another writer's segments go up to frame %llu, the"
		    " last cut here to %llu (-F: a full cut after them)",
		    c->o->namespace, (unsigned long long)ahead,
		    (unsigned long long)f->last.end);
	c->full = true;
	return RC_OK;
}

/* ---- what a killed run left ---- */

/* Whether the index still has its temporary name: then the segment was never
 * published. */
static bool
never_named(const struct cut *c, const char *key)
{
	char *temp = xasprintf("%s/.segtmp-%s.idx", c->dir, key);
	bool there = file_exists(temp);

	free(temp);
	return there;
}

/* Its data without its index: to be undone. */
static enum rc
undo(struct cut *c, const char *key)
{
	char *seg = xasprintf("%s/%s.seg", c->dir, key);
	enum rc rc = file_remove(seg);

	free(seg);
	if (rc == RC_OK || rc == RC_ABSENT)
		rc = lastcut_settle(c->memory, false);
	return rc;
}

static enum rc
finish_or_undo(struct cut *c, const struct key *k)
{
	char text[KEY_LEN + 1];
	enum rc rc;

	key_text(k, text);
	if (keyset_has(&c->local, k))
		return lastcut_settle(c->memory, true);
	if (never_named(c, text) || has_data(c, text))
		return undo(c, text);
	/* Published and moved into a store, or swept before it was published.
	 */
	rc = list_store(c);
	if (rc)
		return rc;
	if (c->listed && key_cmp(k, &c->newest) == 0)
		return lastcut_settle(c->memory, true);
	/* Then a full cut, which is right in either case. */
	msg_info("%s: a killed run's cut is neither here nor in the store",
	    c->o->namespace);
	c->floor = k->end;
	lastcut_forget(c->memory);
	return RC_OK;
}

static enum rc
recover(struct cut *c)
{
	struct key k;
	enum rc rc = lastcut_pending(c->memory, &k);

	if (rc == RC_OK)
		rc = k.start == 0 ? lastcut_settle(c->memory, true)
				  : finish_or_undo(c, &k);
	dir_sweep(c->dir);
	return rc == RC_ABSENT ? RC_OK : rc;
}

/* ---- the pages of the state ---- */

static enum rc
next_frame(struct cut *c)
{
	uint32_t page = c->frame.page;
	enum rc rc;

	do
		rc = sort_next(c->frames, &c->frame);
	while (rc == RC_OK && c->frame.page == page);
	if (rc == RC_ABSENT) {
		c->frame.page = 0;
		rc = RC_OK;
	}
	return rc;
}

static enum rc
begin(struct cut *c)
{
	enum rc rc = livedb_begin(c->db);

	sort_free(c->frames);
	c->frames = sort_new(sizeof(c->frame), livedb_frame_cmp);
	memset(&c->frame, 0, sizeof(c->frame));
	return rc;
}

/* The state is fixed: from here on it holds nothing newer than TIME. */
static enum rc
fix(struct cut *c, const struct wal_place *from, uint32_t *least)
{
	const struct lastcut_facts *f = lastcut_facts(c->memory);
	enum rc rc = livedb_fix(c->db, from, c->frames, least);
	uint64_t time = max64(time_now(), c->newest.time);

	if (rc)
		return rc;
	if (f)
		time = max64(time, f->last.time);
	for (size_t i = 0; i < c->local.n; i++)
		time = max64(time, c->local.key[i].time);
	memset(&c->facts, 0, sizeof(c->facts));
	c->facts.last.time = time;
	c->facts.db = *livedb_state(c->db);
	return next_frame(c);
}

typedef enum rc page_fn(
    struct cut *, uint32_t page, uint32_t frame, const void *bytes);

static enum rc
each_of_piece(struct cut *c, uint32_t first, uint32_t n, page_fn *fn)
{
	uint32_t ps = c->facts.db.page_size, lock = seg_lock_page(ps);
	enum rc rc = livedb_read(c->db, first, n, c->buf);

	for (uint32_t page = first; page < first + n && rc == RC_OK; page++) {
		uint8_t *bytes = c->buf + (size_t)(page - first) * ps;
		uint32_t frame = 0;

		if (c->frame.page == page) {
			frame = c->frame.frame;
			rc = livedb_read_frame(c->db, frame, bytes);
			if (rc == RC_OK)
				rc = next_frame(c);
		}
		if (rc == RC_OK && page != lock)
			rc = fn(c, page, frame, bytes);
	}
	return rc;
}

static enum rc
each_page(struct cut *c, page_fn *fn)
{
	uint32_t most = PIECE / c->facts.db.page_size, n;
	uint64_t size = c->facts.db.size;
	enum rc rc = RC_OK;

	for (uint64_t page = 1; page <= size && rc == RC_OK; page += n) {
		n = size - page + 1 < most ? (uint32_t)(size - page + 1) : most;
		rc = each_of_piece(c, (uint32_t)page, n, fn);
		if (c->o->progress)
			c->o->progress(c->o->arg,
			    n * (uint64_t)c->facts.db.page_size,
			    size * c->facts.db.page_size);
	}
	return rc;
}

static enum rc
each_frame(struct cut *c, page_fn *fn)
{
	uint32_t lock = seg_lock_page(c->facts.db.page_size);
	enum rc rc = RC_OK;

	while (
	    c->frame.page && c->frame.page <= c->facts.db.size && rc == RC_OK) {
		rc = livedb_read_frame(c->db, c->frame.frame, c->buf);
		if (rc == RC_OK && c->frame.page != lock)
			rc = fn(c, c->frame.page, c->frame.frame, c->buf);
		if (rc == RC_OK)
			rc = next_frame(c);
	}
	return rc;
}

/* ---- writing a segment ---- */

/* Pages of size, the lock page apart. */
static uint64_t
real_pages(const struct cut *c)
{
	uint32_t lock = seg_lock_page(c->facts.db.page_size);

	return c->facts.db.size - (c->facts.db.size >= lock);
}

static enum rc
writer_begin(struct cut *c, uint64_t start, uint64_t first, uint64_t frames)
{
	struct name name = {0};

	if (frames > UINT64_MAX - first)
		return msg_fail(RC_DATA, "%s: the frame numbers are used up",
		    c->o->namespace);
	c->facts.last.start = start;
	c->facts.last.end = first + frames - 1;
	c->frame_no = first;
	memcpy(name.namespace, c->o->namespace, strlen(c->o->namespace));
	name.key = c->facts.last;
	return segwriter_new(
	    &c->writer, c->o->dir, &name, c->facts.db.page_size, c->mode);
}

/* Ends the transaction too. */
static enum rc
writer_end(struct cut *c)
{
	uint8_t id[SEG_ID];
	enum rc rc = livedb_still(c->db);

	livedb_end(c->db);
	if (rc)
		return rc;
	seg_sum_to_id(&c->facts.sum, id);
	return segwriter_finish(c->writer, c->facts.db.size, id);
}

static void
give_up(struct cut *c)
{
	livedb_end(c->db);
	segwriter_free(c->writer);
	c->writer = NULL;
	lastcut_drop(c->memory);
	sort_free(c->changed);
	c->changed = NULL;
}

static enum rc
full_page(struct cut *c, uint32_t page, uint32_t frame, const void *bytes)
{
	struct seg_sum hash = {0, 0};
	bool changed;
	enum rc rc;

	(void)frame;
	seg_sum_page(&hash, page, bytes, c->facts.db.page_size);
	rc = lastcut_put(c->memory, page, &hash, &changed);
	return rc ? rc : segwriter_add(c->writer, page, c->frame_no++, bytes);
}

/* START 1, END after everything that is known. */
static enum rc
full_once(struct cut *c)
{
	const struct lastcut_facts *f = lastcut_facts(c->memory);
	uint64_t known = max64(c->newest.end, keyset_newest(&c->local));
	uint32_t least;
	enum rc rc;

	known = max64(known, c->floor);
	if (f)
		known = max64(known, f->last.end);
	rc = begin(c);
	if (rc == RC_OK)
		rc = fix(c, NULL, &least);
	if (rc == RC_OK)
		rc = lastcut_begin(c->memory, true);
	if (rc == RC_OK)
		rc = writer_begin(c, 1, known + 1, real_pages(c));
	if (rc == RC_OK)
		rc = each_page(c, full_page);
	if (rc == RC_OK)
		rc = lastcut_sum(
		    c->memory, c->facts.db.size, true, &c->facts.sum);
	return rc ? rc : writer_end(c);
}

/* ---- what has changed ---- */

static bool
same_file(const struct livedb_stamp *a, const struct livedb_stamp *b)
{
	return a->dev == b->dev && a->ino == b->ino;
}

/* Whether a write after the stamps were taken must have changed them. */
static bool
stamps_old(const struct livedb_state *s)
{
	uint64_t newest = max64(s->db.mtime, s->db.ctime);

	return newest < s->seen && s->seen - newest > RACY;
}

static bool
untouched(const struct livedb_state *then, const struct livedb_state *now)
{
	return then->wal.frame == 0 && now->wal.frame == 0 &&
	       stamps_old(then) &&
	       memcmp(&then->db, &now->db, sizeof(then->db)) == 0 &&
	       memcmp(then->counters, now->counters, LIVEDB_COUNTERS) == 0;
}

static enum rc
compare_page(struct cut *c, uint32_t page, uint32_t frame, const void *bytes)
{
	struct livedb_frame f = {page, frame};
	struct seg_sum hash = {0, 0};
	bool changed;
	enum rc rc;

	c->n_grown += page > c->grown;
	seg_sum_page(&hash, page, bytes, c->facts.db.page_size);
	rc = lastcut_put(c->memory, page, &hash, &changed);
	if (rc == RC_ABSENT) { /* damaged */
		c->full = true;
		return rc;
	}
	if (rc == RC_OK && changed) {
		c->n_changed++;
		rc = sort_add(c->changed, &f);
	}
	return rc;
}

/*
 * In the log alone.  A page that was cut off and came back without being
 * written has no frame, and whatever the file holds: then all is read.
 */
static enum rc
compare_frames(struct cut *c, uint32_t least)
{
	uint32_t lock = seg_lock_page(c->facts.db.page_size);
	uint32_t size = c->facts.db.size,
		 old = lastcut_facts(c->memory)->db.size;
	uint64_t wanted;
	enum rc rc;

	c->grown = least < old ? least : old;
	c->n_grown = 0;
	rc = each_frame(c, compare_page);
	wanted = size > c->grown
		     ? size - c->grown - (c->grown < lock && lock <= size)
		     : 0;
	if (rc == RC_OK && c->n_grown != wanted) {
		c->whole = true;
		return RC_ABSENT;
	}
	return rc;
}

static enum rc
write_changed(struct cut *c)
{
	struct livedb_frame f;
	enum rc rc;

	while ((rc = sort_next(c->changed, &f)) == RC_OK) {
		rc = f.frame ? livedb_read_frame(c->db, f.frame, c->buf)
			     : livedb_read(c->db, f.page, 1, c->buf);
		if (rc == RC_OK)
			rc = segwriter_add(
			    c->writer, f.page, c->frame_no++, c->buf);
		if (rc)
			return rc;
	}
	return rc == RC_ABSENT ? RC_OK : rc;
}

/* A size that changed and no page: one page must tell of it. */
static enum rc
need_a_page(struct cut *c)
{
	struct livedb_frame f = {1, 0};

	if (c->n_changed > 0 ||
	    c->facts.db.size == lastcut_facts(c->memory)->db.size)
		return RC_OK;
	c->n_changed = 1;
	return sort_add(c->changed, &f);
}

static enum rc
find_changes(struct cut *c, bool log, uint32_t least)
{
	enum rc rc;

	c->n_changed = 0;
	sort_free(c->changed);
	c->changed = sort_new(sizeof(struct livedb_frame), livedb_frame_cmp);
	msg_info("%s: reading %s", c->o->path,
	    log ? "the log's new part" : "the database");
	rc = lastcut_begin(c->memory, false);
	if (rc)
		return rc;
	rc = log ? compare_frames(c, least) : each_page(c, compare_page);
	if (rc)
		return rc;
	rc = lastcut_sum(c->memory, c->facts.db.size, !log, &c->facts.sum);
	if (rc == RC_ABSENT)
		c->full = true;
	return rc ? rc : need_a_page(c);
}

/*
 * The segment is written, or c->writer is NULL: nothing changed; then the
 * memory is dropped unless what it says of the database is out of date.
 */
static enum rc
increment_once(struct cut *c, bool *stale)
{
	const struct lastcut_facts *f = lastcut_facts(c->memory);
	const struct livedb_state *now;
	uint32_t least;
	bool log;
	enum rc rc = begin(c);

	*stale = false;
	if (rc)
		return rc;
	now = livedb_state(c->db);
	if (now->page_size != f->db.page_size) {
		c->full = true;
		return RC_ABSENT;
	}
	log = !c->whole && same_file(&f->db.db, &now->db) &&
	      livedb_follows(c->db, &f->db.wal, &f->db.log);
	rc = fix(c, log ? &f->db.wal : NULL, &least);
	if (rc)
		return rc;
	if (log ? wal_place_equal(&f->db.wal, &now->wal)
		: untouched(&f->db, now))
		return RC_OK;
	rc = find_changes(c, log, least);
	if (rc)
		return rc;
	if (c->n_changed == 0) {
		*stale = now->wal.frame > 0 || stamps_old(now);
		return livedb_still(c->db);
	}
	rc = writer_begin(c, f->last.end + 1, f->last.end + 1, c->n_changed);
	if (rc == RC_OK)
		rc = write_changed(c);
	return rc ? rc : writer_end(c);
}

/* ---- publishing ---- */

static void
note_store(struct cut *c, struct lastcut_facts *f)
{
	if (!c->listed)
		return;
	f->stored_end = c->newest.end;
	f->store[0] = store_hash(c, 0);
	f->store[1] = store_hash(c, 1);
}

static enum rc
publish(struct cut *c)
{
	char text[KEY_LEN + 1];
	enum rc rc;

	note_store(c, &c->facts);
	/* From the next memory to the segment's name no signal may remove the
	 * temporary files: they tell the next run how far this one came. */
	signals_defer(true);
	rc = lastcut_next(c->memory, &c->facts, true);
	if (rc == RC_OK) {
		rc = segwriter_commit(c->writer, NULL);
		if (rc)
			(void)undo(c, key_text(&c->facts.last, text));
	}
	if (rc == RC_OK) {
		keyset_add(&c->local, &c->facts.last);
		rc = lastcut_settle(c->memory, true);
	}
	signals_defer(false);
	return rc;
}

/* Nothing changed, but the memory can say more. */
static enum rc
refresh(struct cut *c, bool stale)
{
	const struct lastcut_facts *f = lastcut_facts(c->memory);
	struct lastcut_facts new = *f;
	enum rc rc = RC_OK;

	if (stale)
		new.db = c->facts.db;
	else if (!c->listed || !pending(c) || c->newest.end != f->last.end)
		return RC_OK;
	else
		rc = lastcut_begin(c->memory, false);
	note_store(c, &new);
	if (rc == RC_OK)
		rc = lastcut_next(c->memory, &new, false);
	return rc ? rc : lastcut_settle(c->memory, true);
}

static enum rc
emit(struct cut *c, const struct key *key)
{
	struct name name = {.key = *key};
	uint8_t h[SEG_HEADER_MAX];
	struct seg_header header;
	struct file *file;
	uint64_t size = 0;
	struct rec r = {0};
	char *path;
	enum rc rc;

	memcpy(name.namespace, c->o->namespace, strlen(c->o->namespace));
	path = name_path(c->o->dir, &name, PART_SEGMENT);
	rc = file_open(&file, path);
	if (rc == RC_ABSENT)
		rc = msg_fail(RC_DATA, "%s: it has gone", path);
	if (rc == RC_OK)
		rc = file_size(file, &size);
	if (rc == RC_OK)
		rc = file_read(file, h, sizeof(h), 0);
	if (rc == RC_OK)
		rc = seg_header_parse(
		    &header, path, h, sizeof(h), size, key, NULL);
	if (rc == RC_OK) {
		r.text = path;
		r.is_path = true;
		r.name = name;
		r.pages = header.frames;
		r.bytes = size;
		rc = c->o->emit(c->o->arg, &r);
	}
	file_close(&file);
	free(path);
	return rc;
}

/* With a store all that it lacks; else the new cut alone. */
static enum rc
emit_set(struct cut *c, bool new)
{
	struct chain ch;
	size_t *order;
	size_t n = 0;
	enum rc rc = RC_OK;

	if (!c->o->store)
		return new ? emit(c, &c->facts.last) : RC_OK;
	if (!c->listed)
		return RC_OK;
	chain_find(c, &ch);
	order = xcalloc(c->local.n + 1, sizeof(*order));
	if (ch.last < c->local.n)
		for (size_t i = ch.last; i != SIZE_MAX; i = ch.from[i])
			order[n++] = i;
	while (n > 0 && rc == RC_OK)
		rc = emit(c, &c->local.key[order[--n]]);
	free(order);
	chain_release(&ch);
	return rc;
}

/* ---- the run ---- */

static enum rc
full_cut(struct cut *c)
{
	enum rc rc = list_store(c);

	if (rc == RC_OK)
		rc = judge(c);
	if (rc)
		return rc;
	msg_info("%s: a full cut", c->o->path);
	for (int i = 0; i < TRIES; i++) {
		rc = full_once(c);
		if (rc != RC_ABSENT)
			break;
		give_up(c);
	}
	if (rc == RC_ABSENT)
		rc = msg_fail(RC_SYSTEM,
		    "%s: its log was restarted again and again", c->o->path);
	if (rc == RC_OK)
		rc = publish(c);
	return rc ? rc : emit_set(c, true);
}

static enum rc
increment(struct cut *c, bool *stale)
{
	enum rc rc = RC_ABSENT;

	for (int i = 0; i < TRIES && rc == RC_ABSENT; i++) {
		rc = increment_once(c, stale);
		if (rc == RC_ABSENT)
			give_up(c);
		if (c->full)
			return RC_OK;
	}
	livedb_end(c->db);
	return rc == RC_ABSENT
		   ? msg_fail(RC_SYSTEM,
			 "%s: its log was restarted again and again",
			 c->o->path)
		   : rc;
}

static enum rc
cut(struct cut *c)
{
	bool stale = false, new;
	enum rc rc = RC_OK;

	c->full = c->o->full || !lastcut_facts(c->memory);
	if (!c->full)
		rc = increment(c, &stale);
	new = c->writer != NULL;
	if (rc == RC_OK && !c->full) {
		if (new || pending(c))
			rc = list_store(c);
		if (rc == RC_OK)
			rc = judge(c);
	}
	if (rc == RC_OK && c->full) {
		give_up(c);
		return full_cut(c);
	}
	if (rc == RC_OK)
		rc = new ? publish(c) : refresh(c, stale);
	return rc ? rc : emit_set(c, new);
}

/* A database without a byte: nothing to cut, unless there was something. */
static enum rc
cut_empty(struct cut *c)
{
	char *path = xasprintf("%s/cut.memory", c->dir);
	bool was;
	enum rc rc = scan_local(c);

	was = c->local.n > 0;
	if (rc == RC_OK && !was && file_exists(path)) {
		rc = lastcut_open(
		    &c->memory, c->dir, c->o->busy_ms, file_default_mode());
		was = rc == RC_OK && lastcut_facts(c->memory);
	}
	free(path);
	if (rc == RC_OK && !was)
		rc = list_store(c);
	if (rc)
		return rc;
	if (was || c->newest.end)
		return msg_fail(RC_DATA,
		    "%s: is empty, and was not at the last cut", c->o->path);
	return RC_OK;
}

static enum rc
prepare(struct cut *c)
{
	/* A segment is not for those whom the database is not for. */
	mode_t hidden = ~livedb_mode(c->db) & 0444;
	enum rc rc;

	c->mode = file_default_mode() & ~hidden;
	/* The kernel copies to whole pages faster. */
	c->buf = aligned_alloc(4096, PIECE);
	if (!c->buf)
		return msg_errno(c->o->path);
	rc = dir_make(c->o->dir);
	if (rc == RC_OK)
		rc = dir_make_below(c->o->dir, c->o->namespace);
	if (rc == RC_OK)
		rc = lastcut_open(&c->memory, c->dir, c->o->busy_ms, c->mode);
	if (rc == RC_OK)
		rc = scan_local(c);
	return rc ? rc : recover(c);
}

enum rc
cut_run(const struct cut_opts *o)
{
	struct cut c = {.o = o};
	enum rc rc;

	c.dir = xasprintf("%s/%s", o->dir, o->namespace);
	rc = livedb_open(&c.db, o->path, o->busy_ms);
	if (rc == RC_ABSENT) {
		rc = cut_empty(&c);
	} else if (rc == RC_OK) {
		/* What is no database, or busy, leaves no trace in DIR. */
		rc = livedb_begin(c.db);
		livedb_end(c.db);
		if (rc == RC_OK)
			rc = prepare(&c);
		if (rc == RC_OK)
			rc = cut(&c);
		if (c.memory)
			give_up(&c);
	}
	lastcut_free(c.memory);
	sort_free(c.frames);
	livedb_free(c.db);
	keyset_release(&c.local);
	free(c.buf);
	free(c.dir);
	return rc;
}
