/*
 * seg-upload: puts segments into a store: data first, many at a time, then
 * their indexes, which make them exist, in frame order.
 *
 * Files are verified as the records arrive.  At the end of the set each is
 * judged by the namespace's history (listed once in a run, and kept up to date
 * with what the run publishes): it has to extend it or to be a merge of what
 * is there.  After a failure nothing later of its namespace is published, in
 * this set and those that follow, so that the store never has a hole.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/directory.h"
#include "base/file.h"
#include "cli/cli.h"
#include "cli/open_store.h"
#include "cli/progress.h"
#include "cli/sets.h"
#include "format/checksum.h"
#include "format/index.h"
#include "format/segment.h"
#include "format/sum.h"
#include "segment/segpair.h"
#include "work/catalog_sync.h"
#include "work/listing.h"

static const char synopsis[] =
    "usage: seg-upload [-eFJmnqv] [-C CLUSTER] [-j N] [-k CATALOG] [-s STORE]\n"
    "                  [--create] [--metrics FILE] [--retry-for SECONDS]\n"
    "                  [FILE ...]\n";

enum { CREATE = CLI_OWN };

static const struct cli_option own[] = {
    {'m', "move", NULL, "remove the local files of what is published"},
    {'n', "dry-run", NULL, "verify and judge, put nothing"},
    {'F', "force", NULL, "publish what leaves a gap or forks the history"},
    {CREATE, "create", NULL, "make the store if it is not there"},
    {'k', "catalog", "CATALOG",
	"record what is published in a catalogue of seg-sync"},
    {0},
};

enum {
	AHEAD = 64, /* data objects put before the indexes catch up */
	BATCH = 64 /* segments finished (recorded, removed, printed) together */
};

/* A namespace, and what is known to be in the store. */
struct space {
	char *name;
	struct keyset known;
	bool listed;
	/* Nothing later is published: because of what judge() found, or of what
	 * happened on the way. */
	bool refused, failed;
};

/*
 * An object on its way: put, and compared if it was there already.  One that
 * is listed is compared at once: nothing is asked to be replaced, though every
 * service should refuse that.
 */
struct object {
	struct upload *upload;
	struct store_xfer xfer;
	struct file *file;
	char *name;
	uint64_t size;       /* of the file */
	const uint32_t *crc; /* of it, if known */
	uint64_t at;         /* compared so far */
	bool put;            /* or tried to */
	bool done;
	enum rc rc;
};

struct item {
	struct space *space;
	char *path; /* of the .seg */
	struct seg_header header;
	bool listed; /* it is in the store */
	enum rc rc;
	struct object *data; /* while it is put */
};

struct upload {
	struct cli cli;
	struct store *store;
	struct catalog *catalog; /* NULL: none is kept */
	bool create, move;
	struct space **spaces;
	size_t n_spaces;
	struct item *items; /* of this set */
	size_t n, cap;
	size_t
	    finished; /* items published, not yet removed and printed: from */
	unsigned running;
	enum rc rc; /* of this set */
	struct progress progress;
};

static void
item_name(const struct item *it, struct name *name)
{
	name_set(name, it->space->name, &it->header.key);
}

/* "NAMESPACE/KEY", for messages; malloced. */
static char *
item_text(const struct item *it)
{
	char key[KEY_LEN + 1];

	return xasprintf(
	    "%s/%s", it->space->name, key_text(&it->header.key, key));
}

static char *
index_path(const char *seg_path)
{
	return xasprintf("%.*s.idx", (int)strlen(seg_path) - 4, seg_path);
}

static void
fail_item(struct upload *u, struct item *it, bool *flag, enum rc rc)
{
	it->rc = rc;
	*flag = true;
	u->rc = rc_max(u->rc, rc);
}

/* ---- records: verify the files ---- */

static struct space *
find_space(struct upload *u, const char *name)
{
	struct space *s;

	for (size_t i = u->n_spaces; i > 0; i--)
		if (strcmp(u->spaces[i - 1]->name, name) == 0)
			return u->spaces[i - 1];
	u->spaces =
	    xreallocarray(u->spaces, u->n_spaces + 1, sizeof(struct space *));
	s = xcalloc(1, sizeof(*s));
	s->name = xstrdup(name);
	return u->spaces[u->n_spaces++] = s;
}

/* Work directories may hold what a store may not. */
static enum rc
check_not_bare(struct file *idx)
{
	uint8_t head[INDEX_HEADER];
	enum rc rc = file_read(idx, head, sizeof(head), 0);

	if (rc == RC_OK && index_is_bare(head, sizeof(head)))
		rc = msg_fail(RC_DATA,
		    "%s: lacks the header of an index object (seg-verify -r "
		    "makes it)",
		    file_name(idx));
	return rc;
}

static enum rc
verify(struct item *it)
{
	struct file *seg = NULL, *idx = NULL;
	struct key key = it->header.key;
	char *path = index_path(it->path);
	enum rc rc = file_open_there(&seg, it->path, "");

	if (rc == RC_OK)
		rc = file_open_there(
		    &idx, path, " (seg-verify -r makes it from the .seg)");
	if (rc == RC_OK)
		rc = segpair_check(seg, idx, &key, &it->header, NULL);
	if (rc == RC_OK)
		rc = check_not_bare(idx);
	it->header.key = key;
	file_close(&seg);
	file_close(&idx);
	free(path);
	return rc;
}

static enum rc
take_record(void *ctx, const struct rec *rec)
{
	struct upload *u = ctx;
	struct item *it;

	if (u->n == u->cap) {
		u->cap = u->cap ? 2 * u->cap : 16;
		u->items = xreallocarray(u->items, u->cap, sizeof(*u->items));
	}
	it = &u->items[u->n++];
	*it = (struct item){.space = find_space(u, rec->name.namespace)};
	it->header.key = rec->name.key;
	it->path = xasprintf("%.*s.seg", (int)strlen(rec->text) - 4, rec->text);
	/* What is wrong with one file is judged with the rest of the set. */
	it->rc = verify(it);
	return RC_OK;
}

/* ---- the end of a set: judge ---- */

static int
item_cmp(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int c = strcmp(x->space->name, y->space->name);

	return c ? c : key_cmp(&x->header.key, &y->header.key);
}

static void
object_free(struct object *o)
{
	if (!o)
		return;
	file_close(&o->file);
	free(o->name);
	free(o);
}

static void
item_release(struct item *it)
{
	free(it->path);
	object_free(it->data);
}

/* Frame order, each segment once. */
static void
sort_items(struct upload *u)
{
	size_t n = 0;

	if (u->n > 1)
		qsort(u->items, u->n, sizeof(*u->items), item_cmp);
	for (size_t i = 0; i < u->n; i++) {
		if (n > 0 && item_cmp(&u->items[n - 1], &u->items[i]) == 0)
			item_release(&u->items[i]);
		else
			u->items[n++] = u->items[i];
	}
	u->n = n;
}

/* The header of a segment in the store. */
static enum rc
stored_header(struct upload *u, const char *namespace, const struct key *key,
    struct seg_header *header)
{
	struct name name;
	struct buf buf = {0};
	struct store_xfer x = {
	    .verb = STORE_GET, .buf = &buf, .length = SEG_HEADER_MAX};
	char *object;
	enum rc rc;

	name_set(&name, namespace, key);
	object = name_object(u->cli.cluster, &name, PART_SEGMENT);
	x.object = object;
	rc = store_do(u->store, &x);
	if (rc == RC_ABSENT)
		rc = msg_fail(RC_DATA, "%s: not in the store", object);
	if (rc == RC_OK)
		rc = seg_header_parse(
		    header, object, buf.data, buf.len, x.size, key);
	buf_release(&buf);
	free(object);
	return rc;
}

/*
 * Does the item say of the state after END what those in the store say that
 * have the same END?  *why not, or NULL.
 */
static enum rc
compare_ends(struct upload *u, const struct item *it, const char **why)
{
	const struct keyset *known = &it->space->known;
	const struct key *key = &it->header.key;
	size_t i = keyset_find_end(known, key->end);
	struct seg_header there;
	enum rc rc;

	*why = "its TIME is not that of the segment with the same END";
	for (; i < known->n && known->key[i].end == key->end; i++)
		if (known->key[i].time == key->time)
			break;
	if (i == known->n || known->key[i].end != key->end)
		return RC_OK;
	*why = NULL;
	if (!seg_id_has_sum(it->header.id))
		return RC_OK;
	rc = stored_header(u, it->space->name, &known->key[i], &there);
	if (rc == RC_OK && seg_id_has_sum(there.id) &&
	    memcmp(there.id, it->header.id, SEG_ID) != 0)
		*why = "its database checksum is not that of the segment "
		       "with the same END";
	return rc;
}

/* The rule of the history; *why it is broken, or NULL. */
static enum rc
judge_history(struct upload *u, const struct item *it, const char **why)
{
	const struct keyset *known = &it->space->known;
	const struct key *key = &it->header.key;
	uint64_t newest = keyset_newest(known);

	*why = NULL;
	if (keyset_has(known, key))
		return RC_OK;
	if (key->end > newest) {
		if (key->start != 1 && key->start != newest + 1)
			*why = key->start > newest + 1
				   ? "it would leave a gap after the newest END"
				   : "it overlaps the newest segment";
		return RC_OK;
	}
	if (!keyset_chain(known, key->start, key->end)) {
		*why = "it neither extends the history nor merges segments of "
		       "it";
		return RC_OK;
	}
	return compare_ends(u, it, why);
}

static enum rc
list_space(struct upload *u, struct space *s)
{
	if (s->listed)
		return RC_OK;
	s->listed = true;
	return listing_keys(&s->known, u->store, u->cli.cluster, s->name);
}

static enum rc
judge(struct upload *u, struct item *it)
{
	const char *why;
	char *text;
	enum rc rc;

	if (it->rc)
		return it->rc;
	rc = list_space(u, it->space);
	if (rc)
		return rc;
	text = item_text(it);
	if (it->space->refused || it->space->failed) {
		rc = msg_fail(RC_DATA,
		    "%s: not published, since one before it failed", text);
	} else if (!u->cli.force) {
		rc = judge_history(u, it, &why);
		if (rc == RC_OK && why)
			rc = msg_fail(RC_DATA, "%s: refused: %s", text, why);
	}
	free(text);
	return rc;
}

/* Of those with the same END the narrowest first, since the wider may be a
 * merge of it. */
static void
judge_items(struct upload *u)
{
	size_t end, i;

	for (size_t from = 0; from < u->n; from = end) {
		struct item *first = &u->items[from];

		for (end = from + 1;
		     end < u->n && u->items[end].space == first->space &&
		     u->items[end].header.key.end == first->header.key.end;)
			end++;
		for (i = end; i-- > from;) {
			struct item *it = &u->items[i];
			enum rc rc = judge(u, it);

			it->listed =
			    keyset_has(&it->space->known, &it->header.key);
			if (rc)
				fail_item(u, it, &it->space->refused, rc);
			else
				keyset_add(&it->space->known, &it->header.key);
		}
	}
}

/* ---- put objects ---- */

static enum rc
compare_piece(void *arg, const void *data, size_t len)
{
	struct object *o = arg;
	char *local;
	enum rc rc = RC_OK;

	if (o->xfer.size != o->size || len > o->size - o->at)
		return msg_fail(
		    RC_DATA, "%s: exists with other content", o->name);
	local = xmalloc(len + 1);
	rc = file_read(o->file, local, len, o->at);
	if (rc == RC_OK && memcmp(local, data, len) != 0)
		rc =
		    msg_fail(RC_DATA, "%s: exists with other content", o->name);
	o->at += len;
	free(local);
	return rc;
}

static void object_done(struct store_xfer *, enum rc);

static void
object_transfer(struct object *o, enum store_verb verb)
{
	o->xfer = (struct store_xfer){
	    .verb = verb, .object = o->name, .done = object_done, .arg = o};
	o->at = 0;
	if (verb == STORE_PUT) {
		o->put = true;
		o->xfer.file = o->file;
		o->xfer.crc = o->crc;
	} else {
		o->xfer.sink = compare_piece;
	}
	o->upload->running++;
	store_start(o->upload->store, &o->xfer);
}

static void
object_done(struct store_xfer *x, enum rc rc)
{
	struct object *o = x->arg;

	o->upload->running--;
	if (rc == RC_OK && x->verb == STORE_PUT && x->existed) {
		object_transfer(o, STORE_GET);
		return;
	}
	if (rc == RC_ABSENT && !o->put) {
		object_transfer(o, STORE_PUT);
		return;
	}
	if (rc == RC_ABSENT)
		rc = msg_fail(
		    RC_SYSTEM, "%s: removed while it was put", o->name);
	if (rc == RC_OK && x->verb == STORE_GET && o->at != o->size)
		rc =
		    msg_fail(RC_DATA, "%s: exists with other content", o->name);
	if (rc == RC_OK && x->verb == STORE_GET)
		msg_info("%s: exists, the same", o->name);
	o->rc = rc;
	o->done = true;
	file_close(&o->file);
}

static struct object *
object_put(struct upload *u, const struct item *it, enum part part)
{
	static const uint32_t whole = CHECKSUM_CRC32_WHOLE;
	struct object *o = xcalloc(1, sizeof(*o));
	char *path =
	    part == PART_INDEX ? index_path(it->path) : xstrdup(it->path);
	struct name name;

	item_name(it, &name);
	o->upload = u;
	o->name = name_object(u->cli.cluster, &name, part);
	if (part == PART_SEGMENT && it->header.layout == SEG_OLD)
		o->crc = &whole;
	o->rc = file_open_there(&o->file, path, "");
	if (o->rc == RC_OK)
		o->rc = file_size(o->file, &o->size);
	o->done = o->rc != RC_OK;
	if (!o->done)
		object_transfer(o, it->listed ? STORE_GET : STORE_PUT);
	free(path);
	return o;
}

/* Its status, when it is there; it is freed. */
static enum rc
object_wait(struct upload *u, struct object *o)
{
	enum rc rc;

	while (!o->done)
		store_wait(u->store, u->running - 1, -1);
	rc = o->rc;
	object_free(o);
	return rc;
}

/* ---- publish ---- */

static enum rc
remove_local(struct item *it, struct dirs *dirs)
{
	char *idx = index_path(it->path);
	enum rc rc = RC_OK;

	/* The index last: a .seg without one would be complained about. */
	if (unlink(it->path) != 0 && errno != ENOENT)
		rc = msg_errno(it->path);
	else if (unlink(idx) != 0 && errno != ENOENT)
		rc = msg_errno(idx);
	dirs_add(dirs, it->path);
	free(idx);
	return rc;
}

static enum rc
print_item(struct upload *u, const struct item *it)
{
	struct rec rec = {
	    .pages = it->header.frames, .bytes = seg_size(&it->header)};

	item_name(it, &rec.name);
	return rec_write(&u->cli.out, &rec);
}

/* BATCH items at most.  Before their files are removed: what was killed in
 * between is then uploaded, and recorded, again. */
static enum rc
record_until(struct upload *u, size_t end)
{
	struct catalog_change changes[BATCH];
	size_t n = 0;

	if (!u->catalog || u->cli.dry_run)
		return RC_OK;
	for (size_t i = u->finished; i < end; i++) {
		const struct item *it = &u->items[i];

		if (it->rc)
			continue;
		changes[n] = (struct catalog_change){
		    .namespace = it->space->name,
		    .key = it->header.key,
		    .bytes = seg_size(&it->header),
		};
		n++;
	}
	return catalog_record(u->catalog, changes, n);
}

/* Record, remove and print what is published up to the item at end. */
static void
finish_until(struct upload *u, size_t end)
{
	struct dirs dirs = {0};
	enum rc rc = record_until(u, end);

	for (size_t i = u->finished; u->move && i < end; i++)
		if (u->items[i].rc == RC_OK && !u->cli.dry_run)
			rc = rc_max(rc, remove_local(&u->items[i], &dirs));
	rc = rc_max(rc, dirs_sync(&dirs));
	for (size_t i = u->finished; i < end; i++)
		if (u->items[i].rc == RC_OK)
			rc = rc_max(rc, print_item(u, &u->items[i]));
	u->finished = end;
	u->rc = rc_max(u->rc, rc);
}

/* Put the data of the items that come next, up to end. */
static void
put_ahead(struct upload *u, size_t *next, size_t end)
{
	for (; *next < end && *next < u->n && u->running < u->cli.jobs; ++*next)
		if (!u->items[*next].rc && !u->items[*next].space->failed)
			u->items[*next].data =
			    object_put(u, &u->items[*next], PART_SEGMENT);
}

static enum rc
publish(struct upload *u, struct item *it)
{
	enum rc rc = RC_OK;
	char *text;

	if (it->data) {
		rc = object_wait(u, it->data);
		it->data = NULL;
	}
	if (rc)
		return rc;
	if (!it->space->failed)
		return object_wait(u, object_put(u, it, PART_INDEX));
	text = item_text(it);
	rc = msg_fail(
	    RC_DATA, "%s: not published, since one before it failed", text);
	free(text);
	return rc;
}

/* Judged items: data ahead of the indexes, indexes one after the other. */
static void
publish_items(struct upload *u)
{
	size_t next = 0;
	enum rc rc;

	for (size_t i = 0; i < u->n; i++) {
		put_ahead(u, &next, i + AHEAD);
		while (next <= i) {
			store_wait(u->store, u->running - 1, -1);
			put_ahead(u, &next, i + AHEAD);
		}
		rc = u->items[i].rc ? RC_OK : publish(u, &u->items[i]);
		if (rc)
			fail_item(
			    u, &u->items[i], &u->items[i].space->failed, rc);
		if (i + 1 - u->finished >= BATCH)
			finish_until(u, i + 1);
	}
	finish_until(u, u->n);
	while (u->running > 0)
		store_wait(u->store, 0, -1);
}

static uint64_t
bytes_to_put(const struct upload *u)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < u->n; i++)
		if (!u->items[i].rc)
			sum += seg_size(&u->items[i].header);
	return sum;
}

static void
forget_set(void *ctx)
{
	struct upload *u = ctx;

	for (size_t i = 0; i < u->n; i++)
		item_release(&u->items[i]);
	u->n = 0;
	u->finished = 0;
	u->rc = RC_OK;
}

static enum rc
end_set(void *ctx)
{
	struct upload *u = ctx;
	enum rc rc;

	sort_items(u);
	judge_items(u);
	if (u->cli.dry_run) {
		finish_until(u, u->n);
	} else {
		progress_begin(&u->progress, "B", bytes_to_put(u));
		store_on_moved(u->store, progress_moved, &u->progress);
		publish_items(u);
		progress_end(&u->progress);
	}
	rc = u->rc;
	forget_set(u);
	return rc;
}

/* ---- main ---- */

static void
upload_release(struct upload *u)
{
	catalog_free(u->catalog);
	store_free(u->store);
	for (size_t i = 0; i < u->n_spaces; i++) {
		keyset_release(&u->spaces[i]->known);
		free(u->spaces[i]->name);
		free(u->spaces[i]);
	}
	free(u->spaces);
	free(u->items);
}

static void
parse(struct upload *u, int argc, char **argv)
{
	int c;

	cli_init(&u->cli, argv, synopsis, "sCkjeJnFrM", own);
	while ((c = cli_getopt(&u->cli, argc, argv)) != -1) {
		if (c == 'm')
			u->move = true;
		else
			u->create = true;
	}
}

int
main(int argc, char **argv)
{
	static const struct cli_sets sets = {
	    .form = REC_PATHS,
	    .not_done = "nothing uploaded",
	    .record = take_record,
	    .end = end_set,
	    .fail = forget_set,
	};
	struct upload u = {0};

	parse(&u, argc, argv);
	/* Before the store, which may have to be made. */
	if (u.cli.catalog)
		u.cli.rc = catalog_open(&u.catalog, u.cli.catalog,
		    u.cli.dry_run ? CATALOG_READ : CATALOG_CHANGE,
		    u.cli.retry_for);
	if (u.cli.rc == RC_OK)
		u.cli.rc =
		    cli_store(&u.cli, u.create && !u.cli.dry_run, &u.store);
	if (u.cli.rc == RC_OK)
		cli_each_set(&u.cli, argv + optind, &sets, &u);
	upload_release(&u);
	return cli_exit(&u.cli);
}
