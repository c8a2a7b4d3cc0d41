/* seg-unpack: the files in a tar stream, into the work directory. */

#include <unistd.h>

#include "base/directory.h"
#include "cli/cli.h"
#include "cli/progress.h"
#include "pack/unpack.h"

static const char synopsis[] =
    "usage: seg-unpack [-Jqv] [-d DIR] [--metrics FILE]\n";

struct command {
	struct cli cli;
	struct progress progress;
};

static enum rc
print_record(void *arg, const struct rec *rec)
{
	struct command *c = arg;

	return rec_write(&c->cli.out, rec);
}

static enum rc
print_end(void *arg, bool failed)
{
	struct command *c = arg;

	return rec_end(&c->cli.out, failed);
}

static enum rc
flush(void *arg)
{
	struct command *c = arg;

	return rec_flush(&c->cli.out);
}

static void
moved(void *arg, uint64_t bytes)
{
	struct command *c = arg;

	progress_add(&c->progress, bytes);
}

int
main(int argc, char **argv)
{
	struct command c = {0};
	struct unpack_opts o = {
	    .fd = STDIN_FILENO,
	    .record = print_record,
	    .end = print_end,
	    .idle = flush,
	    .moved = moved,
	    .arg = &c,
	};

	cli_init(&c.cli, argv, synopsis, "dJM", NULL);
	while (cli_getopt(&c.cli, argc, argv) != -1)
		;
	if (argv[optind])
		cli_usage(&c.cli, "%s: the stream comes on standard input",
		    argv[optind]);
	o.dir = c.cli.dir;
	c.cli.rc = dir_make(o.dir);
	if (c.cli.rc == RC_OK) {
		progress_begin(&c.progress, "B", 0);
		c.cli.rc = unpack_run(&o);
		progress_end(&c.progress);
	}
	return cli_exit(&c.cli);
}
