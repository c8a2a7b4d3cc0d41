/* offers: see offers.h. */

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/time.h"
#include "cut/backlog.h"
#include "cut/offers.h"
#include "plan/keyset.h"

enum {
	ASK_LEAST = 200, /* ms: an offer is given so long, or ten rounds, ... */
	ASK_MOST = 2000, /* ... but no longer, to get into the store */
	ASK_EVERY = 60000, /* ms: as far apart do questions grow, ... */
	ASK_AWAY = 10000   /* ... and those to a store that is away */
};

struct offered {
	bool cut;         /* once, at least */
	struct key last;  /* the last cut; all zero: none */
	uint64_t offered; /* the stream has had what goes up to there */
	/* With a store. */
	bool known;  /* an answer has come, */
	bool fresh;  /* since the last good cut, too */
	bool wanted; /* a cut needs one */
	struct key stored;
	bool asking, away;         /* the last question had no answer, */
	uint64_t why;              /* the reason of which was this; or 0 */
	uint64_t ask_at, ask_wait; /* monotonic; 0: not to be asked */
	uint64_t asked_for;        /* what was offered when that was set */
	uint64_t gap_at; /* stored.end + 1, when DIR did not lead on from it */
	/* DIR does not lead on from what was offered: another seg-cut has
	 * offered, and its reader published, what was between.  The store is to
	 * say from where to go on. */
	bool lost;
};

void
offers_begin(struct offers *o)
{
	o->d = xcalloc(o->targets->n, sizeof(*o->d));
	for (size_t i = 0; i < o->targets->n && o->store; i++)
		o->d[i].ask_at = 1;
}

void
offers_release(struct offers *o)
{
	ask_stop(&o->ask);
	free(o->d);
	o->d = NULL;
}

void
offers_keep(struct offers *o, size_t i, const struct offers *old, size_t k)
{
	o->d[i] = old->d[k];
	if (o->d[i].asking)
		o->d[i].ask_at = 1;
	o->d[i].asking = false;
}

const struct key *
offers_stored(const struct offers *o, size_t i)
{
	return o->d[i].known ? &o->d[i].stored : NULL;
}

bool
offers_is_unsure(const struct offers *o, size_t i)
{
	return o->store && !o->d[i].fresh;
}

const struct key *
offers_last(const struct offers *o, size_t i)
{
	return o->d[i].last.end ? &o->d[i].last : NULL;
}

bool
offers_want(struct offers *o, size_t i)
{
	struct offered *d = &o->d[i];

	d->wanted = true;
	if (!d->asking && !d->away)
		d->ask_at = 1;
	return !d->away;
}

bool
offers_wants(const struct offers *o, size_t i)
{
	return o->d[i].wanted;
}

/* Has it had a cut that the stream gets when the store has answered? */
static bool
waits_to_be_told(const struct offers *o, const struct offered *d)
{
	return o->store && d->last.end > d->offered && (!d->known || d->lost);
}

void
offers_want_all(struct offers *o)
{
	for (size_t i = 0; i < o->targets->n; i++)
		if (!o->d[i].asking && waits_to_be_told(o, &o->d[i]))
			o->d[i].ask_at = 1;
}

static char *
work_dir(const struct offers *o, size_t i)
{
	return xasprintf("%s/%s", o->dir, o->targets->t[i].namespace);
}

/* What lies in DIR; none, which was reported, if that is not to be known. */
static void
scan(const struct offers *o, size_t i, struct keyset *local)
{
	char *dir = work_dir(o, i);

	if (backlog_scan(local, dir) != RC_OK)
		keyset_release(local);
	free(dir);
}

/* ---- what the stream gets ---- */

void
offers_cut(struct offers *o, size_t i, const struct cut_result *res)
{
	struct offered *d = &o->d[i];

	d->last = res->last;
	/* Without a store the stream has what is new from the first cut on. */
	if (!d->cut && !o->store)
		d->offered = res->last.end - res->made;
	d->cut = true;
	d->fresh = false;
}

bool
offers_news(const struct offers *o, size_t i)
{
	const struct offered *d = &o->d[i];

	return d->last.end > d->offered && !d->lost && (!o->store || d->known);
}

bool
offers_untold(const struct offers *o, size_t i)
{
	struct keyset local = {0};
	bool any;

	if (!waits_to_be_told(o, &o->d[i]))
		return false;
	scan(o, i, &local);
	any = local.n > 0;
	keyset_release(&local);
	return any;
}

/* The places in local of what leads on from what the stream has had;
 * malloced. */
static size_t *
to_offer(
    const struct offers *o, size_t i, const struct keyset *local, size_t *n)
{
	const struct offered *d = &o->d[i];
	size_t *order, first;

	if (o->store)
		return backlog_chain(o->dir, o->targets->t[i].namespace, local,
		    d->offered, n, NULL);
	first = keyset_find_end(local, d->offered + 1);
	*n = local->n - first;
	order = xcalloc(*n + 1, sizeof(*order));
	for (size_t k = 0; k < *n; k++)
		order[k] = first + k;
	return order;
}

/* Whether what is in DIR goes on elsewhere. */
static bool
is_lost(const struct offers *o, const struct offered *d,
    const struct keyset *local, const size_t *order, size_t n)
{
	uint64_t end = n > 0 ? local->key[order[n - 1]].end : 0;

	return o->store && local->n > 0 && end < d->last.end;
}

struct adding {
	struct offers *o;
	struct buf *set;
	size_t n;
};

static enum rc
add_record(void *arg, const struct rec *rec)
{
	struct adding *a = arg;
	enum rc rc = rec_format(a->set, rec, a->o->json);

	if (rc == RC_OK) {
		a->n++;
		a->o->wrote(a->o->arg, rec);
	}
	return rc;
}

/* What was offered is asked for when it has had its time. */
static void
ask_for_offered(const struct offers *o, struct offered *d)
{
	uint64_t rounds = o->interval * 10;

	if (!d->ask_wait)
		d->ask_wait = rounds < ASK_LEAST  ? ASK_LEAST
			      : rounds < ASK_MOST ? rounds
						  : ASK_MOST;
	d->ask_at = time_monotonic() + d->ask_wait;
	d->asked_for = d->offered;
}

size_t
offers_add(struct offers *o, size_t i, struct buf *set)
{
	struct offered *d = &o->d[i];
	const char *namespace = o->targets->t[i].namespace;
	struct adding a = {.o = o, .set = set};
	struct keyset local = {0};
	struct name name;
	size_t *order, n;

	scan(o, i, &local);
	order = to_offer(o, i, &local, &n);
	d->lost = is_lost(o, d, &local, order, n);
	if (d->lost) {
		if (!d->asking && (!d->ask_at || !d->gap_at))
			d->ask_at = 1;
		goto out;
	}
	/* What has gone in this moment is in the store: nothing to be said. */
	msg_mute(true);
	for (size_t k = 0; k < n; k++) {
		name_set(&name, namespace, &local.key[order[k]]);
		(void)backlog_tell(o->dir, &name, add_record, &a);
	}
	msg_mute(false);
	if (o->store)
		o->pending(o->arg, namespace, n);
	d->offered = d->last.end;
	if (o->store && !d->ask_at && !d->asking)
		ask_for_offered(o, d);
out:
	free(order);
	keyset_release(&local);
	return a.n;
}

/* ---- what the store has ---- */

static void
ask_later(struct offered *d)
{
	unsigned most = d->away ? ASK_AWAY : ASK_EVERY;

	d->ask_wait = d->ask_wait ? 2 * d->ask_wait : ASK_MOST;
	if (d->ask_wait > most)
		d->ask_wait = most;
	d->ask_at = time_monotonic() + d->ask_wait;
	d->asked_for = d->offered;
}

/* Whether anything that was offered before still lies in DIR: if not, the
 * reader has moved it into the store.  *more: what was offered since does. */
static bool
still_there(const struct offers *o, size_t i, bool *more)
{
	struct keyset local = {0};
	bool there;

	scan(o, i, &local);
	there = local.n > 0 && local.key[0].end <= o->d[i].asked_for;
	*more = local.n > 0 && local.key[0].end <= o->d[i].offered;
	if (!there)
		o->pending(o->arg, o->targets->t[i].namespace, local.n);
	keyset_release(&local);
	return there;
}

/* Is it time to ask for it? */
static bool
is_due(const struct offers *o, size_t i, uint64_t now)
{
	struct offered *d = &o->d[i];
	bool more;

	if (!d->ask_at || now < d->ask_at)
		return false;
	d->ask_at = 0;
	if (!d->known || d->wanted || d->lost || d->gap_at ||
	    still_there(o, i, &more))
		return true;
	d->ask_wait = 0;
	if (more)
		ask_for_offered(o, d);
	return false;
}

static void
ask_what_is_due(struct offers *o)
{
	uint64_t now = time_monotonic();
	size_t *which = xcalloc(o->targets->n, sizeof(*which)), n = 0;
	const char **names = xcalloc(o->targets->n, sizeof(*names));

	for (size_t i = 0; i < o->targets->n; i++) {
		if (!is_due(o, i, now))
			continue;
		o->d[i].asking = true;
		which[n] = i;
		names[n++] = o->targets->t[i].namespace;
	}
	if (n > 0 && !ask_begin(&o->ask, o->store, o->store_opts, o->cluster, n,
			 which, names))
		for (size_t k = 0; k < n; k++) {
			o->d[which[k]].asking = false;
			ask_later(&o->d[which[k]]);
		}
	free(which);
	free(names);
}

/*
 * The store lacks the last cut: it is offered again if DIR leads there from
 * what the store has.  If it does not, twice (between two looks more may have
 * been published), a full cut must make up for it.
 */
static bool
needs_full_cut(struct offers *o, size_t i)
{
	struct offered *d = &o->d[i];
	uint64_t base = d->stored.end;
	struct keyset local = {0};
	size_t *order, n;
	bool full = false;

	scan(o, i, &local);
	order = backlog_chain(
	    o->dir, o->targets->t[i].namespace, &local, base, &n, NULL);
	o->pending(o->arg, o->targets->t[i].namespace, n);
	if (n > 0 && local.key[order[n - 1]].end >= d->last.end) {
		d->offered = base;
		/* When it is offered, its time begins. */
		d->ask_wait = d->ask_wait ? 2 * d->ask_wait : ASK_LEAST;
		if (d->ask_wait > ASK_EVERY)
			d->ask_wait = ASK_EVERY;
	} else {
		full = d->gap_at == base + 1;
		d->gap_at = base + 1;
		ask_later(d);
	}
	free(order);
	keyset_release(&local);
	return full;
}

uint64_t
offers_reason(const char *lines, size_t len)
{
	struct buf reason = {0};
	uint64_t hash;

	for (size_t i = 0; i < len; i++)
		if (lines[i] < '0' || lines[i] > '9')
			buf_addc(&reason, lines[i]);
	hash = XXH3_64bits(reason.len ? reason.data : "", reason.len);
	buf_release(&reason);
	return hash;
}

/* Of all databases, and of each, what was said last is not said again.  (Of a
 * store that is missing the first one tells alone.) */
static void
say_failure(struct offers *o, struct offered *d, const char *why)
{
	size_t len = strlen(why);
	uint64_t reason = offers_reason(why, len);

	if (len == 0)
		return;
	if (reason != d->why && reason != o->store_why)
		msg_say(why, len);
	d->why = o->store_why = reason;
}

static void
take_answer(
    struct offers *o, const struct ask_answer *a, bool *dirty, bool *full)
{
	struct offered *d = &o->d[a->which];

	d->asking = false;
	*dirty = *dirty || d->wanted;
	d->wanted = false;
	if (a->rc != RC_OK && a->rc != RC_ABSENT) {
		say_failure(o, d, a->why);
		d->away = true;
		ask_later(d);
		return;
	}
	o->store_why = d->why = 0;
	/* What it has missed is offered at once. */
	if (d->away)
		d->ask_wait = 0;
	d->away = false;
	d->stored = a->rc == RC_OK ? a->key : (struct key){0};
	if (!d->known || (d->lost && d->stored.end > d->offered))
		d->offered = d->stored.end;
	d->known = d->fresh = true;
	d->lost = false;
	if (!d->cut) {
		ask_later(d);
		d->gap_at = 0;
	} else if (d->stored.end < d->last.end) {
		if (needs_full_cut(o, a->which))
			*full = true;
		/* Another writer's, perhaps: a cut judges. */
		*dirty = *dirty || d->gap_at;
	} else {
		d->ask_wait = d->gap_at = 0;
		o->pending(o->arg, o->targets->t[a->which].namespace, 0);
		if (d->stored.end > d->last.end ||
		    d->stored.time != d->last.time)
			*dirty = true;
	}
}

static void
hear(struct offers *o, bool *dirty, bool *full)
{
	struct ask_answer a;

	while (ask_next(&o->ask, &a))
		if (a.which < o->targets->n)
			take_answer(o, &a, &dirty[a.which], &full[a.which]);
	if (o->ask.running)
		return;
	/* It ended before it had answered all. */
	for (size_t i = 0; i < o->targets->n; i++) {
		if (o->d[i].asking)
			ask_later(&o->d[i]);
		o->d[i].asking = false;
	}
}

void
offers_mind_store(struct offers *o, bool *dirty, bool *full)
{
	if (!o->store)
		return;
	hear(o, dirty, full);
	if (!o->ask.running)
		ask_what_is_due(o);
}

void
offers_wait(struct offers *o, unsigned ms, bool *dirty, bool *full)
{
	uint64_t until = time_monotonic() + ms, now;
	struct pollfd fd;

	while (o->store && (now = time_monotonic()) < until) {
		if (!o->ask.running)
			ask_what_is_due(o);
		if (!o->ask.running)
			break;
		fd = (struct pollfd){.fd = o->ask.fd, .events = POLLIN};
		(void)poll(&fd, 1, (int)(until - now));
		hear(o, dirty, full);
	}
}
