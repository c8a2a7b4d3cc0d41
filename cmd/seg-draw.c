/* seg-draw: one set of segments as a picture. */

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/output.h"
#include "base/time.h"
#include "cli/cli.h"
#include "cli/sets.h"
#include "plan/draw.h"
#include "plan/plan.h"

static const char synopsis[] = "usage: seg-draw [-eqv] [--text] [NAME ...]\n";

enum { TEXT = CLI_OWN, COLUMNS = 80 };

static const struct cli_option own[] = {
    {TEXT, "text", NULL, "for a terminal, not as SVG"},
    {0},
};

/* What seg-plan -x promises unless it is told otherwise. */
static const uint64_t promised_age = 24 * 3600000;

struct drawing {
	struct cli cli;
	bool text;
	struct sole_namespace sole;
	struct plan plan;
};

static enum rc
take_record(void *ctx, const struct rec *rec)
{
	struct drawing *d = ctx;
	enum rc rc = sole_namespace_take(&d->sole, rec);

	if (rc)
		return rc;
	if (d->plan.n == UINT32_MAX - 1)
		return msg_fail(RC_DATA, "%s: too many segments", d->sole.text);
	plan_add(&d->plan, &rec->name.key, rec->bytes, rec->pages);
	return RC_OK;
}

/* What becomes of each; malloced.  Where the newest state cannot be restored
 * nothing would be removed. */
static enum draw_role *
roles_of(struct plan *p)
{
	enum draw_role *role = xcalloc(p->n, sizeof(*role));
	bool *promised = xcalloc(p->n, sizeof(*promised));
	bool *keep = xcalloc(p->n, sizeof(*keep)), kept;
	struct plan_path path = {0};
	uint64_t now = time_now(), end;
	uint32_t last = plan_newest(p, &end);

	if (last != PLAN_NONE)
		plan_path_to(p, last, &path);
	plan_promise_since(
	    p, now > promised_age ? now - promised_age : 0, promised);
	kept = plan_keep(p, promised, keep) == RC_OK;
	for (size_t i = 0; i < p->n; i++)
		role[i] = kept && !keep[i] ? DRAW_OBSOLETE : DRAW_KEPT;
	for (size_t i = 0; i < path.n; i++)
		role[path.i[i]] = DRAW_PLAN;
	plan_path_release(&path);
	free(promised);
	free(keep);
	return role;
}

static unsigned
columns(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		return COLUMNS;
	return size.ws_col < COLUMNS ? size.ws_col : COLUMNS;
}

static bool
wants_colour(void)
{
	const char *no = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && (!no || !*no);
}

static enum rc
draw_set(void *ctx)
{
	struct drawing *d = ctx;
	struct draw draw = {.plan = &d->plan, .namespace = d->sole.text};
	enum draw_role *role;

	if (d->plan.n == 0)
		return msg_fail(
		    RC_DATA, "a set without segments: nothing to draw");
	plan_solve(&d->plan);
	role = roles_of(&d->plan);
	draw.role = role;
	if (d->text)
		draw_text(&draw, columns(), wants_colour());
	else
		draw_svg(&draw);
	free(role);
	return output_check();
}

int
main(int argc, char **argv)
{
	static const struct cli_sets sets = {
	    .form = REC_NAMES,
	    .not_done = "not drawn",
	    .record = take_record,
	    .end = draw_set,
	    .one_set = true,
	    .silent = true,
	};
	struct drawing d = {0};

	cli_init(&d.cli, argv, synopsis, "e", own);
	while (cli_getopt(&d.cli, argc, argv) != -1)
		d.text = true;
	cli_each_set(&d.cli, argv + optind, &sets, &d);
	plan_release(&d.plan);
	return cli_exit(&d.cli);
}
