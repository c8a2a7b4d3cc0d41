/*
 * seg-verify: proves that segments are whole: files of a work directory, or
 * objects of a store, which are read and not kept.
 */

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "cli/cli.h"
#include "cli/open_store.h"
#include "cli/progress.h"
#include "cli/sets.h"
#include "format/sum.h"
#include "segment/segindex.h"
#include "segment/segpair.h"
#include "segment/segstream.h"
#include "store/store.h"
#include "work/keyset.h"
#include "work/plan.h"

static const char synopsis[] =
    "usage: seg-verify [-eJqrv] [-C CLUSTER] [-j N] [-s STORE]\n"
    "                  [--metrics FILE] [--retry-for SECONDS]\n"
    "                  [--sample PERCENT] [FILE | NAME ...]\n";

enum { SAMPLE = CLI_OWN };

static const struct cli_option own[] = {
    {'r', "rebuild-index", NULL, "write the .idx of files whose data is good"},
    {SAMPLE, "sample", "PERCENT",
	"read only so many of the objects in the store"},
    {'j', "jobs", "N", "objects at a time (16)"},
    {0},
};

/* A segment of the set. */
struct item {
	struct name name;
	char *path; /* NULL: in the store */
	bool good;
	uint64_t pages, bytes;
	uint8_t id[SEG_ID];
};

/* The reading of one segment from the store: its index, then its data. */
struct reading {
	struct verify *v;
	size_t item; /* items move when they grow */
	char *object;
	char *index_name; /* NULL: there is no index */
	struct buf index;
	struct segstream *stream;
	struct store_xfer xfer;
	bool data; /* the index has come, the data comes */
};

struct verify {
	struct cli cli;
	struct store *store; /* opened for the first name */
	bool rebuild;
	unsigned sample;
	struct item *items;
	size_t n, cap;
	unsigned running;
	enum rc rc; /* of the set */
	struct progress progress;
};

static struct item *
new_item(struct verify *v, const struct rec *rec)
{
	if (v->n == v->cap) {
		v->cap = v->cap ? 2 * v->cap : 64;
		v->items = xreallocarray(v->items, v->cap, sizeof(*v->items));
	}
	v->items[v->n] = (struct item){.name = rec->name};
	return &v->items[v->n++];
}

static void
found_good(struct verify *v, struct item *it, const struct seg_header *h)
{
	it->good = true;
	it->pages = h->frames;
	it->bytes = seg_size(h);
	memcpy(it->id, h->id, SEG_ID);
	progress_add(&v->progress, it->bytes);
}

/* ---- files ---- */

static enum rc
check_pair(const char *seg_path, const char *idx_path, const struct key *key,
    struct seg_header *h, bool rebuild)
{
	struct file *seg = NULL, *idx = NULL;
	bool bad_index = false, *tolerate = rebuild ? &bad_index : NULL;
	enum rc rc;

	rc = file_open_there(&seg, seg_path, "");
	if (rc)
		return rc;
	rc = file_open(&idx, idx_path);
	if (rc == RC_ABSENT && rebuild)
		bad_index = true;
	else if (rc == RC_ABSENT)
		rc = msg_fail(
		    RC_DATA, "%s: no such file (-r makes it)", idx_path);
	if (rc == RC_OK)
		rc = segpair_check(seg, idx, key, h, tolerate);
	file_close(&seg);
	file_close(&idx);
	if (bad_index && (rc == RC_OK || rc == RC_ABSENT)) {
		msg_info("%s: rebuilt", idx_path);
		rc = segindex_rebuild(seg_path, idx_path, key, h);
	}
	return rc;
}

static enum rc
verify_file(struct verify *v, struct item *it, const char *text)
{
	size_t stem = strlen(text) - strlen(".seg");
	char *idx = xasprintf("%.*s.idx", (int)stem, text);
	struct seg_header h;
	enum rc rc;

	it->path = xasprintf("%.*s.seg", (int)stem, text);
	rc = check_pair(it->path, idx, &it->name.key, &h, v->rebuild);
	if (rc == RC_OK)
		found_good(v, it, &h);
	free(idx);
	return rc;
}

/* ---- objects ---- */

static void
reading_end(struct reading *r, enum rc rc)
{
	struct verify *v = r->v;

	v->rc = rc_max(v->rc, rc);
	v->running--;
	segstream_free(r->stream);
	buf_release(&r->index);
	free(r->index_name);
	free(r->object);
	free(r);
}

static enum rc
data_arrives(void *arg, const void *data, size_t len)
{
	struct reading *r = arg;
	struct item *it = &r->v->items[r->item];

	if (!r->stream)
		r->stream =
		    segstream_new(r->object, &it->name.key, r->xfer.size,
			r->index_name, r->index.data, r->index.len, false);
	return segstream_feed(r->stream, data, len);
}

static enum rc
end_of_data(struct reading *r)
{
	struct item *it = &r->v->items[r->item];
	struct seg_header h;
	enum rc rc;

	if (!r->stream)
		return msg_fail(
		    RC_DATA, "%s: too short for a segment", r->object);
	rc = segstream_end(r->stream, &h, NULL);
	if (rc == RC_OK)
		found_good(r->v, it, &h);
	return rc;
}

static void
reading_done(struct store_xfer *x, enum rc rc)
{
	struct reading *r = x->arg;
	struct item *it = &r->v->items[r->item];

	if (rc == RC_ABSENT)
		rc = msg_fail(RC_DATA, "%s: no such object", r->object);
	if (rc == RC_OK && r->data)
		rc = end_of_data(r);
	if (rc || r->data) {
		reading_end(r, rc);
		return;
	}
	r->data = true;
	r->index_name = r->object;
	r->object = name_object(r->v->cli.cluster, &it->name, PART_SEGMENT);
	r->xfer = (struct store_xfer){.verb = STORE_GET,
	    .object = r->object,
	    .sink = data_arrives,
	    .done = reading_done,
	    .arg = r};
	store_start(r->v->store, &r->xfer);
}

/* Which objects a sample has is chosen by their keys: the same every time, so
 * that a failure can be looked at again. */
static bool
in_sample(const struct verify *v, const struct key *k)
{
	uint64_t h = (k->end * 31 + k->start) * 31 + k->time;

	h *= 0x9E3779B97F4A7C15;
	return (h >> 32) % 100 < v->sample;
}

static enum rc
verify_object(struct verify *v, struct item *it)
{
	struct reading *r;
	enum rc rc;

	if (!in_sample(v, &it->name.key))
		return RC_OK;
	if (!v->store) {
		rc = cli_store(&v->cli, false, &v->store);
		v->cli.no_store = rc != RC_OK;
		if (rc)
			return rc;
	}
	if (v->running >= v->cli.jobs)
		store_wait(v->store, v->cli.jobs - 1, -1);
	r = xcalloc(1, sizeof(*r));
	r->v = v;
	r->item = (size_t)(it - v->items);
	r->object = name_object(v->cli.cluster, &it->name, PART_INDEX);
	r->xfer = (struct store_xfer){.verb = STORE_GET,
	    .object = r->object,
	    .buf = &r->index,
	    .done = reading_done,
	    .arg = r};
	v->running++;
	store_start(v->store, &r->xfer);
	return RC_OK;
}

/* ---- the set ---- */

static enum rc
take_record(void *ctx, const struct rec *rec)
{
	struct verify *v = ctx;
	struct item *it = new_item(v, rec);
	enum rc rc;

	rc =
	    rec->is_path ? verify_file(v, it, rec->text) : verify_object(v, it);
	v->rc = rc_max(v->rc, rc);
	return rc;
}

static enum rc
keep_going(void *ctx, int fd)
{
	struct verify *v = ctx;

	if (v->running)
		store_wait(v->store, 0, fd);
	return RC_OK;
}

static int
by_name(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int c = strcmp(x->name.namespace, y->name.namespace);

	return c ? c : key_cmp(&x->name.key, &y->name.key);
}

/* Two segments with one END are two roads to one state, or there is a fork. */
static enum rc
check_fork(const struct item *a, const struct item *b)
{
	char x[KEY_LEN + 1], y[KEY_LEN + 1];
	bool ids = a->good && b->good && seg_id_has_sum(a->id) &&
		   seg_id_has_sum(b->id);

	if (a->name.key.end != b->name.key.end ||
	    (a->name.key.time == b->name.key.time &&
		(!ids || memcmp(a->id, b->id, SEG_ID) == 0)))
		return RC_OK;
	return msg_fail(RC_DATA,
	    "%s: a fork: %s and %s end with different "
	    "states",
	    a->name.namespace, key_text(&a->name.key, x),
	    key_text(&b->name.key, y));
}

struct hole {
	uint64_t start; /* of the set: what is before it is no hole */
	uint64_t first, last;
};

static void
first_hole(void *arg, uint64_t first, uint64_t last)
{
	struct hole *hole = arg;

	if (last >= hole->start && !hole->last)
		*hole = (struct hole){hole->start, first, last};
}

static enum rc
say_no_chain(const struct item *a, size_t n, uint64_t start, uint64_t end)
{
	struct plan plan = {0};
	struct hole hole = {.start = start};

	for (size_t i = 0; i < n; i++)
		plan_add(&plan, &a[i].name.key, REC_UNKNOWN, REC_UNKNOWN);
	plan_gaps(&plan, end, first_hole, &hole);
	plan_release(&plan);
	if (hole.last)
		return msg_fail(RC_DATA, "%s: frames %llu-%llu are missing",
		    a->name.namespace, (unsigned long long)hole.first,
		    (unsigned long long)hole.last);
	return msg_fail(RC_DATA,
	    "%s: no segments lead from frame %llu to "
	    "frame %llu without an overlap",
	    a->name.namespace, (unsigned long long)start,
	    (unsigned long long)end);
}

/* Of one namespace, items a[0..n) in frame order: no hole, no fork. */
static enum rc
check_chain(const struct item *a, size_t n)
{
	struct keyset keys = {0};
	uint64_t start = UINT64_MAX, end = a[n - 1].name.key.end;
	enum rc rc = RC_OK;

	for (size_t i = 0; i < n; i++) {
		const struct key *k = &a[i].name.key;

		keyset_add(&keys, k);
		start = k->start < start ? k->start : start;
		if (i > 0)
			rc = rc_max(rc, check_fork(&a[i - 1], &a[i]));
	}
	if (!keyset_chain(&keys, start, end))
		rc = say_no_chain(a, n, start, end);
	keyset_release(&keys);
	return rc;
}

static enum rc
check_chains(struct verify *v)
{
	enum rc rc = RC_OK;

	for (size_t i = 0, n; i < v->n; i += n) {
		for (n = 1;
		     i + n < v->n && strcmp(v->items[i].name.namespace,
					 v->items[i + n].name.namespace) == 0;
		     n++)
			;
		rc = rc_max(rc, check_chain(&v->items[i], n));
	}
	return rc;
}

/* Wait for what is under way; the good ones are printed, whatever the others
 * are. */
static enum rc
finish_records(struct verify *v)
{
	if (v->running)
		store_wait(v->store, 0, -1);
	if (v->n > 0)
		qsort(v->items, v->n, sizeof(*v->items), by_name);
	for (size_t i = 0; i < v->n; i++) {
		struct item *it = &v->items[i];
		struct rec rec = {.text = it->path,
		    .is_path = it->path != NULL,
		    .name = it->name,
		    .pages = it->pages,
		    .bytes = it->bytes};

		if (it->good && (i == 0 || by_name(it, it - 1) != 0))
			v->rc = rc_max(v->rc, rec_write(&v->cli.out, &rec));
	}
	return v->rc;
}

static void
forget_set(struct verify *v)
{
	for (size_t i = 0; i < v->n; i++)
		free(v->items[i].path);
	v->n = 0;
	v->rc = RC_OK;
}

static enum rc
end_set(void *ctx)
{
	struct verify *v = ctx;
	enum rc rc = finish_records(v);

	rc = rc_max(rc, check_chains(v));
	forget_set(v);
	return rc;
}

static void
fail_set(void *ctx)
{
	struct verify *v = ctx;

	v->cli.rc = rc_max(v->cli.rc, finish_records(v));
	forget_set(v);
}

int
main(int argc, char **argv)
{
	static const struct cli_sets sets = {
	    .form = REC_EITHER,
	    .not_done = "incomplete",
	    .record = take_record,
	    .end = end_set,
	    .fail = fail_set,
	    .idle = keep_going,
	};
	struct verify v = {.sample = 100};
	int c;

	cli_init(&v.cli, argv, synopsis, "sCjeJrM", own);
	while ((c = cli_getopt(&v.cli, argc, argv)) != -1) {
		if (c == 'r')
			v.rebuild = true;
		else
			v.sample = (unsigned)cli_number(
			    &v.cli, "--sample", optarg, 1, 100);
	}
	progress_begin(&v.progress, "B", 0);
	cli_each_set(&v.cli, argv + optind, &sets, &v);
	progress_end(&v.progress);
	store_free(v.store);
	free(v.items);
	return cli_exit(&v.cli);
}
