/* catalog_sync: see catalog_sync.h. */

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "catalog/catalog_sync.h"
#include "catalog/catrows.h"
#include "plan/listing.h"

enum { ATTEMPTS = 8 };

/* ---- recording ---- */

/*
 * What was published becomes the newest if nothing can be between it and what
 * was: others may have published what only a listing finds.
 */
static void
move_newest(struct catrows_space *space, const struct key *key)
{
	const struct key *newest = &space->newest;

	if (space->listed &&
	    (key->start == newest->end + 1 ||
		(key->end == newest->end && key_cmp(key, newest) < 0)))
		space->newest = *key;
}

/* Those at the beginning that are of one namespace; *done of them. */
static enum rc
record_space(struct catrows_edit *e, const struct catalog_change *changes,
    size_t n, size_t *done)
{
	const char *namespace = changes->namespace;
	struct catrows_space space = {0};
	enum rc found = catrows_find(e->c, namespace, &space), rc = RC_OK;

	if (found == RC_ABSENT)
		msg_info("%s: %s: not monitored", e->c->path, namespace);
	else if (found)
		return found;
	for (*done = 0; rc == RC_OK && *done < n; ++*done) {
		const struct catalog_change *x = &changes[*done];

		if (strcmp(x->namespace, namespace) != 0)
			break;
		if (found == RC_ABSENT)
			continue;
		if (!x->gone)
			move_newest(&space, &x->key);
		rc = x->gone ? catrows_del(e, space.id, &x->key)
			     : catrows_put(e, space.id,
				   &(struct catrows_segment){
				       x->key, x->bytes, x->pages});
	}
	/* Counted even if it was known: a sync that is listing must not undo
	 * it. */
	if (rc == RC_OK && found == RC_OK)
		rc = catrows_touch(e->c, &space);
	return rc;
}

enum rc
catalog_record(
    struct catalog *c, const struct catalog_change *changes, size_t n)
{
	struct catrows_edit e = {0};
	enum rc rc = c->failed;

	if (rc || n == 0)
		return rc;
	rc = catdb_run(c, "BEGIN IMMEDIATE");
	if (rc == RC_OK) {
		rc = catrows_edit(&e, c);
		for (size_t i = 0, one = 0; rc == RC_OK && i < n; i += one)
			rc = record_space(&e, changes + i, n - i, &one);
		rc = catdb_finish(c, catrows_edited(&e, rc));
	}
	return c->failed = rc;
}

/* ---- what is to be done, for a transaction of many namespaces ---- */

/*
 * A transaction for each of ten thousand namespaces costs more than their rows:
 * what many of them need waits for one.  Which are in it, a kill does not tear.
 */
enum {
	MANY_SPACES = 64,
	MANY_EDITS = 1024,
	MOST_EDITS = 65536 /* of a namespace: in memory */
};

struct edit {
	struct catrows_segment segment;
	bool gone;
};

struct waiting {
	char *namespace;
	struct catrows_space space; /* as it is to be */
	size_t edits;
};

struct catalog_sync {
	struct catalog *c;
	struct store *store;
	const char *cluster;
	bool full, along;
	struct waiting waiting[MANY_SPACES];
	size_t n;
	struct edit *edits; /* of the first, then of the second... */
	size_t n_edits, max_edits;
};

static void
append(
    struct catalog_sync *all, const struct catrows_segment *segment, bool gone)
{
	if (all->n_edits == all->max_edits) {
		all->max_edits = all->max_edits ? 2 * all->max_edits : 256;
		all->edits = xreallocarray(
		    all->edits, all->max_edits, sizeof(*all->edits));
	}
	all->edits[all->n_edits++] = (struct edit){*segment, gone};
}

/* ---- a namespace: the listing and the rows ---- */

struct sync {
	struct catalog *c;
	struct catalog_sync *later; /* what is found out is to wait there */
	size_t edits;               /* that wait there, of this namespace */
	struct listing *h;
	struct catrows_space space;
	bool full;
	bool nothing; /* nothing newer: what was done is to be undone */
	struct catrows_edit edit;
	sqlite3_stmt *rows;
	struct catrows_segment row; /* that comes next */
	bool have;
};

static enum rc
edit(struct sync *s, const struct catrows_segment *segment, bool gone)
{
	if (!s->later)
		return gone ? catrows_del(&s->edit, s->space.id, &segment->key)
			    : catrows_put(&s->edit, s->space.id, segment);
	if (s->edits++ < MOST_EDITS)
		append(s->later, segment, gone);
	return RC_OK;
}

static enum rc
advance(struct sync *s)
{
	enum rc rc = catrows_next(s->c, s->rows, &s->row);

	s->have = rc == RC_OK;
	return rc == RC_ABSENT ? RC_OK : rc;
}

/* Take the row out that comes next, if the store no longer has it. */
static enum rc
pass(struct sync *s)
{
	enum rc rc = s->full ? edit(s, &s->row, true) : RC_OK;

	return rc ? rc : advance(s);
}

/* A segment of the listing, after the rows that come before it. */
static enum rc
take(struct sync *s, const struct listing_entry *e)
{
	struct catrows_segment now = {e->key, e->bytes, listing_pages(e)};
	enum rc rc = RC_OK;
	bool same = s->have && key_cmp(&s->row.key, &e->key) == 0;

	if (!same || s->row.bytes != now.bytes || s->row.pages != now.pages)
		rc = edit(s, &now, false);
	return rc == RC_OK && same ? advance(s) : rc;
}

/* Rows and listing are in frame order: walk them side by side.  *newest: of
 * the listing, as listing_newest() has it; *any: there is one. */
static enum rc
compare(struct sync *s, struct key *newest, bool *any)
{
	struct listing_entry e;
	enum rc rc = advance(s);

	while (rc == RC_OK && (rc = listing_next(s->h, &e)) == RC_OK) {
		if (!e.index)
			continue;
		if (!*any || e.key.end > newest->end)
			*newest = e.key;
		*any = true;
		while (
		    rc == RC_OK && s->have && key_cmp(&s->row.key, &e.key) < 0)
			rc = pass(s);
		if (rc == RC_OK)
			rc = take(s, &e);
	}
	if (rc != RC_ABSENT)
		return rc;
	for (rc = RC_OK; rc == RC_OK && s->have;)
		rc = pass(s);
	return rc;
}

/* What leads from the rows to the listing: edits, and what is newest.  *changed:
 * there is another newest. */
static enum rc
walk(struct sync *s, bool *changed)
{
	struct catrows_space *space = &s->space;
	struct key newest = {0};
	bool any = false;
	enum rc rc = catdb_prepare(s->c, &s->rows, catrows_select(s->c));

	if (rc == RC_OK) {
		sqlite3_bind_int64(s->rows, 1, space->id);
		rc = compare(s, &newest, &any);
	}
	catdb_done(s->rows);
	*changed = any != space->listed ||
		   (any && key_cmp(&newest, &space->newest) != 0);
	s->nothing = !*changed && !s->full;
	space->listed = any;
	space->newest = newest;
	return rc;
}

/* ---- a namespace by itself ---- */

static enum rc
update(struct sync *s)
{
	bool changed = false;
	enum rc rc = catrows_edit(&s->edit, s->c);

	if (rc == RC_OK)
		rc = walk(s, &changed);
	rc = catrows_edited(&s->edit, rc);
	changed = changed || s->edit.changed;
	return rc == RC_OK && changed ? catrows_touch(s->c, &s->space) : rc;
}

static bool
is_stale(const struct catrows_space *now, const struct catrows_space *before)
{
	return now->id != before->id || now->changes != before->changes;
}

/*
 * The listing is made outside the transaction, lest others wait for the
 * network.  If somebody changed the namespace meanwhile it may be older than
 * what the catalogue has: *stale, and nothing is done.
 */
static enum rc
sync_once(struct catalog_sync *all, const char *namespace, bool *stale)
{
	struct catalog *c = all->c;
	struct sync s = {.c = c, .full = all->full};
	struct catrows_space before = {0};
	enum rc rc = catrows_find(c, namespace, &before);

	if (rc == RC_OK)
		rc = listing_open(&s.h, all->store, all->cluster, namespace);
	if (rc == RC_OK)
		rc = catdb_run(c, "BEGIN IMMEDIATE");
	if (rc == RC_OK) {
		rc = catrows_find(c, namespace, &s.space);
		*stale = rc == RC_OK && is_stale(&s.space, &before);
		if (rc == RC_OK && !*stale)
			rc = update(&s);
		rc = s.nothing && rc == RC_OK ? catdb_run(c, "ROLLBACK")
					      : catdb_finish(c, rc);
	}
	listing_free(s.h);
	return rc;
}

static enum rc
not_monitored(const struct catalog *c, const char *namespace)
{
	return msg_fail(RC_DATA, "%s: %s: not monitored", c->path, namespace);
}

static enum rc
sync_alone(struct catalog_sync *all, const char *namespace)
{
	bool stale = true;
	enum rc rc = RC_OK;

	for (int i = 0; rc == RC_OK && stale && i < ATTEMPTS; i++)
		rc = sync_once(all, namespace, &stale);
	if (rc == RC_ABSENT)
		return not_monitored(all->c, namespace);
	if (rc == RC_OK && stale)
		return msg_fail(RC_SYSTEM, "%s: %s: others keep changing it",
		    all->c->path, namespace);
	return rc;
}

/* Is the store's newest the one up to which all is known? */
static enum rc
is_current(struct catalog_sync *all, const char *namespace, bool *current)
{
	struct catrows_space space = {0};
	struct key key;
	enum rc rc = catrows_find(all->c, namespace, &space);

	if (rc)
		return rc == RC_ABSENT ? not_monitored(all->c, namespace) : rc;
	rc = listing_newest(all->store, all->cluster, namespace, &key);
	/* Nothing there: nothing newer. */
	*current = rc == RC_ABSENT || (rc == RC_OK && space.listed &&
					  key_cmp(&key, &space.newest) == 0);
	return rc == RC_ABSENT ? RC_OK : rc;
}

/* ---- many of them ---- */

/* The edits of one, unless somebody has changed it since it was looked at. */
static enum rc
apply_one(struct catrows_edit *e, const struct waiting *w,
    const struct edit *edits, bool *stale)
{
	struct catrows_space now = {0};
	enum rc rc = catrows_find(e->c, w->namespace, &now);

	*stale = rc == RC_ABSENT || is_stale(&now, &w->space);
	if (*stale)
		return rc == RC_ABSENT ? RC_OK : rc;
	for (size_t i = 0; rc == RC_OK && i < w->edits; i++)
		rc = edits[i].gone
			 ? catrows_del(e, now.id, &edits[i].segment.key)
			 : catrows_put(e, now.id, &edits[i].segment);
	return rc ? rc : catrows_touch(e->c, &w->space);
}

static enum rc
apply_waiting(struct catalog_sync *all, bool stale[MANY_SPACES])
{
	struct catrows_edit e = {0};
	const struct edit *edits = all->edits;
	enum rc rc = catdb_run(all->c, "BEGIN IMMEDIATE");

	if (rc)
		return rc;
	rc = catrows_edit(&e, all->c);
	for (size_t i = 0; rc == RC_OK && i < all->n; i++) {
		rc = apply_one(&e, &all->waiting[i], edits, &stale[i]);
		edits += all->waiting[i].edits;
	}
	return catdb_finish(all->c, catrows_edited(&e, rc));
}

static enum rc
flush(struct catalog_sync *all)
{
	bool stale[MANY_SPACES] = {false};
	enum rc rc = all->n ? apply_waiting(all, stale) : RC_OK;

	for (size_t i = 0; i < all->n; i++) {
		if (rc == RC_OK && stale[i])
			rc = sync_alone(all, all->waiting[i].namespace);
		free(all->waiting[i].namespace);
	}
	all->n = all->n_edits = 0;
	return rc;
}

/* *many: of more segments than are kept in memory. */
static enum rc
put_off(struct catalog_sync *all, const char *namespace, bool *many)
{
	struct sync s = {.c = all->c, .later = all, .full = all->full};
	size_t n = all->n_edits;
	bool changed = false;
	enum rc rc = catrows_find(all->c, namespace, &s.space);

	if (rc == RC_ABSENT)
		return not_monitored(all->c, namespace);
	if (rc == RC_OK)
		rc = listing_open_along(
		    &s.h, all->store, all->cluster, namespace);
	if (rc == RC_OK)
		rc = walk(&s, &changed);
	listing_free(s.h);
	*many = s.edits > MOST_EDITS;
	if (rc || *many || s.nothing || (!changed && s.edits == 0))
		all->n_edits = n;
	else
		all->waiting[all->n++] =
		    (struct waiting){xstrdup(namespace), s.space, s.edits};
	return rc;
}

struct catalog_sync *
catalog_sync_begin(struct catalog *c, struct store *store, const char *cluster,
    bool full, bool along)
{
	struct catalog_sync *all = xcalloc(1, sizeof(*all));

	*all = (struct catalog_sync){.c = c,
	    .store = store,
	    .cluster = cluster,
	    .full = full,
	    .along = along};
	return all;
}

enum rc
catalog_sync(struct catalog_sync *all, const char *namespace)
{
	bool current = false, many = false;
	enum rc rc;

	if (all->along) {
		rc = put_off(all, namespace, &many);
		if (all->n == MANY_SPACES || all->n_edits >= MANY_EDITS)
			rc = rc_max(rc, flush(all));
		return many && rc == RC_OK ? sync_alone(all, namespace) : rc;
	}
	rc = all->full ? RC_OK : is_current(all, namespace, &current);
	return rc == RC_OK && !current ? sync_alone(all, namespace) : rc;
}

enum rc
catalog_sync_end(struct catalog_sync *all)
{
	enum rc rc = flush(all);

	free(all->edits);
	free(all);
	return rc;
}
