/* lock: see lock.h. */

#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "peers/claim.h"
#include "peers/lock.h"

static enum rc
say_locked(const char *namespace, const struct claim *theirs)
{
	char *who = claim_who(theirs);
	enum rc rc = msg_fail(
	    RC_SYSTEM, "%s: segments are being removed by %s", namespace, who);

	free(who);
	return rc;
}

static bool
is_ours(const struct claim *c)
{
	struct process self;

	process_self(&self);
	return process_same(&c->by, &self);
}

/* *ours, or *theirs is set. */
static enum rc
try_once(struct store *store, const char *object, const struct claim *mine,
    bool force, bool *ours, struct claim *theirs)
{
	bool existed = false;
	enum rc rc = claim_make(store, object, mine, !force, &existed, theirs);

	/* What is there may be what an unanswered attempt made. */
	*ours = rc == RC_OK && (!existed || is_ours(theirs));
	return rc;
}

enum rc
lock_release(struct store *store, const char *cluster, const char *namespace)
{
	char *object = claim_object(cluster, namespace, CLAIM_REMOVAL);
	struct claim now;
	enum rc rc = claim_read(store, object, &now);

	if (rc == RC_OK && is_ours(&now))
		rc = claim_remove(store, object);
	free(object);
	return rc == RC_ABSENT ? RC_OK : rc;
}

/* The one before us may have been killed before its removals were durable. */
static enum rc
settle(struct store *store, const char *cluster, const char *namespace)
{
	static const struct key any = {1, 1, 1};
	struct name name;
	enum rc rc = RC_OK;

	name_set(&name, namespace, &any);
	for (int part = PART_SEGMENT; part <= PART_INDEX && !rc; part++) {
		char *object = name_object(cluster, &name, (enum part)part);

		rc = store_settle(store, object);
		free(object);
	}
	return rc;
}

enum rc
lock_take(struct store *store, const char *cluster, const char *namespace,
    unsigned busy_ms, bool force, bool *sure)
{
	char *object = claim_object(cluster, namespace, CLAIM_REMOVAL);
	struct claim mine = {.removal = true, .time = time_now()}, theirs;
	struct patience patience;
	bool ours = false, dead;
	enum rc rc;

	process_self(&mine.by);
	patience_begin(&patience, busy_ms);
	do {
		rc = try_once(store, object, &mine, force, &ours, &theirs);
		dead = rc == RC_OK && !ours && process_is_dead(&theirs.by);
	} while (rc == RC_OK && !ours && !dead && patience_wait(&patience));
	*sure = ours && store_is_exclusive(store);
	if (force ? !ours && (rc == RC_OK || rc == RC_DATA) : dead)
		rc = claim_write(store, object, &mine, NULL);
	else if (rc == RC_OK && !ours)
		rc = say_locked(namespace, &theirs);
	free(object);
	if (rc)
		return rc;
	rc = settle(store, cluster, namespace);
	if (rc)
		(void)lock_release(store, cluster, namespace);
	return rc;
}

enum rc
lock_wait(struct store *store, const char *cluster, const char *namespace,
    unsigned busy_ms, bool *was)
{
	char *object = claim_object(cluster, namespace, CLAIM_REMOVAL);
	struct claim theirs;
	struct patience patience;
	enum rc rc;

	*was = false;
	patience_begin(&patience, busy_ms);
	for (;;) {
		rc = claim_read(store, object, &theirs);
		if (rc || process_is_dead(&theirs.by))
			break;
		*was = true;
		if (!patience_wait(&patience)) {
			rc = say_locked(namespace, &theirs);
			break;
		}
	}
	free(object);
	return rc == RC_ABSENT ? RC_OK : rc;
}
