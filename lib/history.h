/*
 * history: what a store has of a namespace.
 *
 * One listing over the namespace gives indexes/ (what exists) and segments/
 * (how large it is); order, duplicates and the join of the two are made by a
 * sort in bounded memory, whatever order and junk the store gives.  What is no
 * key is skipped, and said under -v.
 */
#ifndef SEGTOOLS_HISTORY_H
#define SEGTOOLS_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "key.h"
#include "keyset.h"
#include "msg.h"
#include "store.h"

struct history_entry {
	struct key key;
	bool index;        /* the index object is there: the segment exists */
	bool data;         /* the data object is there */
	uint64_t bytes;    /* of the data object; UINT64_MAX: not there */
	uint64_t modified; /* the data object, ms since 1970; 0: not there */
};

/* List a namespace.  One without objects is RC_OK and has no entry. */
struct history;
enum rc history_open(struct history **, struct store *, const char *cluster,
    const char *namespace);
/* Each key once, oldest first (END, START, TIME), orphans of either kind too;
 * RC_ABSENT after the last. */
enum rc history_next(struct history *, struct history_entry *);
void history_free(struct history *); /* NULL-safe */

/* The keys of the segments that exist. */
enum rc history_keys(struct keyset *, struct store *, const char *cluster,
    const char *namespace);

/* The one with the greatest END, of several the first in the order of key
 * texts (least START, then TIME); RC_ABSENT, unreported, if there is none.  One
 * request, for one key, where the store lists in order. */
enum rc history_newest(
    struct store *, const char *cluster, const char *namespace, struct key *);

/* The namespaces in byte order, after all were listed. */
enum rc history_namespaces(struct store *, const char *cluster,
    enum rc (*each)(void *arg, const char *namespace), void *arg);

#endif
