/* sets: see sets.h. */

#include <unistd.h>

#include "cli/sets.h"

static bool
has_no_store(const struct cli *cli)
{
	return cli->no_store || (cli->opened && cli->is_missing(cli->opened));
}

/* What was begun is told to have failed; nothing else. */
static void
end_no_store(struct cli *cli)
{
	cli->rc = rc_max(cli->rc, RC_USAGE);
	if (cli->out.begun)
		rec_end(&cli->out, true);
}

/* All events of one set; how it ended. */
static enum rec_event
one_set(struct cli *cli, struct rec_reader *r, const struct cli_sets *sets,
    void *ctx, enum rc *rc)
{
	enum rec_event event;
	struct rec rec;

	*rc = RC_OK;
	while ((event = rec_next(r, &rec)) == REC_RECORD || event == REC_BAD) {
		*rc = rc_max(
		    *rc, event == REC_BAD ? RC_DATA : sets->record(ctx, &rec));
		if (cli->out.rc || has_no_store(cli))
			break;
	}
	if (event == REC_FAILED)
		*rc = rc_max(*rc, RC_DATA);
	return event;
}

/* The set has ended (not the stream: one_set): do what it asks for. */
static enum rc
finish_set(const struct cli_sets *sets, void *ctx, enum rc rc)
{
	if (rc == RC_OK)
		return sets->end(ctx);
	if (sets->fail)
		sets->fail(ctx);
	return rc;
}

static void
each_set(struct cli *cli, struct rec_reader *r, const struct cli_sets *sets,
    void *ctx)
{
	enum rec_event event;
	struct rec rec;
	enum rc rc;

	for (;;) {
		event = one_set(cli, r, sets, ctx, &rc);
		if (event == REC_EOF)
			return;
		if ((event != REC_END && event != REC_FAILED) ||
		    has_no_store(cli)) {
			/* Cut short, or there is no point in going on. */
			if (sets->fail)
				sets->fail(ctx);
			if (has_no_store(cli)) {
				end_no_store(cli);
				return;
			}
			cli->rc = rc_max(cli->rc, rc ? rc : RC_DATA);
			return;
		}
		if (sets->one_set && rc == RC_OK &&
		    (event = rec_next(r, &rec)) != REC_EOF)
			rc = event == REC_CUT
				 ? RC_DATA
				 : msg_fail(RC_DATA,
				       "standard input: more than one set");
		rc = finish_set(sets, ctx, rc);
		cli->rc = rc_max(cli->rc, rc);
		if (has_no_store(cli)) {
			end_no_store(cli);
			return;
		}
		if (!sets->silent && (rc || !sets->own_ends))
			rec_end(&cli->out, rc != RC_OK);
		cli->rc = rc_max(cli->rc, cli->out.rc);
		if (cli->out.rc || sets->one_set)
			return;
	}
}

static enum rc
check_operands(char *const *operands, enum rec_form form)
{
	struct rec rec;
	enum rc rc = RC_OK;

	for (; *operands; operands++)
		if (!rec_parse_text(&rec, *operands, form))
			rc = msg_fail(RC_USAGE,
			    form == REC_NAMES
				? "%s: not a name NAMESPACE/KEY"
				: "%s: not a path NAMESPACE/KEY.seg",
			    *operands);
	return rc;
}

void
cli_each_set(struct cli *cli, char *const *operands,
    const struct cli_sets *sets, void *ctx)
{
	struct rec_reader *r;

	if (*operands) {
		enum rc rc = check_operands(operands, sets->form);

		cli->rc = rc_max(cli->rc, rc);
		if (rc)
			return;
		r = rec_reader_operands(operands, sets->form);
	} else {
		r = rec_reader_new(STDIN_FILENO, sets->form, cli->eof_ends_set);
		rec_reader_idle(r, sets->idle, ctx);
	}
	each_set(cli, r, sets, ctx);
	rec_reader_free(r);
}
