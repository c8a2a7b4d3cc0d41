/*
 * retire_set: the segments, and claims, of a set that is to be removed, and what
 * becomes of each.
 */
#ifndef SEGTOOLS_RETIRE_SET_H
#define SEGTOOLS_RETIRE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/msg.h"
#include "base/strings.h"
#include "format/key.h"
#include "format/rec.h"
#include "plan/keyset.h"
#include "retire/saved.h"

enum { RETIRE_PARTS = 3 }; /* of a segment: enum part */

/* A segment of the set, its spare data alone (rec.h), or a claim. */
struct retire_item {
	const char *namespace; /* of the set */
	struct key key;
	uint64_t bytes;
	struct saved_place saved; /* its index, in retire.saved */
	uint32_t claim;           /* from 1 on; 0: none */
	bool has
	    [RETIRE_PARTS]; /* parts that the store has; of a claim the first */
	bool spare : 1;
	bool gone : 1;     /* its index is: so the segment does not exist */
	bool kept : 1;     /* its data stays: somebody has published it again */
	bool retained : 1; /* all stays: the store does not let it go yet */
	uint64_t until;    /* of the latter: see store.h */
	enum rc rc;
};

/* The items of one namespace: claims, then segments in frame order, of each one
 * item: all of it, or what is spare. */
struct retire_space {
	const char *namespace;
	struct retire_item *item;
	size_t n;
	struct keyset before, after;
	bool locked;
};

struct retire_set {
	struct strings names, claims;
	struct retire_item *items;
	size_t n, cap;
	struct retire_space *spaces; /* once it is sorted */
	size_t n_spaces;
};

void retire_set_add(struct retire_set *, const struct rec *);
/* Each once, in order, by namespaces. */
void retire_set_sort(struct retire_set *);
bool retire_space_has(const struct retire_space *, const struct key *);
void retire_set_clear(struct retire_set *);
void retire_set_release(struct retire_set *);

/* Its name below claims_prefix(). */
const char *retire_claim(const struct retire_set *, const struct retire_item *);
/* The object of an item; NAMESPACE/KEY of a segment; malloced. */
char *retire_object(const char *cluster, const struct retire_set *,
    const struct retire_item *, enum part);
char *retire_item_text(const struct retire_item *);
/* Does it stay, or what is left of it, for whatever reason? */
bool retire_item_stays(const struct retire_item *);

#endif
