/*
 * catrows: the rows of a catalogue: a namespace, its segments.
 */
#ifndef SEGTOOLS_CATROWS_H
#define SEGTOOLS_CATROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/number.h"
#include "catalog/catdb.h"
#include "format/key.h"

struct catrows_space {
	int64_t id;
	int64_t changes; /* transactions that changed its segments */
	/* The store's newest, as listing_newest() has it, up to whose END all
	 * is known; false: it was never listed. */
	bool listed;
	struct key newest;
};
/* RC_ABSENT: not monitored. */
enum rc catrows_find(
    struct catalog *, const char *namespace, struct catrows_space *);
/* Count a change to its segments, and remember what is newest. */
enum rc catrows_touch(struct catalog *, const struct catrows_space *);

/* A segment.  Of its data object bytes and pages: UINT64_MAX if unknown. */
struct catrows_segment {
	struct key key;
	uint64_t bytes, pages;
};
/* Those of a namespace in frame order: a statement whose parameter is its id,
 * and the next of its rows. */
const char *catrows_select(const struct catalog *);
enum rc catrows_next(
    struct catalog *, sqlite3_stmt *, struct catrows_segment *);

/*
 * Changes to segments, within a transaction.  Rows that are put wait for others,
 * since many in one statement cost half of many statements, until a row is
 * deleted, or the edit ends: catrows_edited() puts them, if rc is no failure,
 * and returns what became of it.
 */
enum { CATROWS_MANY = 32 };
struct catrows_edit {
	struct catalog *c;
	sqlite3_stmt *put, *put_many, *del;
	bool changed;
	struct catrows_waiting {
		int64_t id;
		char part[3][NUMBER_MAX];
		uint64_t bytes, pages;
	} waiting[CATROWS_MANY];
	size_t n;
};
enum rc catrows_edit(struct catrows_edit *, struct catalog *);
enum rc catrows_put(
    struct catrows_edit *, int64_t id, const struct catrows_segment *);
enum rc catrows_del(struct catrows_edit *, int64_t id, const struct key *);
enum rc catrows_edited(struct catrows_edit *, enum rc rc);

#endif
