/* rounds: see rounds.h. */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/number.h"
#include "base/signals.h"
#include "base/time.h"
#include "cut/offers.h"
#include "cut/outlet.h"
#include "cut/rounds.h"
#include "cut/watch.h"

enum {
	FAR_APART = 10,       /* times as long as a whole read takes */
	LONGEST = 60000,      /* ms: between two tries of what fails */
	OPEN_LONGEST = 10000, /* ms: between two looks at an open log */
	LAST_ANSWER = 10000 /* ms: the last round waits so long for the store */
};

/* What is to be told of a database besides its cuts. */
enum say { SAY_NOTHING, SAY_FAILED, SAY_GOOD };

struct db {
	uint64_t not_before, retry_at; /* moments, all monotonic */
	uint64_t retry_wait, open_wait;
	uint64_t busy_since; /* 0: it is not */
	bool waits;          /* for the store's answer */
	uint64_t raised;     /* of its last cut, as was said */
	/* Its failure, and why.  RC_OK: it is well. */
	enum rc rc;
	uint64_t why;
	enum say say;
};

struct rounds {
	const struct rounds_opts *o;
	struct targets *targets;
	struct db *db;      /* one for each */
	bool *dirty, *full; /* may have changed; needs a full cut */
	struct watch *watch;
	struct offers offers;
	struct outlet out;
	size_t next; /* whose turn it is to be told of */
	struct buf said;
	int signals;
	bool stop, reread;     /* what they have asked for */
	bool ending, answered; /* the last round; the store had its time */
};

static uint64_t
min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void
hold(void *arg, const char *line, size_t len)
{
	buf_add(arg, line, len);
}

static void
begin_hold(struct rounds *r)
{
	buf_clear(&r->said);
	msg_divert(hold, &r->said);
}

/* Ends the holding: the reason that was said. */
static uint64_t
end_hold(struct rounds *r)
{
	msg_divert(NULL, NULL);
	return offers_reason(r->said.data, r->said.len);
}

static void
say_held(struct rounds *r)
{
	if (r->said.len)
		msg_say(r->said.data, r->said.len);
}

/* ---- a cut ---- */

static enum rc
emit_nothing(void *arg, const struct rec *rec)
{
	(void)arg;
	(void)rec;
	return RC_OK;
}

/*
 * A commit is there for others when it is in the wal-index, which is shared
 * memory: no event and no stamp tells of that, and what was told, that its
 * frames were written, may be as long ago as they took to be durable.  So a log
 * that goes on is looked at until it does not; less and less often, since what
 * was rolled back stays in it.
 */
static void
mind_open(struct rounds *r, size_t i, bool goes_on)
{
	struct db *db = &r->db[i];

	r->dirty[i] = goes_on;
	db->open_wait = !goes_on        ? 0
			: db->open_wait ? min64(2 * db->open_wait, OPEN_LONGEST)
					: r->o->interval;
	if (goes_on)
		db->retry_at = time_monotonic() + db->open_wait;
}

static void
went_well(struct rounds *r, size_t i, const struct cut_result *res)
{
	struct db *db = &r->db[i];
	uint64_t pause = res->read_ms * FAR_APART;

	say_held(r);
	if (db->rc)
		db->say = SAY_GOOD;
	db->rc = RC_OK;
	db->retry_at = db->retry_wait = db->busy_since = 0;
	r->full[i] = false;
	if (res->made)
		db->raised = res->raised;
	mind_open(r, i, res->goes_on);
	offers_cut(&r->offers, i, res);
	if (res->last.end)
		r->o->newest(r->o->arg, r->targets->t[i].namespace, &res->last);
	if (res->whole && pause > r->o->interval) {
		db->not_before = time_monotonic() + pause;
		msg_info("%s: all of it was read, in %llu ms: next in %llu ms",
		    r->targets->t[i].path, (unsigned long long)res->read_ms,
		    (unsigned long long)pause);
	}
}

static void
went_wrong(struct rounds *r, struct db *db, enum rc rc, uint64_t why)
{
	if (!db->rc || db->why != why) {
		say_held(r);
		db->say = SAY_FAILED;
	}
	db->rc = rc;
	db->why = why;
	db->retry_wait = db->retry_wait ? min64(2 * db->retry_wait, LONGEST)
					: r->o->interval;
	db->retry_at = time_monotonic() + db->retry_wait;
}

/* Somebody has it locked: that is waited for as ever, but not here. */
static bool
is_waited_for(struct rounds *r, struct db *db, const struct cut_result *res)
{
	uint64_t now = time_monotonic();

	if (!res->busy || r->ending) {
		db->busy_since = 0;
		return false;
	}
	if (!db->busy_since)
		db->busy_since = now;
	return now - db->busy_since < r->o->cut.busy_ms;
}

/*
 * A work directory without a memory, for the first time or since it was lost:
 * the store is asked where to go on; until it has answered there is nothing to
 * try.
 */
static bool
waits_for_store(struct rounds *r, size_t i, const struct cut_result *res)
{
	return res->unnumbered && offers_want(&r->offers, i) && !r->answered;
}

static void
cut_one(struct rounds *r, size_t i)
{
	const struct target *t = &r->targets->t[i];
	struct db *db = &r->db[i];
	struct cut_opts o = r->o->cut;
	struct cut_result res;
	uint64_t why;
	enum rc rc;

	o.namespace = t->namespace;
	o.path = t->path;
	o.full = r->full[i];
	o.stored = offers_stored(&r->offers, i);
	o.stored_unsure = offers_is_unsure(&r->offers, i);
	o.before = offers_last(&r->offers, i);
	o.raised = db->raised;
	o.emit = emit_nothing;
	if (!r->ending)
		o.busy_ms = (unsigned)min64(o.busy_ms, r->o->interval);
	begin_hold(r);
	rc = cut_run(&o, &res);
	why = end_hold(r);
	if (rc == RC_OK)
		went_well(r, i, &res);
	else if (!is_waited_for(r, db, &res) && !waits_for_store(r, i, &res))
		went_wrong(r, db, rc, why);
	db->waits = res.unnumbered;
	if (db->waits)
		db->retry_at = db->retry_wait = 0;
}

/* ---- what is told ---- */

/* Make the set of a database, if there is one. */
static bool
make_set(struct rounds *r, size_t i)
{
	struct db *db = &r->db[i];
	bool news = offers_news(&r->offers, i);
	bool failed = !news && db->say == SAY_FAILED, any = failed;

	if (news)
		any = offers_add(&r->offers, i, &r->out.set) > 0;
	if (db->say == SAY_GOOD)
		any = true;
	if (!any)
		return false;
	buf_adds(&r->out.set, rec_end_line(r->o->json, failed));
	if (failed || db->say == SAY_GOOD)
		db->say = SAY_NOTHING;
	r->out.begun = true;
	return true;
}

/* As much as the reader takes; wait: all. */
static void
tell(struct rounds *r, bool wait)
{
	size_t quiet = 0;

	outlet_push(&r->out, wait);
	while (r->out.rc == RC_OK && outlet_is_idle(&r->out) &&
	       quiet < r->targets->n) {
		r->next = (r->next + 1) % r->targets->n;
		quiet++;
		if (make_set(r, r->next)) {
			quiet = 0;
			outlet_push(&r->out, wait);
		}
	}
}

/* ---- rounds ---- */

static enum rc
status(const struct rounds *r)
{
	enum rc rc = r->out.rc;

	for (size_t i = 0; i < r->targets->n; i++)
		rc = rc_max(rc, r->db[i].rc);
	return rc;
}

static void
take_signals(struct rounds *r)
{
	struct signalfd_siginfo sig;

	while (read(r->signals, &sig, sizeof(sig)) == (ssize_t)sizeof(sig)) {
		if (sig.ssi_signo == SIGHUP && r->o->list)
			r->reread = true;
		else
			r->stop = true;
	}
}

static bool
is_due(const struct rounds *r, size_t i, bool changed)
{
	struct db *db = &r->db[i];
	uint64_t now;

	if (changed) {
		r->dirty[i] = true;
		db->retry_at = db->open_wait = 0;
	}
	if (!r->dirty[i] || r->ending)
		return r->dirty[i];
	if (offers_wants(&r->offers, i))
		return false;
	now = time_monotonic();
	return now >= db->not_before && now >= db->retry_at;
}

/* It is cut, and told, whatever else there is to do. */
static void
cut_and_tell(struct rounds *r, size_t i)
{
	cut_one(r, i);
	tell(r, false);
	take_signals(r);
}

static void
round_once(struct rounds *r)
{
	bool *changed = xcalloc(r->targets->n, sizeof(*changed));

	watch_look(r->watch, r->o->interval, changed);
	for (size_t i = 0; i < r->targets->n && r->out.rc == RC_OK; i++) {
		if (is_due(r, i, changed[i]) && !r->stop)
			cut_and_tell(r, i);
	}
	free(changed);
	offers_mind_store(&r->offers, r->dirty, r->full);
	tell(r, false);
	r->o->round(r->o->arg, status(r));
}

/* Those that waited for the store, if it has answered, or had its time: they
 * are as late as it was, and not a round later.  When the last one is there, it
 * is as if the round ended then. */
static void
cut_waiting(struct rounds *r)
{
	bool any = false, more = false;

	for (size_t i = 0; i < r->targets->n && r->out.rc == RC_OK; i++) {
		if (!r->db[i].waits)
			continue;
		if (r->stop || (offers_wants(&r->offers, i) && !r->answered)) {
			more = true;
			continue;
		}
		any = true;
		cut_and_tell(r, i);
	}
	if (any && !more)
		r->o->round(r->o->arg, status(r));
}

/* What the stream does not get for want of the store's answer is no success. */
static void
mind_untold(struct rounds *r)
{
	for (size_t i = 0; i < r->targets->n; i++) {
		if (r->db[i].rc || !offers_untold(&r->offers, i))
			continue;
		r->db[i].say = SAY_FAILED;
		r->db[i].rc = msg_fail(RC_SYSTEM,
		    "%s: what is in %s is not printed: the store has not told"
		    " what it lacks",
		    r->targets->t[i].namespace, r->o->cut.dir);
	}
}

static void
last_round(struct rounds *r)
{
	r->ending = true;
	r->stop = false;
	offers_want_all(&r->offers);
	round_once(r);
	/* Offers need the store's first answer. */
	offers_wait(&r->offers, LAST_ANSWER, r->dirty, r->full);
	r->answered = true;
	cut_waiting(r);
	tell(r, true);
	mind_untold(r);
	tell(r, true);
	if (r->out.rc == RC_OK && !r->out.begun) {
		buf_adds(&r->out.set, rec_end_line(r->o->json, false));
		outlet_push(&r->out, true);
	}
}

/* ---- the databases ---- */

static void
begin_all(struct rounds *r)
{
	size_t n = r->targets->n;

	r->offers = (struct offers){.targets = r->targets,
	    .dir = r->o->cut.dir,
	    .store = r->o->store,
	    .cluster = r->o->cut.cluster,
	    .store_opts = r->o->store_opts,
	    .interval = r->o->interval,
	    .json = r->o->json,
	    .wrote = r->o->wrote,
	    .pending = r->o->pending,
	    .arg = r->o->arg};
	offers_begin(&r->offers);
	r->watch = watch_new();
	r->db = xcalloc(n, sizeof(*r->db));
	r->dirty = xcalloc(n, sizeof(*r->dirty));
	r->full = xcalloc(n, sizeof(*r->full));
	for (size_t i = 0; i < n; i++)
		watch_add(r->watch, r->targets->t[i].path);
}

static void
end_all(struct rounds *r)
{
	offers_release(&r->offers);
	watch_free(r->watch);
	free(r->db);
	free(r->dirty);
	free(r->full);
}

/* Those that stay keep what is known of them. */
static void
replace_targets(struct rounds *r, struct targets *new)
{
	struct rounds old = *r;
	struct targets was = *r->targets;
	size_t *from = targets_match(new, &was);

	ask_stop(&old.offers.ask);
	*r->targets = *new;
	begin_all(r);
	for (size_t i = 0; i < new->n; i++) {
		if (from[i] == SIZE_MAX)
			continue;
		r->db[i] = old.db[from[i]];
		r->full[i] = old.full[from[i]];
		offers_keep(&r->offers, i, &old.offers, from[i]);
	}
	end_all(&old);
	free(from);
	targets_release(&was);
}

static void
read_list_again(struct rounds *r)
{
	struct targets new = {0};

	if (strcmp(r->o->list, "-") == 0) {
		msg_warn("standard input cannot be read again");
	} else if (targets_of_list_again(&new, r->o->list) != RC_OK) {
		targets_release(&new);
		msg_warn("%s: the databases stay as they were", r->o->list);
	} else {
		replace_targets(r, &new);
		msg_info(
		    "%s: %zu database%s", r->o->list, new.n, number_s(new.n));
	}
}

/* ---- the loop ---- */

/* Until the next round, or an end is asked for: true. */
static bool
wait_until(struct rounds *r, uint64_t next)
{
	const struct ask *ask = &r->offers.ask;
	struct pollfd fd[3];
	uint64_t now;

	do {
		now = time_monotonic();
		fd[0] = (struct pollfd){.fd = r->signals, .events = POLLIN};
		fd[1] = (struct pollfd){.fd = STDOUT_FILENO,
		    .events = outlet_is_idle(&r->out) ? 0 : POLLOUT};
		fd[2] = (struct pollfd){
		    .fd = ask->running ? ask->fd : -1, .events = POLLIN};
		(void)poll(
		    fd, 3, next > now ? (int)min64(next - now, LONGEST) : 0);
		take_signals(r);
		if (r->reread && !r->stop)
			read_list_again(r);
		r->reread = false;
		offers_mind_store(&r->offers, r->dirty, r->full);
		cut_waiting(r);
		tell(r, false);
	} while (!r->stop && r->out.rc == RC_OK && time_monotonic() < next);
	return r->stop;
}

/* What is to be taken.  (While it is blocked even a signal that is ignored comes,
 * and one that nohup ignores must not end this.) */
static void
signals_of(const struct rounds_opts *o, sigset_t *set)
{
	struct sigaction hup;

	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	if (o->list || sigaction(SIGHUP, NULL, &hup) != 0 ||
	    hup.sa_handler != SIG_IGN)
		sigaddset(set, SIGHUP);
}

enum rc
rounds_run(const struct rounds_opts *o, struct targets *targets)
{
	struct rounds r = {.o = o, .targets = targets};
	uint64_t next = time_monotonic(), now;
	sigset_t set, old;
	enum rc rc;

	signals_block(&old);
	signals_of(o, &set);
	(void)signal(SIGPIPE, SIG_IGN);
	r.signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	begin_all(&r);
	do {
		round_once(&r);
		now = time_monotonic();
		next = next + o->interval > now ? next + o->interval : now;
	} while (r.out.rc == RC_OK && !wait_until(&r, next));
	/* A second signal ends it at once. */
	signals_heard();
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (r.out.rc == RC_OK)
		last_round(&r);
	rc = status(&r);
	end_all(&r);
	close(r.signals);
	outlet_release(&r.out);
	buf_release(&r.said);
	return rc;
}
