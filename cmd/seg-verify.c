/*
 * seg-verify: proves that segments are whole: files of a work directory, or
 * objects of a store, which are read and not kept.
 */

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/number.h"
#include "cli/cli.h"
#include "cli/open_store.h"
#include "cli/progress.h"
#include "cli/sets.h"
#include "fetch/proof.h"
#include "format/sum.h"
#include "plan/keyset.h"
#include "plan/plan.h"
#include "plan/segset.h"
#include "remote/drill.h"
#include "segment/segindex.h"
#include "segment/segpair.h"
#include "store/store.h"

static const char synopsis[] =
    "usage: seg-verify [-eJqrv] [-C CLUSTER] [-j N] [-s STORE]\n"
    "                  [--metrics FILE] [--restore] [--retry-for SECONDS]\n"
    "                  [--sample PERCENT] [--slice I/N] [FILE | NAME ...]\n";

enum { SAMPLE = CLI_OWN, RESTORE, SLICE };

static const struct cli_option own[] = {
    {'r', "rebuild-index", NULL, "write the .idx of files whose data is good"},
    {SAMPLE, "sample", "PERCENT",
	"read only so many of the objects in the store"},
    {RESTORE, "restore", NULL,
	"put the newest state of each set together, too"},
    {SLICE, "slice", "I/N", "only the I-th of N parts of all namespaces"},
    {'j', "jobs", "N", "objects at a time (16)"},
    {0},
};

/* A segment in the store that is read. */
struct reading {
	struct proof proof; /* first */
	struct verify *v;
	size_t item; /* items move when they grow */
};

struct verify {
	struct cli cli;
	struct store *store; /* opened for the first name */
	bool rebuild, restore;
	unsigned sample;
	uint64_t slice, slices; /* 1 of 1 */
	struct segset set;
	bool any; /* record in it, of whatever slice */
	unsigned running;
	enum rc rc; /* of the set */
	struct progress progress;
};

static void
found_good(struct verify *v, struct segset_item *it, const struct seg_header *h)
{
	segset_found(it, h);
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
verify_file(struct verify *v, struct segset_item *it)
{
	char *seg = segset_path(&v->set, it, PART_SEGMENT);
	char *idx = segset_path(&v->set, it, PART_INDEX);
	struct seg_header h;
	enum rc rc = check_pair(seg, idx, &it->key, &h, v->rebuild);

	if (rc == RC_OK)
		found_good(v, it, &h);
	free(seg);
	free(idx);
	return rc;
}

/* ---- objects ---- */

/* As a listing has it: of what is compressed nobody counts pages. */
static void
reading_done(struct proof *p, enum rc rc)
{
	struct reading *r = (struct reading *)p;
	struct verify *v = r->v;
	struct segset_item *it = &v->set.item[r->item];

	if (rc == RC_OK) {
		found_good(v, it, &p->header);
		it->bytes = p->stored;
		if (p->form == CONTENT_ZSTD)
			it->pages = 0;
	} else {
		segset_failed(it);
	}
	v->rc = rc_max(v->rc, rc);
	v->running--;
	free(r);
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

/* For the first name. */
static enum rc
open_store(struct verify *v)
{
	enum rc rc = RC_OK;

	if (!v->store)
		rc = cli_store(&v->cli, false, &v->store);
	v->cli.no_store = rc != RC_OK;
	return rc;
}

static enum rc
verify_object(struct verify *v, const struct segset_item *it, bool zstd_first)
{
	struct reading *r;
	enum rc rc;

	if (!in_sample(v, &it->key))
		return RC_OK;
	rc = open_store(v);
	if (rc)
		return rc;
	if (v->running >= v->cli.jobs)
		store_wait(v->store, v->cli.jobs - 1, -1);
	r = xcalloc(1, sizeof(*r));
	r->v = v;
	r->item = (size_t)(it - v->set.item);
	r->proof = (struct proof){
	    .store = v->store,
	    .cluster = v->cli.cluster,
	    .zstd_first = zstd_first,
	    .done = reading_done,
	};
	segset_name(&v->set, it, &r->proof.name);
	v->running++;
	proof_start(&r->proof);
	return RC_OK;
}

/* ---- the set ---- */

/* N runs with one slice each cover all namespaces, each once. */
static bool
in_slice(const struct verify *v, const char *namespace)
{
	return XXH3_64bits(namespace, strlen(namespace)) % v->slices ==
	       v->slice - 1;
}

static enum rc
take_record(void *ctx, const struct rec *rec)
{
	struct verify *v = ctx;
	struct segset_item *it;
	enum rc rc;

	v->any = true;
	if (!in_slice(v, rec->name.namespace))
		return RC_OK;
	it = segset_add(&v->set, rec);
	if (!it)
		return RC_OK;
	rc = rec->is_path ? verify_file(v, it)
			  : verify_object(v, it, rec_is_compressed(rec));
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

static bool
has_sum(const struct segset_item *it)
{
	return it->bytes && seg_id_has_sum(it->id);
}

/* Two segments with one END are two roads to one state, or there is a fork. */
static enum rc
check_fork(const char *namespace, const struct segset_item *a,
    const struct segset_item *b)
{
	char x[KEY_LEN + 1], y[KEY_LEN + 1];
	bool ids = has_sum(a) && has_sum(b);

	if (a->key.end != b->key.end ||
	    (a->key.time == b->key.time &&
		(!ids || memcmp(a->id, b->id, SEG_ID) == 0)))
		return RC_OK;
	return msg_fail(RC_DATA,
	    "%s: a fork: %s and %s end with different states", namespace,
	    key_text(&a->key, x), key_text(&b->key, y));
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
say_no_chain(const char *namespace, const struct keyset *keys, uint64_t start,
    uint64_t end)
{
	struct plan plan = {0};
	struct hole hole = {.start = start};
	char missing[FRAMES_TEXT_MAX];

	for (size_t i = 0; i < keys->n; i++)
		plan_add(&plan, &keys->key[i], REC_UNKNOWN, REC_UNKNOWN);
	plan_gaps(&plan, end, first_hole, &hole);
	plan_release(&plan);
	if (hole.last)
		return msg_fail(RC_DATA, "%s: %s", namespace,
		    frames_missing(hole.first, hole.last, missing));
	return msg_fail(RC_DATA,
	    "%s: no segments lead from frame %llu to "
	    "frame %llu without an overlap",
	    namespace, (unsigned long long)start, (unsigned long long)end);
}

/* The keys of one namespace: no hole. */
static enum rc
check_chain(const char *namespace, const struct keyset *keys)
{
	uint64_t start = UINT64_MAX, end = keyset_newest(keys);

	for (size_t i = 0; i < keys->n; i++)
		if (keys->key[i].start < start)
			start = keys->key[i].start;
	return keyset_chain(keys, start, end)
		   ? RC_OK
		   : say_no_chain(namespace, keys, start, end);
}

/* In frame order: neighbours, and those whose neighbours have no checksum. */
static enum rc
check_forks(const char *namespace, const struct segset_item *it, size_t n)
{
	const struct segset_item *sum = it; /* the last one that has any */
	enum rc rc = RC_OK, one;

	for (size_t i = 1; i < n; i++) {
		if (has_sum(&it[i - 1]))
			sum = &it[i - 1];
		one = check_fork(namespace, &it[i - 1], &it[i]);
		if (one == RC_OK && sum != &it[i - 1])
			one = check_fork(namespace, sum, &it[i]);
		rc = rc_max(rc, one);
	}
	return rc;
}

/* Of the last namespace of the set, from its first item on. */
static enum rc
restore_newest(struct verify *v, size_t first)
{
	const struct segset *s = &v->set;
	enum rc rc = RC_OK;

	if (!segset_is_file(s, &s->item[first]))
		rc = open_store(v);
	return rc ? rc
		  : drill_newest(
			v->store, v->cli.cluster, s, first, s->n - first);
}

/* The last namespace of the set: no fork, no hole.  It is taken off the set
 * before the chain is looked for, which needs the memory. */
static enum rc
check_last(struct verify *v)
{
	struct segset *s = &v->set;
	struct keyset keys = {0};
	struct name name;
	size_t first = s->n - 1;
	enum rc rc;

	segset_name(s, &s->item[first], &name);
	while (first > 0 && segset_same_namespace(
				s, &s->item[first - 1], &s->item[s->n - 1]))
		first--;
	rc = check_forks(name.namespace, &s->item[first], s->n - first);
	if (v->restore)
		rc = rc_max(rc, restore_newest(v, first));
	for (size_t i = first; i < s->n; i++)
		keyset_add(&keys, &s->item[i].key);
	segset_truncate(s, first);
	rc = rc_max(rc, check_chain(name.namespace, &keys));
	keyset_release(&keys);
	return rc;
}

static enum rc
print_good(struct verify *v, const struct segset_item *it)
{
	struct rec rec = {
	    .pages = it->pages ? it->pages : REC_UNKNOWN, .bytes = it->bytes};
	char *path = NULL;
	enum rc rc;

	segset_name(&v->set, it, &rec.name);
	rec.is_path = segset_is_file(&v->set, it);
	if (rec.is_path)
		rec.text = path = segset_path(&v->set, it, PART_SEGMENT);
	rc = rec_write(&v->cli.out, &rec);
	free(path);
	return rc;
}

/* Wait for what is under way; the good ones are printed, whatever the others
 * are. */
static enum rc
finish_records(struct verify *v)
{
	const struct segset_item *last = NULL; /* one of two directories */

	if (v->running)
		store_wait(v->store, 0, -1);
	segset_sort(&v->set);
	for (size_t i = 0; i < v->set.n; i++) {
		const struct segset_item *it = &v->set.item[i];

		if (!it->bytes || (last && segset_same_name(&v->set, last, it)))
			continue;
		v->rc = rc_max(v->rc, print_good(v, it));
		last = it;
	}
	return v->rc;
}

static void
forget_set(struct verify *v)
{
	segset_release(&v->set);
	v->any = false;
	v->rc = RC_OK;
}

static enum rc
end_set(void *ctx)
{
	struct verify *v = ctx;
	enum rc rc = finish_records(v);

	while (v->set.n > 0)
		rc = rc_max(rc, check_last(v));
	if (v->restore && !v->any)
		rc = msg_fail(RC_DATA, "a set without segments: no state");
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

/* "I/N" */
static void
set_slice(struct verify *v, const char *text)
{
	size_t n = strcspn(text, "/");

	if (!number_u64(text, n, &v->slice) || text[n] != '/' ||
	    !number_u64(text + n + 1, strlen(text + n + 1), &v->slices) ||
	    v->slice < 1 || v->slice > v->slices)
		cli_usage(
		    &v->cli, "--slice: %s is not I/N, from 1/N to N/N", text);
}

static void
parse(struct verify *v, int argc, char **argv)
{
	int c;

	cli_init(&v->cli, argv, synopsis, "sCjeJrM", own);
	while ((c = cli_getopt(&v->cli, argc, argv)) != -1) {
		if (c == 'r')
			v->rebuild = true;
		else if (c == RESTORE)
			v->restore = true;
		else if (c == SLICE)
			set_slice(v, optarg);
		else
			v->sample = (unsigned)cli_number(
			    &v->cli, "--sample", optarg, 1, 100);
	}
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
	struct verify v = {.sample = 100, .slice = 1, .slices = 1};

	parse(&v, argc, argv);
	progress_begin(&v.progress, "B", 0);
	cli_each_set(&v.cli, argv + optind, &sets, &v);
	progress_end(&v.progress);
	store_free(v.store);
	return cli_exit(&v.cli);
}
