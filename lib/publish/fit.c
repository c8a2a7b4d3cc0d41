/*
 * fit: see fit.h.
 *
 * Most often what comes are cuts that lead on from the store's newest END.  Then
 * the claim of that END comes first, and one listing of one key tells whether
 * it is the newest.  Where it is not, or what comes are not cuts, the namespace
 * is listed and each is judged by that, until the END that the first one
 * continues is claimed and is still the newest.
 */

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/time.h"
#include "fetch/content.h"
#include "format/sum.h"
#include "peers/writer.h"
#include "plan/listing.h"
#include "publish/fit.h"
#include "publish/object.h"

enum { TRIES = 20 };

struct contest
fit_contest(const struct fitting *f, const char *namespace)
{
	return (struct contest){.store = f->store,
	    .cluster = f->cluster,
	    .namespace = namespace,
	    .busy_ms = f->busy_ms,
	    .force = f->force};
}

void
fit_mine(const struct candidate *c, struct claim *mine)
{
	char *path = candidate_path(c, PART_SEGMENT);
	struct stat st;

	*mine = (struct claim){.key = c->key, .time = time_now()};
	if (stat(path, &st) == 0)
		mine->secrecy = secrecy_of(-1, path, &st);
	process_self(&mine->by);
	writer_of(path, mine->writer);
	free(path);
}

/* ---- what has gone ---- */

/* Another run has moved the files: then the segment is there. */
static void
look_for_gone(const struct fitting *f, struct candidate *c)
{
	char *index = candidate_object(c, f->cluster, PART_INDEX);
	char *path = candidate_path(c, PART_SEGMENT);

	c->rc = object_look(f->store, index);
	if (c->rc == RC_OK)
		msg_info("%s: has gone; the segment is in the store", path);
	else if (c->rc == RC_ABSENT)
		c->rc = msg_fail(RC_DATA, "%s: no such file", path);
	c->fit = RULES_THERE;
	free(path);
	free(index);
}

/* ---- the claim of the newest END ---- */

static enum rc
newest_end(const struct fitting *f, const char *namespace, uint64_t *end)
{
	struct key key = {0};
	enum rc rc = listing_newest(f->store, f->cluster, namespace, &key);

	*end = rc == RC_OK ? key.end : 0;
	return rc == RC_ABSENT ? RC_OK : rc;
}

/* What a dry run does instead of claim_newest(). */
static enum rc
see_newest(const struct fitting *f, struct candidate *c)
{
	uint64_t newest;
	enum rc rc = newest_end(f, c->space->namespace, &newest);

	c->claimed = rc == RC_OK && newest == c->base;
	return rc;
}

/*
 * Claim c->base and see that it is the newest END: c->claimed.  Others are
 * waited for only where they claim what is the newest END.
 */
static enum rc
claim_newest(const struct fitting *f, struct candidate *c)
{
	struct contest contest = fit_contest(f, c->space->namespace);
	enum contest_state state = CONTEST_MOVED;
	struct claim mine;
	uint64_t newest;
	enum rc rc;

	c->claimed = false;
	fit_mine(c, &mine);
	rc = contest_claim(&contest, c->base, &mine, f->force, &state);
	if (rc == RC_OK && f->force) {
		c->claimed = c->held = true;
		return RC_OK;
	}
	for (bool waited = false; rc == RC_OK && state != CONTEST_MOVED;
	     waited = true) {
		rc = newest_end(f, c->space->namespace, &newest);
		if (rc || newest != c->base)
			break;
		c->claimed = state != CONTEST_THEIRS;
		if (c->claimed || waited)
			break;
		rc = contest_claim(&contest, c->base, &mine, true, &state);
	}
	c->held = rc == RC_OK && c->claimed;
	if (state == CONTEST_MADE && !c->claimed)
		contest_give_up(&contest, c->base, &mine);
	return rc;
}

static enum rc
say_refused(const struct fitting *f, const struct candidate *c, uint64_t base,
    const char *why)
{
	struct contest contest = fit_contest(f, c->space->namespace);
	char *text = candidate_text(c);
	char *who = contest_who(&contest, base, &c->key);

	msg_fail(RC_DATA, "%s: refused: %s%s%s", text, why,
	    who ? "; it was claimed for " : "", who ? who : "");
	free(who);
	free(text);
	return RC_DATA;
}

enum rc
fit_claim(const struct fitting *f, struct candidate *c)
{
	enum rc rc = claim_newest(f, c);
	char *index;

	if (rc || c->claimed)
		return rc;
	/* By itself, which another run has published meanwhile? */
	index = candidate_object(c, f->cluster, PART_INDEX);
	rc = object_look(f->store, index);
	if (rc == RC_OK)
		c->fit = RULES_THERE;
	else if (rc == RC_ABSENT)
		rc = say_refused(f, c, c->base,
		    "the END that it continues has been continued since");
	free(index);
	return rc;
}

/* ---- cuts that lead on ---- */

/* Each continues the one before; their bases are set. */
static bool
are_a_run(struct space *s)
{
	uint64_t end = 0;

	for (size_t i = 0; i < s->n; i++) {
		struct candidate *c = &s->c[i];

		if (c->rc || c->gone || !rules_is_cut(&c->key, c->pages))
			return false;
		c->base = rules_base(&c->key, c->pages);
		if (i > 0 && c->base != end)
			return false;
		end = c->key.end;
	}
	return s->n > 0;
}

static void
all_extend(struct space *s)
{
	for (size_t i = 0; i < s->n; i++)
		s->c[i].fit = RULES_EXTENDS;
}

/* ---- by a listing ---- */

static enum rc
take_bytes(void *arg, const void *data, size_t len)
{
	buf_add(arg, data, len);
	return RC_OK;
}

/* The header of a segment in the store. */
static enum rc
stored_header(const struct fitting *f, const char *namespace,
    const struct key *key, struct seg_header *header)
{
	struct content_object object = {0};
	struct name name;
	struct buf buf = {0};
	struct content c = {
	    .store = f->store,
	    .cluster = f->cluster,
	    .name = &name,
	    .object = &object,
	    .length = SEG_HEADER_MAX,
	    .sink = take_bytes,
	    .arg = &buf,
	};
	char *text;
	enum rc rc;

	name_set(&name, namespace, key);
	rc = content_do(&c);
	text = content_name(f->cluster, &name, object.form);
	if (rc == RC_ABSENT)
		rc = msg_fail(RC_DATA, "%s: not in the store", text);
	if (rc == RC_OK)
		rc = seg_header_parse(
		    header, text, buf.data, buf.len, c.size, key);
	content_object_release(&object);
	buf_release(&buf);
	free(text);
	return rc;
}

/* Does a merge say of the state after END what the segment there says? */
static enum rc
compare_sums(const struct fitting *f, const struct candidate *c,
    const struct key *same, const char **why)
{
	struct seg_header there;
	enum rc rc;

	if (!c->sum)
		return RC_OK;
	rc = stored_header(f, c->space->namespace, same, &there);
	if (rc == RC_OK && candidate_sum(there.id) != c->sum &&
	    candidate_sum(there.id))
		*why = "its database checksum is not that of the segment with "
		       "the same END";
	return rc;
}

/* One of them; what fits is known from then on. */
static void
judge_one(const struct fitting *f, struct candidate *c, struct keyset *known)
{
	const char *why;
	size_t same = 0;

	if (c->rc || c->gone)
		return;
	c->base = keyset_newest(known);
	c->fit = (uint8_t)rules_fit(known, &c->key, c->pages, &same, &why);
	if (c->fit == RULES_MERGES)
		c->rc = compare_sums(f, c, &known->key[same], &why);
	if (c->rc == RC_OK && why)
		c->rc = say_refused(f, c, rules_base(&c->key, c->pages), why);
	if (c->rc == RC_OK)
		keyset_add(known, &c->key);
	else
		c->space->failed = true;
}

/* Nothing later than one that fails. */
static void
judge_or_skip(
    const struct fitting *f, struct candidate *c, struct keyset *known)
{
	char *text;

	if (c->rc) {
		c->space->failed = true;
	} else if (c->space->failed) {
		text = candidate_text(c);
		c->rc = msg_fail(RC_DATA,
		    "%s: not published, since one before it failed", text);
		free(text);
	} else {
		judge_one(f, c, known);
	}
}

/* Of those with the same END the narrowest first, since the wider may be a
 * merge of it. */
static void
judge_all(const struct fitting *f, struct space *s, struct keyset *known)
{
	size_t end;

	for (size_t from = 0; from < s->n; from = end) {
		for (end = from + 1;
		     end < s->n && s->c[end].key.end == s->c[from].key.end;)
			end++;
		for (size_t i = end; i-- > from;)
			judge_or_skip(f, &s->c[i], known);
	}
}

/* The first that would extend the history known, or NULL: nothing is reported.
 */
static struct candidate *
first_that_extends(struct space *s, const struct keyset *known)
{
	uint64_t newest = keyset_newest(known);

	for (size_t i = 0; i < s->n; i++) {
		struct candidate *c = &s->c[i];
		const char *why;
		size_t same;

		if (c->rc)
			break;
		if (c->gone || c->key.end <= newest)
			continue;
		if (rules_fit(known, &c->key, c->pages, &same, &why) ==
		    RULES_EXTENDS) {
			c->base = newest;
			return c;
		}
		break;
	}
	return NULL;
}

static void
fail_all(struct space *s, enum rc rc)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->c[i].rc == RC_OK)
			candidate_fail(&s->c[i], rc);
}

/* List until the END that the first one continues is claimed and the newest. */
static void
fit_by_listing(const struct fitting *f, struct space *s)
{
	struct keyset known = {0};
	struct candidate *first = NULL;
	enum rc rc = RC_OK;

	for (int i = 0; i < TRIES && rc == RC_OK; i++) {
		keyset_release(&known);
		rc = listing_keys(&known, f->store, f->cluster, s->namespace);
		if (rc)
			break;
		first = first_that_extends(s, &known);
		if (!first || f->dry_run)
			break;
		rc = claim_newest(f, first);
		if (rc == RC_OK && first->claimed)
			break;
	}
	if (rc == RC_OK && first && !first->claimed && !f->dry_run)
		rc = msg_fail(RC_SYSTEM,
		    "%s: others publish faster than it can be listed",
		    s->namespace);
	if (rc)
		fail_all(s, rc);
	else
		judge_all(f, s, &known);
	keyset_release(&known);
}

/* ---- forced ---- */

static void
fit_forced(const struct fitting *f, struct space *s)
{
	uint64_t newest = 0;
	enum rc rc = f->dry_run ? RC_OK : newest_end(f, s->namespace, &newest);

	if (rc)
		fail_all(s, rc);
	for (size_t i = 0; i < s->n; i++) {
		struct candidate *c = &s->c[i];

		c->base = rules_base(&c->key, c->pages);
		if (!c->gone)
			c->fit =
			    c->key.end > newest ? RULES_EXTENDS : RULES_MERGES;
	}
}

void
fit_space(const struct fitting *f, struct space *s)
{
	enum rc rc;

	for (size_t i = 0; i < s->n; i++)
		if (s->c[i].gone)
			look_for_gone(f, &s->c[i]);
	if (f->force) {
		fit_forced(f, s);
		return;
	}
	if (are_a_run(s)) {
		rc = f->dry_run ? see_newest(f, &s->c[0])
				: claim_newest(f, &s->c[0]);
		if (rc)
			fail_all(s, rc);
		else if (s->c[0].claimed)
			all_extend(s);
		if (rc || s->c[0].claimed)
			return;
	}
	fit_by_listing(f, s);
}
