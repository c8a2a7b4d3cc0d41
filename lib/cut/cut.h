/*
 * cut: a consistent cut of a live SQLite database: the pages changed since the
 * last one become a segment in DIR/NAMESPACE.  See cut.c for how.
 */
#ifndef SEGTOOLS_CUT_H
#define SEGTOOLS_CUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/msg.h"
#include "format/key.h"
#include "format/rec.h"

struct store;

struct cut_opts {
	const char *dir, *namespace, *path;
	bool full;           /* every page, whatever is remembered */
	bool force;          /* go on after another writer */
	bool dry_run;        /* emit what would be made; write nothing */
	unsigned busy_ms;    /* wait for a busy database */
	struct store *store; /* or NULL */
	const char *store_name, *cluster;
	/* Without a store: the newest segment of one, as it was known some time
	 * ago; or NULL.  By it another writer is known. */
	const struct key *stored;
	/* That is not known, or others may have gone on since: where there is no
	 * memory no number is right. */
	bool stored_unsure;
	/* The last cut of this run; NULL: none.  Its TIME was so much (ms) ahead
	 * of the clock, as was said: again, if it is more by now. */
	const struct key *before;
	uint64_t raised;
	/* Each segment of the set, in frame order, when all is durable. */
	enum rc (*emit)(void *arg, const struct rec *);
	/* So many more of total bytes of the database were read; may be NULL.
	 */
	void (*progress)(void *arg, uint64_t bytes, uint64_t total);
	void *arg;
};

struct cut_result {
	struct key last;  /* the last cut that there is now; all zero: none */
	bool made;        /* it was made now, */
	uint64_t raised;  /* with a TIME so much (ms) ahead of the clock */
	bool whole;       /* all of the database was read, */
	uint64_t read_ms; /* which took so long */
	bool busy;        /* failed since somebody has it locked, or the like */
	bool goes_on;     /* a commit may come that no file shows */
	/* Failed since only the store can tell the number of its first frame. */
	bool unnumbered;
};

/* No change and nothing pending: RC_OK, and emit() is not called.  The result
 * may be NULL. */
enum rc cut_run(const struct cut_opts *, struct cut_result *);

#endif
