/* seg-merge: each set of segments becomes one segment. */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/number.h"
#include "cli/cli.h"
#include "cli/progress.h"
#include "cli/sets.h"
#include "merge/merge.h"

static const char synopsis[] =
    "usage: seg-merge [-eJnqv] [-d DIR] [--metrics FILE] [FILE ...]\n";

static const struct cli_option own[] = {
    {'d', "dir", "DIR", "write below DIR, not beside the files"},
    {'n', "dry-run", NULL, "check the sets and print what would be written"},
    {0},
};

struct merging {
	struct cli cli;
	struct merge *merge; /* of the set being read */
	size_t records;
	struct progress progress;
};

static void
next_set(void *ctx)
{
	struct merging *g = ctx;

	merge_free(g->merge);
	g->merge = merge_new();
	g->records = 0;
}

static enum rc
on_record(void *ctx, const struct rec *rec)
{
	struct merging *g = ctx;

	g->records++;
	return merge_add(g->merge, rec->text, &rec->name);
}

/*
 * The directory that DIR/NAMESPACE is to be, if it is the file's own.  A name
 * that stands for itself can be taken off; of others ("." and "..", or none)
 * the namespace is the real name of the directory, which is then below its
 * parent.
 */
static char *
dir_of_namespace(const char *path, const char *namespace)
{
	const char *slash = strrchr(path, '/');
	size_t len, n = strlen(namespace);

	if (!slash)
		return xstrdup("..");
	for (len = (size_t)(slash - path); len > 1 && path[len - 1] == '/';)
		len--;
	if (len < n || memcmp(path + len - n, namespace, n) != 0 ||
	    (len > n && path[len - n - 1] != '/'))
		return xasprintf("%.*s/..", (int)len, path);
	if (len == n)
		return xstrdup(".");
	return xstrndup(path, len - n - 1 > 0 ? len - n - 1 : 1);
}

/* The record of a segment that is there: a set of one passes through. */
static enum rc
pass_through(struct merging *g, const struct merge_info *info)
{
	struct rec rec = {
	    .text = info->last_path,
	    .is_path = true,
	    .name = info->name,
	    .pages = info->frames,
	    .bytes = info->bytes,
	};

	return rec_write(&g->cli.out, &rec);
}

/* A dry run reads all the same, and counts. */
static enum rc
count_frame(void *arg, uint32_t page_no, const uint8_t *frame)
{
	struct seg_header *h = arg;

	(void)page_no;
	(void)frame;
	h->frames++;
	return RC_OK;
}

static enum rc
count_settle(void *arg)
{
	(void)arg;
	return RC_OK;
}

static enum rc
write_or_count(struct merging *g, const struct merge_info *info,
    const char *dir, struct seg_header *h)
{
	const struct merge_sink count = {count_frame, count_settle, h};

	if (!g->cli.dry_run)
		return merge_to_segment(g->merge, dir, h);
	h->page_size = info->page_size;
	return merge_run(g->merge, &count);
}

static enum rc
merge_set(struct merging *g, const struct merge_info *info)
{
	char *dir = g->cli.dir ? xstrdup(g->cli.dir)
			       : dir_of_namespace(
				     info->last_path, info->name.namespace);
	char *path = name_path(dir, &info->name, PART_SEGMENT);
	struct rec rec = {.text = path, .is_path = true, .name = info->name};
	struct seg_header h = {0};
	enum rc rc;

	msg_info("%s: from %zu segment%s", path, info->segments,
	    number_s(info->segments));
	progress_begin(&g->progress, "B", info->bytes);
	merge_on_progress(g->merge, progress_moved, &g->progress);
	rc = write_or_count(g, info, dir, &h);
	progress_end(&g->progress);
	rec.pages = h.frames;
	rec.bytes = seg_size(&h);
	if (rc == RC_OK)
		rc = rec_write(&g->cli.out, &rec);
	free(path);
	free(dir);
	return rc;
}

static enum rc
on_end(void *ctx)
{
	struct merging *g = ctx;
	struct merge_info info = {0};
	enum rc rc = RC_OK;

	if (g->records > 0)
		rc = merge_check(g->merge, false, &info);
	if (rc == RC_OK && g->records > 0)
		rc = info.segments == 1 ? pass_through(g, &info)
					: merge_set(g, &info);
	next_set(g);
	return rc;
}

int
main(int argc, char **argv)
{
	static const struct cli_sets sets = {
	    .form = REC_PATHS,
	    .not_done = "not merged",
	    .record = on_record,
	    .end = on_end,
	    .fail = next_set,
	};
	struct merging g = {0};

	cli_init(&g.cli, argv, synopsis, "deJnM", own);
	g.cli.dir = NULL; /* beside the files */
	while (cli_getopt(&g.cli, argc, argv) != -1)
		;
	next_set(&g);
	cli_each_set(&g.cli, argv + optind, &sets, &g);
	merge_free(g.merge);
	return cli_exit(&g.cli);
}
