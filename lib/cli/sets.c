/* sets: see sets.h. */

#include <string.h>
#include <unistd.h>

#include "cli/metrics.h"
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

struct loop {
	struct cli *cli;
	struct rec_reader *reader;
	const struct cli_sets *sets;
	void *ctx;
	/* Of the set that is read: what record() and idle() met, and how it
	 * ended. */
	enum rc rc;
};

static void
meet(struct loop *l, enum rc rc)
{
	l->rc = rc_max(l->rc, rc);
}

static void
idle(void *arg, int fd)
{
	struct loop *l = arg;

	if (l->sets->idle)
		meet(l, l->sets->idle(l->ctx, fd));
	metrics_idle(l->cli->metrics, fd);
}

static enum rc
say_failed_before(const struct loop *l)
{
	const char *what = l->sets->not_done;

	if (l->sets->object)
		return msg_fail(RC_DATA, "%s: %s: the set had failed before",
		    l->sets->object, what);
	return msg_fail(RC_DATA,
	    "standard input, line %llu: %s: the set had failed before",
	    (unsigned long long)rec_reader_failed_at(l->reader), what);
}

/* What the end of a set, or of the stream, adds to its status. */
static enum rc
status_of_end(const struct loop *l, enum rec_event event)
{
	switch (event) {
	case REC_FAILED:
		return say_failed_before(l);
	case REC_BAD:
	case REC_CUT:
		return RC_DATA;
	case REC_BROKEN:
		return RC_SYSTEM;
	default:
		return RC_OK;
	}
}

/* All events of one set; how it ended.  REC_RECORD: there is no point in
 * reading on. */
static enum rec_event
read_set(struct loop *l)
{
	enum rec_event event;
	struct rec rec;

	l->rc = RC_OK;
	for (;;) {
		event = rec_next(l->reader, &rec);
		if (event == REC_RECORD)
			meet(l, l->sets->record(l->ctx, &rec));
		else if (event == REC_BAD)
			meet(l, RC_DATA);
		else
			break;
		if (has_no_store(l->cli))
			meet(l, RC_USAGE);
		else if (l->cli->out.rc)
			meet(l, l->cli->out.rc);
		else
			continue;
		return REC_RECORD;
	}
	meet(l, status_of_end(l, event));
	return event;
}

/* After the one set that there may be. */
static enum rc
nothing_more(const struct loop *l)
{
	struct rec rec;
	enum rec_event event = rec_next(l->reader, &rec);

	if (event == REC_RECORD || event == REC_END || event == REC_FAILED)
		return msg_fail(RC_DATA, "standard input: more than one set");
	return status_of_end(l, event);
}

/* Do what the set asks for, or forget it. */
static void
finish_set(struct loop *l)
{
	if (l->rc == RC_OK && l->sets->one_set)
		meet(l, nothing_more(l));
	if (l->rc == RC_OK)
		meet(l, l->sets->end(l->ctx));
	else if (l->sets->fail)
		l->sets->fail(l->ctx);
	l->cli->rc = rc_max(l->cli->rc, l->rc);
}

/* How the set ended, in the output. */
static void
put_end(const struct loop *l)
{
	struct cli *cli = l->cli;
	bool failed = l->rc != RC_OK;

	if (l->sets->put_end)
		cli->rc = rc_max(cli->rc, l->sets->put_end(l->ctx, failed));
	else if (!l->sets->silent && (failed || !l->sets->own_ends))
		rec_end(&cli->out, failed);
	cli->rc = rc_max(cli->rc, cli->out.rc);
}

static bool
each_set(struct loop *l)
{
	struct cli *cli = l->cli;
	const struct cli_sets *sets = l->sets;
	enum rec_event event;

	while ((event = read_set(l)) != REC_EOF) {
		finish_set(l);
		if (has_no_store(cli)) {
			end_no_store(cli);
			return false;
		}
		if (event == REC_RECORD || event == REC_CUT)
			return false;
		put_end(l);
		metrics_set(cli->metrics, l->rc);
		if (event == REC_BROKEN || cli->out.rc)
			return false;
		if (sets->one_set)
			break;
	}
	return true;
}

static const char *
what_is_none(enum rec_form form)
{
	switch (form) {
	case REC_PATHS:
		return "not a path NAMESPACE/KEY.seg";
	case REC_EITHER:
		return "neither a name NAMESPACE/KEY nor a path "
		       "NAMESPACE/KEY.seg";
	default:
		return "not a name NAMESPACE/KEY";
	}
}

static enum rc
check_operands(char *const *operands, enum rec_form form)
{
	struct rec rec;
	enum rc rc = RC_OK;

	for (; *operands; operands++)
		if (!rec_parse_text(&rec, *operands, form))
			rc = msg_fail(
			    RC_USAGE, "%s: %s", *operands, what_is_none(form));
	return rc;
}

bool
cli_each_set(struct cli *cli, char *const *operands,
    const struct cli_sets *sets, void *ctx)
{
	struct loop l = {.cli = cli, .sets = sets, .ctx = ctx};
	bool whole;

	if (*operands) {
		enum rc rc = check_operands(operands, sets->form);

		cli->rc = rc_max(cli->rc, rc);
		if (rc)
			return false;
		l.reader = rec_reader_operands(operands, sets->form);
	} else {
		l.reader =
		    rec_reader_new(STDIN_FILENO, sets->form, cli->eof_ends_set);
		if (sets->idle || cli->metrics)
			rec_reader_idle(l.reader, idle, &l);
	}
	whole = each_set(&l);
	rec_reader_free(l.reader);
	return whole;
}

enum rc
sole_namespace_take(struct sole_namespace *s, const struct rec *rec)
{
	const char *other = rec->name.namespace;

	if (s->text[0] == 0)
		strcpy(s->text, other);
	if (strcmp(s->text, other) == 0)
		return RC_OK;
	if (!s->mixed)
		(void)msg_fail(RC_DATA, "two namespaces in one set: %s and %s",
		    s->text, other);
	s->mixed = true;
	return RC_DATA;
}
