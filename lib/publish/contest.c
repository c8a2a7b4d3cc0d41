/* contest: see contest.h. */

#include <stdlib.h>
#include <string.h>

#include "plan/listing.h"
#include "plan/rules.h"
#include "publish/contest.h"
#include "publish/object.h"

static char *
object_of(const struct contest *c, uint64_t end)
{
	char name[CLAIM_NAME_MAX];

	return claim_object(c->cluster, c->namespace, claim_name(end, name));
}

static char *
index_of(const struct contest *c, const struct key *key)
{
	struct name name;

	name_set(&name, c->namespace, key);
	return name_object(c->cluster, &name, PART_INDEX);
}

static bool
names(const struct claim *c, const struct key *key)
{
	return !c->removal && key_cmp(&c->key, key) == 0;
}

/* With force a run may publish several that continue one END: of these claims
 * the last one stays. */
static bool
is_ours(
    const struct contest *c, const struct claim *mine, const struct claim *is)
{
	return names(is, &mine->key) ||
	       (c->force && process_same(&is->by, &mine->by));
}

/* ---- claiming ---- */

/* What becomes of a claim that is there. */
static enum rc
weigh(const struct contest *c, const struct claim *mine,
    const struct claim *theirs, enum contest_state *state, bool *take)
{
	bool dead = process_is_dead(&theirs->by);
	char *index;
	enum rc rc;

	*state = CONTEST_OURS;
	if (names(theirs, &mine->key) && !theirs->given_up)
		return RC_OK;
	index = index_of(c, &theirs->key);
	rc = object_look(c->store, index);
	free(index);
	if (c->force)
		*take = dead || rc == RC_OK;
	else
		*take = rc == RC_ABSENT &&
			(theirs->given_up ||
			    (dead && *mine->writer &&
				strcmp(mine->writer, theirs->writer) == 0));
	if (!*take)
		*state = rc == RC_OK ? CONTEST_MOVED : CONTEST_THEIRS;
	return rc == RC_ABSENT ? RC_OK : rc;
}

/* *theirs is set where the state is not CONTEST_OURS. */
static enum rc
claim_once(const struct contest *c, const char *object,
    const struct claim *mine, bool wait, struct claim *theirs,
    enum contest_state *state)
{
	bool existed = false, take;
	enum rc rc = claim_make(
	    c->store, object, mine, wait && !c->force, &existed, theirs);

	*state = existed ? CONTEST_OURS : CONTEST_MADE;
	if (!existed)
		return rc;
	/* None, which matters if END is the newest. */
	if (rc == RC_DATA && !wait) {
		*state = CONTEST_THEIRS;
		return RC_OK;
	}
	take = rc == RC_DATA && c->force;
	if (rc == RC_OK)
		rc = weigh(c, mine, theirs, state, &take);
	return take ? claim_write(c->store, object, mine, NULL) : rc;
}

static enum rc
say_held(const struct contest *c, uint64_t end, const struct claim *theirs)
{
	char key[KEY_LEN + 1], *who = claim_who(theirs);
	enum rc rc = msg_fail(RC_SYSTEM,
	    "%s: END %llu was claimed for %s by %s, but that segment is not "
	    "there; -F takes over",
	    c->namespace, (unsigned long long)end, key_text(&theirs->key, key),
	    who);

	free(who);
	return rc;
}

enum rc
contest_claim(const struct contest *c, uint64_t end, const struct claim *mine,
    bool wait, enum contest_state *state)
{
	char *object = object_of(c, end);
	struct claim theirs;
	struct patience patience;
	enum rc rc;

	patience_begin(&patience, c->busy_ms);
	do
		rc = claim_once(c, object, mine, wait, &theirs, state);
	while (rc == RC_OK && *state == CONTEST_THEIRS && wait &&
	       patience_wait(&patience));
	if (rc == RC_OK && *state == CONTEST_THEIRS && wait) {
		if (c->force)
			rc = claim_write(c->store, object, mine, NULL);
		else
			rc = say_held(c, end, &theirs);
		*state = CONTEST_OURS;
	}
	free(object);
	return rc;
}

/* Why it is given up was said: that this fails for the same reason is nothing
 * new.  What is wrong with others that are on their way is not to go unsaid. */
void
contest_give_up(const struct contest *c, uint64_t end, const struct claim *mine)
{
	char *object = object_of(c, end);
	struct claim now;

	store_wait(c->store, 0, -1);
	msg_mute(true);
	if (claim_look(c->store, object, &now) == RC_OK &&
	    process_same(&now.by, &mine->by) && !now.given_up) {
		now.given_up = true;
		now.secrecy = mine->secrecy;
		(void)claim_write(c->store, object, &now, NULL);
	}
	msg_mute(false);
	free(object);
}

char *
contest_who(const struct contest *c, uint64_t end, const struct key *ours)
{
	char *object = object_of(c, end), *by, *who = NULL, key[KEY_LEN + 1];
	struct claim theirs;

	if (claim_look(c->store, object, &theirs) == RC_OK &&
	    !theirs.given_up && !names(&theirs, ours)) {
		by = claim_who(&theirs);
		who = xasprintf("%s of %s", key_text(&theirs.key, key), by);
		free(by);
	}
	free(object);
	return who;
}

/* ---- looking back ---- */

/* Does the history of the other lead on without ours? */
static bool
may_take_back(
    const struct keyset *known, const struct key *ours, const struct key *other)
{
	struct keyset rest = {0};
	bool may;

	for (size_t i = 0; i < known->n; i++)
		if (key_cmp(&known->key[i], ours) != 0)
			keyset_add(&rest, &known->key[i]);
	may = keyset_chain(&rest, 1, other->end) ||
	      !keyset_chain(known, 1, other->end);
	keyset_release(&rest);
	return may;
}

/* Say that another continues END, after ours was taken back where that may be. */
static enum rc
yield(const struct contest *c, uint64_t end, const struct claim *mine,
    const struct key *other, bool take_back)
{
	const struct key *ours = &mine->key;
	struct store_xfer x = {.verb = STORE_DELETE};
	char key[KEY_LEN + 1], there[KEY_LEN + 1], *index = index_of(c, ours);
	char *who = contest_who(c, end, ours);
	bool gone = false;

	x.object = index;
	if (take_back) {
		enum rc rc = store_do(c->store, &x);

		gone = rc == RC_OK || rc == RC_ABSENT;
	}
	if (gone)
		contest_give_up(c, end, mine);
	msg_fail(RC_DATA, "%s/%s: refused: END %llu is continued by %s%s%s; %s",
	    c->namespace, key_text(ours, key), (unsigned long long)end,
	    key_text(other, there), who ? ": claimed for " : "", who ? who : "",
	    gone ? "its index was taken back"
		 : "its index is there, so that the history is forked");
	free(who);
	free(index);
	return RC_DATA;
}

/* *forked: and ours has yielded: RC_DATA. */
static enum rc
look_back(const struct contest *c, uint64_t end, const struct claim *mine,
    bool created)
{
	const struct key *ours = &mine->key;
	struct keyset known = {0};
	struct key other;
	enum rc rc = listing_keys(&known, c->store, c->cluster, c->namespace);

	if (rc == RC_OK && rules_forked(&known, ours, end, &other))
		rc = yield(c, end, mine, &other,
		    created && may_take_back(&known, ours, &other));
	keyset_release(&known);
	return rc;
}

/*
 * Is the claim ours, or does another continue END?  Else it is made ours, and
 * whoever held it finds our index from then on, unless its own was there before
 * the second look.
 */
enum rc
contest_settle(const struct contest *c, uint64_t end, const struct claim *mine,
    bool created, enum rc seen, const struct claim *theirs)
{
	char *object = object_of(c, end);
	struct claim now = *theirs;
	struct patience patience;
	enum rc rc = RC_OK;

	patience_begin(&patience, c->busy_ms);
	while (seen == RC_OK && !is_ours(c, mine, &now)) {
		rc = look_back(c, end, mine, created);
		if (rc || !patience_wait(&patience))
			break;
		seen = claim_look(c->store, object, &now);
	}
	if (seen == RC_SYSTEM || seen == RC_USAGE)
		rc = seen;
	if (rc == RC_OK && (seen != RC_OK || !is_ours(c, mine, &now))) {
		msg_info("%s: the claim of END %llu is not ours any more",
		    c->namespace, (unsigned long long)end);
		rc = claim_write(c->store, object, mine, NULL);
		if (rc == RC_OK)
			rc = look_back(c, end, mine, created);
	}
	free(object);
	return rc;
}
