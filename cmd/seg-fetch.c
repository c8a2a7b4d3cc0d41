/*
 * seg-fetch: segments from a store into the work directory.
 */

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/directory.h"
#include "base/file.h"
#include "cli/cli.h"
#include "cli/open_store.h"
#include "cli/progress.h"
#include "cli/sets.h"
#include "format/segment.h"
#include "store/store.h"
#include "work/fetch.h"
#include "work/nameset.h"
#include "work/remote_merge.h"

static const char synopsis[] =
    "usage: seg-fetch [-eiJlqv] [-C CLUSTER] [-d DIR] [-j N] [-s STORE]\n"
    "                 [--retry-for SECONDS] [NAME ...]\n";

static const struct cli_option own[] = {
    {'i', "index-only", NULL, "the indexes alone"},
    {'l', "lazy", NULL,
	"only the frames that a restore of the set reads,\n"
	"as one merged segment"},
    {0},
};

struct command {
	struct cli cli;
	struct store *store;
	struct fetch *fetch;
	struct nameset seen; /* in this set */
	bool index_only, lazy;
	struct name *names; /* -l: the set */
	size_t n, cap;
	struct progress progress;
};

/* ---- one by one ---- */

static enum rc
print_fetched(void *arg, const struct rec *rec, enum rc rc)
{
	struct command *c = arg;

	return rc ? rc : rec_write(&c->cli.out, rec);
}

static enum rc
fetch_record(void *ctx, const struct rec *rec)
{
	struct command *c = ctx;

	if (!nameset_add(&c->seen, &rec->name))
		return RC_OK;
	if (rec->bytes != REC_UNKNOWN)
		c->progress.total += rec->bytes;
	return fetch_add(c->fetch, &rec->name);
}

static enum rc
fetch_idle(void *ctx, int fd)
{
	struct command *c = ctx;
	enum rc rc = fetch_poll(c->fetch, fd);

	return rc_max(rc, rec_flush(&c->cli.out));
}

static enum rc
fetch_end(void *ctx)
{
	struct command *c = ctx;

	nameset_release(&c->seen);
	return fetch_finish(c->fetch);
}

static void
fetch_fail(void *ctx)
{
	struct command *c = ctx;

	c->cli.rc = rc_max(c->cli.rc, fetch_end(c));
}

/* ---- the merge of a set ---- */

static enum rc
lazy_record(void *ctx, const struct rec *rec)
{
	struct command *c = ctx;

	if (c->n == c->cap) {
		c->cap = c->cap ? 2 * c->cap : 64;
		c->names = xreallocarray(c->names, c->cap, sizeof(*c->names));
	}
	c->names[c->n++] = rec->name;
	return RC_OK;
}

static int
name_cmp(const void *a, const void *b)
{
	const struct name *x = a, *y = b;

	return key_cmp(&x->key, &y->key);
}

static enum rc
bad_neighbours(const struct name *a, const struct name *b)
{
	char x[KEY_LEN + 1], y[KEY_LEN + 1];

	key_text(&a->key, x);
	key_text(&b->key, y);
	if (b->key.start > a->key.end)
		return msg_fail(RC_DATA,
		    "%s: frames %llu to %llu are missing between %s and %s",
		    a->namespace, (unsigned long long)a->key.end + 1,
		    (unsigned long long)b->key.start - 1, x, y);
	return msg_fail(RC_DATA, "%s: %s and %s overlap", a->namespace, x, y);
}

/* Frame order, each once; one namespace, no hole, no overlap. */
static enum rc
check_set(struct command *c)
{
	size_t n = 0;

	for (size_t i = 1; i < c->n; i++)
		if (strcmp(c->names[i].namespace, c->names[0].namespace) != 0)
			return msg_fail(RC_DATA,
			    "two namespaces in a set: %s and %s",
			    c->names[0].namespace, c->names[i].namespace);
	if (c->n > 1)
		qsort(c->names, c->n, sizeof(*c->names), name_cmp);
	for (size_t i = 0; i < c->n; i++) {
		if (n > 0 && name_cmp(&c->names[n - 1], &c->names[i]) == 0)
			continue;
		if (n > 0 &&
		    c->names[i].key.start != c->names[n - 1].key.end + 1)
			return bad_neighbours(&c->names[n - 1], &c->names[i]);
		c->names[n++] = c->names[i];
	}
	c->n = n;
	return RC_OK;
}

static enum rc
ignore_fetched(void *arg, const struct rec *rec, enum rc rc)
{
	(void)arg;
	(void)rec;
	return rc;
}

static struct fetch *
new_fetch(
    struct command *c, enum rc (*done)(void *, const struct rec *, enum rc))
{
	const struct fetch_opts o = {
	    .store = c->store,
	    .cluster = c->cli.cluster,
	    .dir = c->cli.dir,
	    .index_only = c->index_only,
	    .done = done,
	    .arg = c,
	};

	return fetch_new(&o);
}

static enum rc
fetch_whole(void *arg, const struct name *name)
{
	struct fetch *f = new_fetch(arg, ignore_fetched);
	enum rc rc = fetch_add(f, name);

	rc = rc_max(rc, fetch_finish(f));
	fetch_free(f);
	return rc;
}

static enum rc
fetch_merge(struct command *c)
{
	const struct remote_merge_opts o = {
	    .store = c->store,
	    .cluster = c->cli.cluster,
	    .dir = c->cli.dir,
	    .fetch_whole = fetch_whole,
	    .arg = c,
	};
	struct rec rec = {.is_path = true, .name = c->names[c->n - 1]};
	struct seg_header header;
	char *path;
	enum rc rc = remote_merge(&o, c->names, c->n, &header);

	if (rc)
		return rc;
	rec.name.key = header.key;
	rec.pages = header.frames;
	rec.bytes = seg_size(&header);
	rec.text = path = name_path(c->cli.dir, &rec.name, PART_SEGMENT);
	rc = rec_write(&c->cli.out, &rec);
	free(path);
	return rc;
}

static enum rc
lazy_end(void *ctx)
{
	struct command *c = ctx;
	enum rc rc = check_set(c);

	if (rc == RC_OK && c->n == 1) {
		rc = fetch_add(c->fetch, &c->names[0]);
		rc = rc_max(rc, fetch_finish(c->fetch));
	} else if (rc == RC_OK && c->n > 1) {
		rc = fetch_merge(c);
	}
	c->n = 0;
	return rc;
}

static void
lazy_fail(void *ctx)
{
	struct command *c = ctx;

	c->n = 0;
}

/* ---- main ---- */

static void
parse(struct command *c, int argc, char **argv)
{
	int o;

	cli_init(&c->cli, argv, synopsis, "sCdjeJr", own);
	while ((o = cli_getopt(&c->cli, argc, argv)) != -1) {
		if (o == 'i')
			c->index_only = true;
		else
			c->lazy = true;
	}
	if (c->index_only && c->lazy)
		cli_usage(&c->cli, "-i and -l do not go together");
}

static void
run(struct command *c, char **operands)
{
	static const struct cli_sets whole = {
	    .form = REC_NAMES,
	    .not_done = "incomplete",
	    .record = fetch_record,
	    .end = fetch_end,
	    .fail = fetch_fail,
	    .idle = fetch_idle,
	};
	static const struct cli_sets lazy = {
	    .form = REC_NAMES,
	    .not_done = "incomplete",
	    .record = lazy_record,
	    .end = lazy_end,
	    .fail = lazy_fail,
	};

	c->fetch = new_fetch(c, print_fetched);
	progress_begin(&c->progress, "B", 0);
	store_on_moved(c->store, progress_moved, &c->progress);
	cli_each_set(&c->cli, operands, c->lazy ? &lazy : &whole, c);
	progress_end(&c->progress);
	fetch_free(c->fetch);
	nameset_release(&c->seen);
	free(c->names);
}

int
main(int argc, char **argv)
{
	struct command c = {0};

	parse(&c, argc, argv);
	c.cli.rc = cli_store(&c.cli, false, &c.store);
	if (c.cli.rc == RC_OK)
		c.cli.rc = dir_make(c.cli.dir);
	if (c.cli.rc == RC_OK)
		run(&c, argv + optind);
	store_free(c.store);
	return cli_exit(&c.cli);
}
