/*
 * draft: a cut in the making: what has changed in a live database, or all of
 * it, as a segment that has no name yet, and the memory that will go with it.
 */
#ifndef SEGTOOLS_DRAFT_H
#define SEGTOOLS_DRAFT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/msg.h"
#include "base/secrecy.h"
#include "cut/judge.h"
#include "cut/lastcut.h"
#include "cut/pages.h"
#include "segment/segwriter.h"

struct sort;

enum draft_found {
	DRAFT_CHANGED, /* the segment is written */
	DRAFT_NOTHING, /* there is nothing to write */
	DRAFT_STALE, /* nor that, but what the memory says of the database (not
		      * of its pages) is out of date: facts.db is how it is */
	DRAFT_NEVER  /* the memory will not do: only a full cut can follow */
};

/* What names every page that can have changed since the last cut. */
enum draft_trace { DRAFT_NO_TRACE, DRAFT_LOG, DRAFT_RESTARTED };

/* All-zero, then what it is to be made of. */
struct draft {
	const char *dir, *namespace, *path; /* of the database */
	const struct secrecy *secrecy;
	bool look; /* write nothing: only facts come of it */
	struct pages pages;
	struct lastcut *memory;
	const struct cut_known *known;

	/* What it has become. */
	enum draft_found found;
	bool read_all;              /* of the database, */
	uint64_t read_ms;           /* which took so long */
	struct segwriter *writer;   /* DRAFT_CHANGED: finished, not committed;
				     * NULL with look */
	uint64_t frames;            /* in it */
	struct lastcut_facts facts; /* after it */
	uint64_t raised; /* its TIME lies so far ahead of the clock, ms */

	/* On the way. */
	bool whole;   /* read all of the database, the log will not do */
	bool compare; /* nor need it, but all is to be compared */
	enum draft_trace trace;
	struct livelog_end end; /* of what was read of the log */
	uint64_t frame_no;
	struct sort *changed;
	uint64_t n_changed;
	uint64_t n_grown; /* of them, pages behind grown */
	uint32_t grown;
	uint64_t n_silent;          /* that changed and are not named */
	uint32_t silent;            /* the first of them */
	struct livelog_frame first; /* page 1 */
};

/* Every page, whatever is remembered: DRAFT_CHANGED. */
enum rc draft_full(struct draft *);
/* What has changed since the last cut, which the memory knows. */
enum rc draft_increment(struct draft *);

/* Give up what was made, and end the transaction. */
void draft_drop(struct draft *);

#endif
