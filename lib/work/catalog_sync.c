/* catalog_sync: see catalog_sync.h. */

#include <string.h>

#include "work/catalog_sync.h"
#include "work/catrows.h"
#include "work/listing.h"

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

/* ---- syncing ---- */

struct sync {
	struct catalog *c;
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
	enum rc rc = RC_OK;

	if (s->full)
		rc = catrows_del(&s->edit, s->space.id, &s->row.key);
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
		rc = catrows_put(&s->edit, s->space.id, &now);
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

static enum rc
update(struct sync *s)
{
	struct catrows_space *space = &s->space;
	struct key newest = {0};
	bool any = false;
	enum rc rc = catrows_edit(&s->edit, s->c);

	if (rc == RC_OK)
		rc = catdb_prepare(s->c, &s->rows, catrows_select(s->c));
	if (rc == RC_OK) {
		sqlite3_bind_int64(s->rows, 1, space->id);
		rc = compare(s, &newest, &any);
	}
	catdb_done(s->rows);
	rc = catrows_edited(&s->edit, rc);
	if (any != space->listed ||
	    (any && key_cmp(&newest, &space->newest) != 0))
		s->edit.changed = true;
	else
		s->nothing = !s->full;
	space->listed = any;
	space->newest = newest;
	return rc == RC_OK && s->edit.changed ? catrows_touch(s->c, space) : rc;
}

/*
 * The listing is made outside the transaction, lest others wait for the
 * network.  If somebody changed the namespace meanwhile it may be older than
 * what the catalogue has: *stale, and nothing is done.
 */
static enum rc
sync_once(struct catalog *c, struct store *store, const char *cluster,
    const char *namespace, bool full, bool along, bool *stale)
{
	struct sync s = {.c = c, .full = full};
	struct catrows_space before = {0};
	enum rc rc = catrows_find(c, namespace, &before);

	if (rc == RC_OK)
		rc = (along ? listing_open_along : listing_open)(
		    &s.h, store, cluster, namespace);
	if (rc == RC_OK)
		rc = catdb_run(c, "BEGIN IMMEDIATE");
	if (rc == RC_OK) {
		rc = catrows_find(c, namespace, &s.space);
		*stale = rc == RC_OK && (s.space.id != before.id ||
					    s.space.changes != before.changes);
		if (rc == RC_OK && !*stale)
			rc = update(&s);
		rc = s.nothing && rc == RC_OK ? catdb_run(c, "ROLLBACK")
					      : catdb_finish(c, rc);
	}
	listing_free(s.h);
	return rc;
}

/* Is the store's newest the one up to which all is known? */
static enum rc
is_current(struct catalog *c, struct store *store, const char *cluster,
    const char *namespace, bool *current)
{
	struct catrows_space space = {0};
	struct key key;
	enum rc rc = catrows_find(c, namespace, &space);

	if (rc)
		return rc;
	rc = listing_newest(store, cluster, namespace, &key);
	/* Nothing there: nothing newer. */
	*current = rc == RC_ABSENT || (rc == RC_OK && space.listed &&
					  key_cmp(&key, &space.newest) == 0);
	return rc == RC_ABSENT ? RC_OK : rc;
}

enum rc
catalog_sync(struct catalog *c, struct store *store, const char *cluster,
    const char *namespace, bool full, bool along)
{
	bool current = false, stale = true;
	enum rc rc = RC_OK;

	if (!full && !along)
		rc = is_current(c, store, cluster, namespace, &current);
	if (current)
		return rc;
	for (int i = 0; rc == RC_OK && stale && i < ATTEMPTS; i++)
		rc = sync_once(c, store, cluster, namespace, full,
		    along && i == 0, &stale);
	if (rc == RC_ABSENT)
		return msg_fail(
		    RC_DATA, "%s: %s: not monitored", c->path, namespace);
	if (rc == RC_OK && stale)
		return msg_fail(RC_SYSTEM, "%s: %s: others keep changing it",
		    c->path, namespace);
	return rc;
}
