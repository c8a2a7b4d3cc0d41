/*
 * contest: which of several writers continues an END.
 *
 * A writer of segment KEY that continues END
 *
 *   1. makes the claim of END, which names KEY: contest_claim();
 *   2. then lists the newest key, which must still have that END;
 *   3. then publishes the index;
 *   4. then looks at the claim again: contest_settle().
 *
 * Only a claim that still names KEY in step 4 lets it say that KEY is published.
 * Then nobody else is told so of another: a claim that took the place of ours
 * was made either after our index, which its maker then finds in step 2, or
 * before it, so that we find that claim in step 4.  This does not depend on
 * how a claim came to be, so that it may be removed or taken over at any time,
 * and two may even make it at once, as on services without conditional writes.
 *
 * Who finds another's claim in step 4 lists the history.  With another segment
 * there that continues END its own is taken back; without, it waits for that,
 * then makes the claim its own again and lists once more: whoever held it has
 * either published before that, and is found, or looks at the claim after it.
 * The same where the claim has gone or turned out to be none, which proves no
 * other writer.
 *
 * Who fails and knows that its index is not there and will not be gives its
 * claim up: the next one takes it over, which is no other than step 1.  Where
 * that is not known, of a request without an answer, the claim stays.
 *
 * A run that publishes several, hand over hand, makes the claim of the next END
 * before the index that lets others see that END, and needs no step 2 for it.
 */
#ifndef SEGTOOLS_CONTEST_H
#define SEGTOOLS_CONTEST_H

#include <stdbool.h>
#include <stdint.h>

#include "peers/claim.h"
#include "plan/keyset.h"

struct contest {
	struct store *store;
	const char *cluster, *namespace;
	unsigned busy_ms;
	bool force; /* take over what others hold, once they were waited for */
};

enum contest_state {
	CONTEST_MADE, /* ours, and nobody had claimed it before */
	CONTEST_OURS,
	CONTEST_THEIRS, /* another's, whose segment is not there */
	CONTEST_MOVED   /* another's, whose segment is: list the history */
};

/*
 * Claim END for a segment.  One that names the same segment is ours, and so is
 * one of our work directory (mine->writer) whose process is known to be dead.
 * wait: for another's segment; when the time is up, RC_SYSTEM, reported, or
 * with force theirs becomes ours.  What is there and no claim is theirs, and
 * with wait RC_DATA, or with force ours.
 */
enum rc contest_claim(const struct contest *, uint64_t end,
    const struct claim *mine, bool wait, enum contest_state *);

/*
 * After the index is there: RC_OK if the segment continues END.  seen: what
 * claim_look() has said of the claim since.  created: we made the index, and
 * may take it back.
 */
enum rc contest_settle(const struct contest *, uint64_t end,
    const struct claim *mine, bool created, enum rc seen,
    const struct claim *theirs);

/*
 * Of what turned out not to be the newest END, or failed before its index was
 * put: if the claim is ours, others may have it.
 */
void contest_give_up(
    const struct contest *, uint64_t end, const struct claim *mine);

/* Who has claimed END: "KEY of HOST (process N) at TIME", malloced; NULL if
 * nobody has, or ours is the only one. */
char *contest_who(const struct contest *, uint64_t end, const struct key *ours);

#endif
