/*
 * seg-rm: deletes segments from a store, index first, then data.
 *
 * A set is judged as a whole, by one listing for each namespace in it: without
 * -F it must not take the only cover of a frame away, nor the way to the newest
 * state.
 */

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cli/cli.h"
#include "cli/open_store.h"
#include "cli/progress.h"
#include "cli/sets.h"
#include "format/segment.h"
#include "work/catalog_sync.h"
#include "work/listing.h"

static const char synopsis[] =
    "usage: seg-rm [-eFJnqv] [-C CLUSTER] [-j N] [-k CATALOG] [-s STORE]\n"
    "              [--metrics FILE] [--retry-for SECONDS] [NAME ...]\n";

static const struct cli_option own[] = {
    {'n', "dry-run", NULL, "judge, and print what would go"},
    {'F', "force", NULL, "remove what a restore may need, too"},
    {'k', "catalog", "CATALOG",
	"record what has gone in a catalogue of seg-sync"},
    {'j', "jobs", "N", "removals at a time (16)"},
    {0},
};

enum { BATCH = 64 };

/* A segment of the set. */
struct item {
	const char *namespace; /* in spaces */
	struct key key;
	bool index, data; /* what the store has of it */
	uint64_t bytes;
};

struct removal {
	struct rm *rm;
	const struct item *item;
	char *object;
	struct store_xfer xfer;
	bool data_next; /* the index is being removed, the data comes next */
	bool gone;      /* without an index the segment does not exist */
	enum rc rc;
};

struct rm {
	struct cli cli;
	struct store *store;
	struct catalog *catalog; /* NULL: none is kept */
	char **spaces;
	size_t n_spaces;
	struct item *items;
	size_t n, cap;
	unsigned running;
	struct progress progress;
};

/* ---- the set ---- */

static const char *
intern(struct rm *r, const char *namespace)
{
	for (size_t i = r->n_spaces; i > 0; i--)
		if (strcmp(r->spaces[i - 1], namespace) == 0)
			return r->spaces[i - 1];
	r->spaces =
	    xreallocarray(r->spaces, r->n_spaces + 1, sizeof(*r->spaces));
	return r->spaces[r->n_spaces++] = xstrdup(namespace);
}

static enum rc
take_record(void *ctx, const struct rec *rec)
{
	struct rm *r = ctx;

	if (r->n == r->cap) {
		r->cap = r->cap ? 2 * r->cap : 64;
		r->items = xreallocarray(r->items, r->cap, sizeof(*r->items));
	}
	r->items[r->n++] = (struct item){
	    .namespace = intern(r, rec->name.namespace),
	    .key = rec->name.key,
	    .bytes = REC_UNKNOWN,
	};
	return RC_OK;
}

static int
item_cmp(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int c = strcmp(x->namespace, y->namespace);

	return c ? c : key_cmp(&x->key, &y->key);
}

static void
sort_items(struct rm *r)
{
	size_t n = 0;

	if (r->n > 1)
		qsort(r->items, r->n, sizeof(*r->items), item_cmp);
	for (size_t i = 0; i < r->n; i++)
		if (n == 0 || item_cmp(&r->items[n - 1], &r->items[i]) != 0)
			r->items[n++] = r->items[i];
	r->n = n;
}

/* ---- judging ---- */

/*
 * The listing against the items, both in frame order: what there is of each
 * item, the segments before, and those that remain.
 */
static enum rc
list_space(struct rm *r, struct item *it, size_t n, struct keyset *before,
    struct keyset *after)
{
	struct listing *h;
	struct listing_entry e;
	enum rc rc = listing_open(&h, r->store, r->cli.cluster, it->namespace);

	while (rc == RC_OK && (rc = listing_next(h, &e)) == RC_OK) {
		while (n > 0 && key_cmp(&it->key, &e.key) < 0)
			it++, n--;
		if (e.index)
			keyset_add(before, &e.key);
		if (n > 0 && key_cmp(&it->key, &e.key) == 0) {
			it->index = e.index;
			it->data = e.data;
			it->bytes = e.bytes;
		} else if (e.index) {
			keyset_add(after, &e.key);
		}
	}
	listing_free(h);
	return rc == RC_ABSENT ? RC_OK : rc;
}

static enum rc
judge(const char *namespace, const struct keyset *before,
    const struct keyset *after)
{
	uint64_t newest = keyset_newest(before), missing = 0;

	if (!keyset_covers(after, before, &missing))
		return msg_fail(RC_DATA,
		    "%s: refused: nothing else would hold frame %llu",
		    namespace, (unsigned long long)missing);
	if (keyset_chain(before, 1, newest) && !keyset_chain(after, 1, newest))
		return msg_fail(RC_DATA,
		    "%s: refused: the newest state could no longer be restored",
		    namespace);
	return RC_OK;
}

/* All namespaces, before anything is removed. */
static enum rc
judge_set(struct rm *r)
{
	enum rc rc = RC_OK;
	size_t end;

	for (size_t i = 0; i < r->n; i = end) {
		struct keyset before = {0}, after = {0};
		const char *namespace = r->items[i].namespace;
		enum rc one;

		for (end = i;
		     end < r->n && r->items[end].namespace == namespace;)
			end++;
		one = list_space(r, &r->items[i], end - i, &before, &after);
		if (one == RC_OK && !r->cli.force)
			one = judge(namespace, &before, &after);
		rc = rc_max(rc, one);
		keyset_release(&before);
		keyset_release(&after);
	}
	return rc;
}

/* ---- removing ---- */

static void removal_done(struct store_xfer *, enum rc);

static void
remove_part(struct removal *m, enum part part)
{
	struct name name;

	name_set(&name, m->item->namespace, &m->item->key);
	free(m->object);
	m->object = name_object(m->rm->cli.cluster, &name, part);
	m->data_next = part == PART_INDEX && m->item->data;
	m->xfer = (struct store_xfer){
	    .verb = STORE_DELETE,
	    .object = m->object,
	    .done = removal_done,
	    .arg = m,
	};
	m->rm->running++;
	store_start(m->rm->store, &m->xfer);
}

static void
removal_done(struct store_xfer *x, enum rc rc)
{
	struct removal *m = x->arg;

	m->rm->running--;
	if (rc == RC_ABSENT) {
		msg_info("%s: gone already", m->object);
		rc = RC_OK;
	}
	m->rc = rc;
	m->gone = m->gone || rc == RC_OK;
	if (rc == RC_OK && m->data_next)
		remove_part(m, PART_SEGMENT);
}

static void
remove_item(struct rm *r, struct removal *m, const struct item *it)
{
	char text[KEY_LEN + 1];

	*m = (struct removal){.rm = r, .item = it, .gone = !it->index};
	if (!it->index && !it->data)
		msg_info("%s/%s: gone already", it->namespace,
		    key_text(&it->key, text));
	else if (!r->cli.dry_run)
		remove_part(m, it->index ? PART_INDEX : PART_SEGMENT);
}

static enum rc
record_batch(struct rm *r, const struct removal *m, size_t n)
{
	struct catalog_change changes[BATCH];
	size_t gone = 0;

	if (!r->catalog || r->cli.dry_run)
		return RC_OK;
	for (size_t i = 0; i < n; i++)
		if (m[i].gone) {
			changes[gone] = (struct catalog_change){
			    .namespace = m[i].item->namespace,
			    .key = m[i].item->key,
			    .gone = true,
			};
			gone++;
		}
	return catalog_record(r->catalog, changes, gone);
}

static enum rc
print_item(struct rm *r, const struct item *it)
{
	struct rec rec = {.bytes = it->bytes};

	name_set(&rec.name, it->namespace, &it->key);
	rec.pages = it->bytes == REC_UNKNOWN ? REC_UNKNOWN
					     : seg_pages_of_size(it->bytes);
	return rec_write(&r->cli.out, &rec);
}

/* Many at a time, then recorded and printed. */
static enum rc
remove_batch(struct rm *r, const struct item *it, size_t n)
{
	struct removal batch[BATCH];
	enum rc rc;

	for (size_t i = 0; i < n; i++)
		remove_item(r, &batch[i], &it[i]);
	while (r->running > 0)
		store_wait(r->store, r->running - 1, -1);
	rc = record_batch(r, batch, n);
	for (size_t i = 0; i < n; i++) {
		if (batch[i].rc == RC_OK)
			batch[i].rc = print_item(r, &it[i]);
		rc = rc_max(rc, batch[i].rc);
		free(batch[i].object);
	}
	progress_add(&r->progress, n);
	return rc;
}

static void
forget_set(void *ctx)
{
	struct rm *r = ctx;

	r->n = 0;
}

static enum rc
end_set(void *ctx)
{
	struct rm *r = ctx;
	enum rc rc, one;

	sort_items(r);
	rc = judge_set(r);
	if (rc == RC_OK) {
		progress_begin(&r->progress, "segments", r->n);
		for (size_t i = 0; i < r->n; i += BATCH) {
			size_t left = r->n - i;

			one = remove_batch(
			    r, &r->items[i], left < BATCH ? left : BATCH);
			rc = rc_max(rc, one);
		}
		progress_end(&r->progress);
	}
	forget_set(r);
	return rc;
}

/* ---- main ---- */

static void
rm_release(struct rm *r)
{
	catalog_free(r->catalog);
	store_free(r->store);
	for (size_t i = 0; i < r->n_spaces; i++)
		free(r->spaces[i]);
	free(r->spaces);
	free(r->items);
}

int
main(int argc, char **argv)
{
	static const struct cli_sets sets = {
	    .form = REC_NAMES,
	    .not_done = "nothing removed",
	    .record = take_record,
	    .end = end_set,
	    .fail = forget_set,
	};
	struct rm r = {0};

	cli_init(&r.cli, argv, synopsis, "sCkjeJnFrM", own);
	while (cli_getopt(&r.cli, argc, argv) != -1)
		;
	if (r.cli.catalog)
		r.cli.rc = catalog_open(&r.catalog, r.cli.catalog,
		    r.cli.dry_run ? CATALOG_READ : CATALOG_CHANGE,
		    r.cli.retry_for);
	if (r.cli.rc == RC_OK)
		r.cli.rc = cli_store(&r.cli, false, &r.store);
	if (r.cli.rc == RC_OK)
		cli_each_set(&r.cli, argv + optind, &sets, &r);
	rm_release(&r);
	return cli_exit(&r.cli);
}
