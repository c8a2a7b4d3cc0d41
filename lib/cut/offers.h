/*
 * offers: which cuts the stream of many databases has had, and which of them a
 * store still lacks.
 *
 * The work directory is the queue.  Without a store a cut is offered once.  With
 * one offers begin when it has told what it has; what then still lies in the
 * directory some time after it was offered is asked for, and offered again if
 * the store does not have it, at growing intervals.
 */
#ifndef SEGTOOLS_OFFERS_H
#define SEGTOOLS_OFFERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "cut/ask.h"
#include "cut/cut.h"
#include "cut/targets.h"
#include "format/rec.h"

struct offered; /* of one database */

/* All-zero, then what it is about. */
struct offers {
	const struct targets *targets;
	const char *dir, *store, *cluster; /* store NULL: none */
	const struct store_opts *store_opts;
	uint64_t interval; /* between two rounds, ms */
	bool json;
	void (*wrote)(void *arg, const struct rec *);
	/* With a store: n of a namespace wait for it. */
	void (*pending)(void *arg, const char *namespace, uint64_t n);
	void *arg;

	struct offered *d;
	struct ask ask;
	uint64_t store_why; /* why it last gave no answer; or 0 */
};

void offers_begin(struct offers *);
void offers_release(struct offers *);
/* What is known of the i-th is what was known of the k-th of older ones. */
void offers_keep(struct offers *, size_t i, const struct offers *, size_t k);

/* A database was cut well. */
void offers_cut(struct offers *, size_t i, const struct cut_result *);
/* Is there something that the stream has not had? */
bool offers_news(const struct offers *, size_t i);
/* Add the records of that; how many. */
size_t offers_add(struct offers *, size_t i, struct buf *set);

/* The newest segment of the store, as far as is known; or NULL. */
const struct key *offers_stored(const struct offers *, size_t i);
/* With a store: it has not told that since the last good cut. */
bool offers_is_unsure(const struct offers *, size_t i);
/* The last cut; NULL: none. */
const struct key *offers_last(const struct offers *, size_t i);
/* A cut needs the store's answer: ask for it.  False: it is away. */
bool offers_want(struct offers *, size_t i);
/* It has not come. */
bool offers_wants(const struct offers *, size_t i);
/* The store is asked for all that waits for its answer, however short ago it
 * gave none. */
void offers_want_all(struct offers *);
/* Something lies in DIR that the stream did not get, for the store has not said
 * what it lacks. */
bool offers_untold(const struct offers *, size_t i);

/*
 * Hear what the store has answered, and ask what is due; waits for neither.
 * What it says may ask for a cut: dirty[i] is set, full[i] if only a full one
 * makes up for what has gone.
 */
void offers_mind_store(struct offers *, bool *dirty, bool *full);
/* Ask what is due, and wait for the answers, so long at most; then as above. */
void offers_wait(struct offers *, unsigned ms, bool *dirty, bool *full);

/* The reason that lines on stderr give, as a number that another one is unlikely
 * to have.  Numbers in them are left out: a segment that cannot be written has
 * another TIME in its name each time, another writer comes further, and what
 * cannot be connected took another time; the reason stays the same. */
uint64_t offers_reason(const char *lines, size_t len);

#endif
