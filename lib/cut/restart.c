/* restart: see restart.h. */

#include <string.h>

#include "base/bytes.h"
#include "cut/restart.h"

/* Commits that were counted: so many are not lost just in that number. */
enum { MANY = 32 };

static bool
known(const uint8_t boot[BOOT_ID])
{
	static const uint8_t none[BOOT_ID];

	return memcmp(boot, none, BOOT_ID) != 0;
}

/* The generation after that of *then, by its first salt. */
static bool
next_generation(const struct wal_place *then, const struct wal_place *now)
{
	return be32(now->salt) == be32(then->salt) + 1;
}

enum rc
restart_tail(struct livedb *db, const struct livedb_state *then,
    struct sort *frames, struct livelog_end *tail)
{
	struct livelog_index index;

	if (then->commits == 0 || !known(then->boot) ||
	    livedb_state(db)->log.size < then->log.size ||
	    !livelog_indexed(livedb_log(db), &index) ||
	    !next_generation(&then->wal, &index.place))
		return RC_ABSENT;
	return livelog_tail(livedb_log(db), &then->wal, frames, tail);
}

bool
restart_names_all(struct livedb *db, const struct livedb_state *then,
    const struct livelog_end *tail, const struct livelog_end *now)
{
	return next_generation(&then->wal, &now->index.place) &&
	       now->index.commits - then->commits == tail->read + now->read &&
	       (!tail->at_end || then->commits >= MANY ||
		   livelog_shows_end(livedb_log(db), tail->last));
}
