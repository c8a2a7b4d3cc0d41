/* seg-pack: the files of sets, as one tar stream on stdout. */

#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/output.h"
#include "cli/cli.h"
#include "cli/metrics.h"
#include "cli/progress.h"
#include "cli/sets.h"
#include "pack/pack.h"
#include "plan/nameset.h"

static const char synopsis[] =
    "usage: seg-pack [-eqv] [--metrics FILE] [FILE ...]\n";

struct packing {
	struct cli cli;
	struct pack *pack;
	struct nameset seen; /* in this set */
	struct progress progress;
};

/* A stdout that has failed ends the loop. */
static enum rc
output_gone(struct packing *g, enum rc rc)
{
	if (output_check() != RC_OK)
		g->cli.out.rc = RC_SYSTEM;
	return rc;
}

static enum rc
pack_record(void *ctx, const struct rec *rec)
{
	struct packing *g = ctx;
	struct seg_header h;
	enum rc rc;

	if (!nameset_add(&g->seen, &rec->name))
		return RC_OK;
	msg_info("%s", rec->text);
	rc = pack_add(g->pack, rec->text, &rec->name, &h);
	if (rc == RC_OK)
		metrics_segments(
		    g->cli.metrics, &rec->name, 1, h.frames, seg_size(&h));
	return output_gone(g, rc);
}

static enum rc
nothing_more(void *ctx)
{
	(void)ctx;
	return RC_OK;
}

static enum rc
end_set(void *ctx, bool failed)
{
	struct packing *g = ctx;

	nameset_release(&g->seen);
	return output_gone(g, pack_end_set(g->pack, failed));
}

static enum rc
flush_idle(void *ctx, int fd)
{
	struct packing *g = ctx;

	return fd_readable(fd) ? RC_OK : output_gone(g, pack_flush(g->pack));
}

int
main(int argc, char **argv)
{
	static const struct cli_sets sets = {
	    .form = REC_PATHS,
	    .not_done = "not packed",
	    .record = pack_record,
	    .end = nothing_more,
	    .put_end = end_set,
	    .idle = flush_idle,
	};
	struct packing g = {0};

	cli_init(&g.cli, argv, synopsis, "eM", NULL);
	while (cli_getopt(&g.cli, argc, argv) != -1)
		;
	if (isatty(STDOUT_FILENO))
		cli_usage(&g.cli, "a tar stream is nothing for a terminal");
	progress_begin(&g.progress, "B", 0);
	g.pack = pack_new(progress_moved, &g.progress);
	if (cli_each_set(&g.cli, argv + optind, &sets, &g))
		g.cli.rc = rc_max(g.cli.rc, pack_finish(g.pack));
	progress_end(&g.progress);
	pack_free(g.pack);
	nameset_release(&g.seen);
	return cli_exit(&g.cli);
}
