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
#include "fetch/fetch.h"
#include "format/segment.h"
#include "plan/keyset.h"
#include "plan/nameset.h"
#include "remote/remote_merge.h"
#include "store/store.h"

static const char synopsis[] =
    "usage: seg-fetch [-eiJlqv] [-C CLUSTER] [-d DIR] [-j N] [-s STORE]\n"
    "                 [--hidden] [--metrics FILE] [--retry-for SECONDS]\n"
    "                 [NAME ...]\n";

enum { HIDDEN = CLI_OWN };

static const struct cli_option own[] = {
    {'i', "index-only", NULL, "the indexes alone"},
    {'l', "lazy", NULL,
	"only the frames that a restore of the set reads,\n"
	"as one merged segment"},
    {HIDDEN, "hidden", NULL,
	"from a bucket, also what has been hidden: the oldest versions"},
    {0},
};

struct command {
	struct cli cli;
	struct store *store;
	struct fetch *fetch;
	struct nameset seen; /* in this set */
	bool index_only, lazy;
	struct cli_store_opts with;
	/* -l: the set */
	struct sole_namespace sole;
	struct keyset keys;
	struct stored stored;
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
	return fetch_add(c->fetch, &rec->name, rec_is_compressed(rec));
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
	enum rc rc = sole_namespace_take(&c->sole, rec);

	if (rc)
		return rc;
	keyset_append(&c->keys, &rec->name.key);
	stored_add(&c->stored, rec);
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
	enum rc rc = fetch_add(f, name, false);

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
	    .stored = &c->stored,
	    .fetch_whole = fetch_whole,
	    .arg = c,
	};
	struct rec rec = {.is_path = true};
	struct seg_header header;
	char *path;
	enum rc rc =
	    remote_merge(&o, c->sole.text, c->keys.key, c->keys.n, &header);

	if (rc)
		return rc;
	name_set(&rec.name, c->sole.text, &header.key);
	rec.pages = header.frames;
	rec.bytes = seg_size(&header);
	rec.text = path = name_path(c->cli.dir, &rec.name, PART_SEGMENT);
	rc = rec_write(&c->cli.out, &rec);
	free(path);
	return rc;
}

/* A set of one passes through. */
static enum rc
fetch_one(struct command *c)
{
	struct name name;
	enum rc rc;

	name_set(&name, c->sole.text, &c->keys.key[0]);
	rc =
	    fetch_add(c->fetch, &name, stored_bytes(&c->stored, &name.key) > 0);
	return rc_max(rc, fetch_finish(c->fetch));
}

static void
lazy_fail(void *ctx)
{
	struct command *c = ctx;

	keyset_release(&c->keys);
	stored_release(&c->stored);
	c->sole = (struct sole_namespace){0};
}

static enum rc
lazy_end(void *ctx)
{
	struct command *c = ctx;
	enum rc rc;

	keyset_settle(&c->keys);
	rc = keyset_joined(&c->keys, c->sole.text);
	if (rc == RC_OK && c->keys.n == 1)
		rc = fetch_one(c);
	else if (rc == RC_OK && c->keys.n > 1)
		rc = fetch_merge(c);
	lazy_fail(c);
	return rc;
}

/* ---- main ---- */

static void
parse(struct command *c, int argc, char **argv)
{
	int o;

	cli_init(&c->cli, argv, synopsis, "sCdjeJrM", own);
	while ((o = cli_getopt(&c->cli, argc, argv)) != -1) {
		if (o == 'i')
			c->index_only = true;
		else if (o == HIDDEN)
			c->with.hidden = true;
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
	lazy_fail(c);
}

int
main(int argc, char **argv)
{
	struct command c = {0};

	parse(&c, argc, argv);
	c.cli.rc = cli_store_with(&c.cli, &c.with, &c.store);
	if (c.cli.rc == RC_OK)
		c.cli.rc = dir_make(c.cli.dir);
	if (c.cli.rc == RC_OK)
		run(&c, argv + optind);
	store_free(c.store);
	return cli_exit(&c.cli);
}
