/* judge: see judge.h. */

#include <string.h>

#include "cut/judge.h"

/* ns: FAT's stamps are as coarse as 2 s, and no file system's coarser. */
#define COARSE 2000000000U

enum { COMPARE_CUTS = 1000, COMPARE_MS = 24 * 3600 * 1000 };

static uint64_t
max64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Whether the store's newest ends where a cut in DIR does, as far as there are
 * any: not within one, and not with another TIME. */
static bool
fits(const struct keyset *local, const struct key *stored)
{
	size_t i = keyset_find_end(local, stored->end);

	for (; stored->end > 0 && i < local->n; i++) {
		const struct key *k = &local->key[i];

		if (k->end == stored->end
			? k->time != stored->time
			: k->start > 1 && k->start <= stored->end)
			return false;
	}
	return true;
}

bool
judge_continues(const struct cut_known *k, uint64_t *ahead)
{
	*ahead = max64(k->stored.end, keyset_newest(k->local));
	return *ahead <= k->last->end && fits(k->local, &k->stored) &&
	       (k->stored.end != k->last->end ||
		   k->stored.time == k->last->time);
}

uint64_t
judge_full_first(const struct cut_known *k)
{
	uint64_t known = max64(k->stored.end, keyset_newest(k->local));

	known = max64(known, max64(k->doubtful, k->before.end));
	return (k->last ? max64(known, k->last->end) : known) + 1;
}

uint64_t
judge_time(const struct cut_known *k, uint64_t now)
{
	uint64_t time = max64(now, max64(k->stored.time, k->before.time));

	if (k->last)
		time = max64(time, k->last->time);
	for (size_t i = 0; i < k->local->n; i++)
		time = max64(time, k->local->key[i].time);
	return time;
}

bool
judge_stamps_tell(const struct livedb_state *s)
{
	uint64_t newest = max64(s->db.mtime, s->db.ctime);

	return newest < s->seen && s->seen - newest > COARSE;
}

static bool
same_file(const struct livedb_stamp *a, const struct livedb_stamp *b)
{
	return a->dev == b->dev && a->ino == b->ino;
}

bool
judge_same_log(const struct livedb_state *then, const struct livedb_state *now)
{
	return same_file(&then->db, &now->db) &&
	       same_file(&then->log, &now->log) &&
	       memcmp(then->boot, now->boot, BOOT_ID) == 0;
}

bool
judge_untouched(const struct livedb_state *then, const struct livedb_state *now)
{
	return then->wal.frame == 0 && now->wal.frame == 0 &&
	       judge_stamps_tell(then) &&
	       memcmp(&then->db, &now->db, sizeof(then->db)) == 0 &&
	       memcmp(then->counters, now->counters, LIVEDB_COUNTERS) == 0;
}

bool
judge_comparison_due(uint64_t compared, uint32_t cuts, uint64_t now)
{
	/* Nor is a clock believed that was set back. */
	return cuts >= COMPARE_CUTS || now < compared ||
	       now - compared >= COMPARE_MS;
}
