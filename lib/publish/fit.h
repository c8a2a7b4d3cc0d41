/*
 * fit: which candidates of a namespace may be published, by the rules of
 * rules.h and what the store has; and the first claim for those that extend
 * its history.
 */
#ifndef SEGTOOLS_FIT_H
#define SEGTOOLS_FIT_H

#include <stdbool.h>

#include "publish/candidate.h"
#include "publish/contest.h"

struct fitting {
	struct store *store;
	const char *cluster;
	unsigned busy_ms;
	bool force, dry_run;
};

/*
 * Judge them.  Those with rc RC_OK may be published; the first that extends the
 * history has its END claimed, and so has the store's newest been listed since.
 * What may not is reported, and failed.
 */
void fit_space(const struct fitting *, struct space *);

/*
 * Claim the END of a candidate that is behind others of this run, and see that
 * nobody has continued it: for who could not do so hand over hand.
 */
enum rc fit_claim(const struct fitting *, struct candidate *);

struct contest fit_contest(const struct fitting *, const char *namespace);
/* The claim for it. */
void fit_mine(const struct candidate *, struct claim *);

#endif
