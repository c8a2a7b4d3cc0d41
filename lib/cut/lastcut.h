/*
 * lastcut: what seg-cut remembers of the last cut, DIR/NAMESPACE/cut.memory.
 *
 * Blocks of 4096 bytes, each with a checksum: block 0 says what was cut, block
 * k has the XXH3-128 of the pages (k-1)*255+1 .. k*255.  It is changed in place
 * so that the cost follows the change: first the new blocks are made durable
 * in cut.next beside it, which says to which segment it belongs; then the
 * segment is published; then the blocks are put in place and cut.next removed.
 * The memory is locked while it is open.
 *
 * It knows its namespace, dir's last part: one that was moved there from
 * elsewhere is none.
 *
 * One of an earlier release lacks what was added since (livedb_state.boot and
 * commits, compared, cuts): all pages are then read once more.
 */
#ifndef SEGTOOLS_LASTCUT_H
#define SEGTOOLS_LASTCUT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/msg.h"
#include "base/secrecy.h"
#include "cut/livedb.h"
#include "format/key.h"
#include "format/segment.h"
#include "format/sum.h"

struct lastcut_facts {
	struct key last;        /* the last cut */
	struct seg_sum sum;     /* of all pages of the database */
	struct livedb_state db; /* as it was then */
	uint64_t stored_end;    /* END known to be in the store, or 0 */
	uint64_t store[2];      /* which store that was: a hash */
	uint64_t compared;      /* when all pages were last read, ms */
	uint32_t cuts;          /* so many cuts ago */
};

/* What a memory's first LASTCUT_HEAD bytes say; false if they are none of one.
 */
enum { LASTCUT_HEAD = 4096 };
bool lastcut_parse(const uint8_t head[LASTCUT_HEAD], struct lastcut_facts *);

struct lastcut;
/* dir is DIR/NAMESPACE and is there.  Waits for the lock, then RC_SYSTEM, and
 * *busy, if not NULL, is set. */
enum rc lastcut_open(struct lastcut **, const char *dir, unsigned wait_ms,
    const struct secrecy *, bool *busy);
/* The same to look at it alone: nothing is made, changed or removed, a memory
 * that is not there has no facts.  lastcut_settle() and lastcut_next() are then
 * not to be called. */
enum rc lastcut_look(struct lastcut **, const char *dir, unsigned wait_ms);
void lastcut_free(struct lastcut *); /* NULL-safe */

/* NULL if there is none that can be used. */
const struct lastcut_facts *lastcut_facts(const struct lastcut *);
void lastcut_forget(struct lastcut *);

/* What a killed run left: the segment that it belongs to (all zero: to none).
 * RC_ABSENT: nothing.  Then put it in place, or drop it. */
enum rc lastcut_pending(struct lastcut *, struct key *);
enum rc lastcut_settle(struct lastcut *, bool keep);

/*
 * The next memory: all pages anew (fresh), or those given replaced.  Pages in
 * ascending order.  *changed: the page is not known to have that content.
 * RC_ABSENT: the memory is damaged.
 */
enum rc lastcut_begin(struct lastcut *, bool fresh);
enum rc lastcut_put(
    struct lastcut *, uint32_t page, const struct seg_sum *hash, bool *changed);
/* After the last page: pages behind size are forgotten; *sum is that of the
 * whole.  all: every page was given, so the old ones must sum up too. */
enum rc lastcut_sum(
    struct lastcut *, uint32_t size, bool all, struct seg_sum *sum);
/* Make it durable beside the old one. */
enum rc lastcut_next(
    struct lastcut *, const struct lastcut_facts *, bool segment);
void lastcut_drop(struct lastcut *); /* give up before lastcut_next() */

#endif
