/*
 * candidate: a segment file that is to be published: looked at when its record
 * comes, then judged (fit.h).  Some 90 bytes each, whatever their names.
 */
#ifndef SEGTOOLS_CANDIDATE_H
#define SEGTOOLS_CANDIDATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/handover.h"
#include "base/msg.h"
#include "format/rec.h"
#include "format/segment.h"
#include "plan/places.h"
#include "plan/rules.h"

struct object;

/* The candidates of a set that are of one namespace. */
struct space {
	char namespace[NAMESPACE_MAX + 1];
	const struct places *places;
	struct candidate *c;
	size_t n;
	bool failed; /* nothing later is published */
};

struct candidate {
	struct key key;
	uint64_t bytes; /* for the record */
	uint64_t base;  /* RULES_EXTENDS: the END that it continues */
	uint64_t sum;   /* a hash of its database checksum; 0: it has none */
	struct handover_stamp seen[2]; /* its files, before they were read */
	struct space *space;           /* after candidates_sort() */
	struct object *data;           /* while it is put */
	uint32_t place;
	uint32_t pages; /* 0: not known, of what has gone */
	enum rc rc;
	uint8_t fit;    /* enum rules_fit */
	bool later : 1; /* it has the later layout */
	bool whole : 1; /* all of it has been verified */
	/* Its files have gone: it is published if it is in the store, since
	 * another run has moved them there then. */
	bool gone : 1;
	bool claimed : 1; /* base is claimed for it */
	bool held : 1;    /* the claim is ours, to be given up if it fails */
	bool put : 1;     /* its index is in the store, or may come to be */
};

/* All-zero is empty. */
struct candidates {
	struct candidate *c;
	size_t n, cap;
	struct places places;
	uint32_t *slot; /* open addressing: place in c + 1; 0: free */
	size_t room;    /* a power of two */
	struct space *spaces;
	size_t n_spaces;
};

/*
 * Verify the file of a record, of each segment once; how that went is in its rc:
 * by what is read of it then, whole or the header alone, which is enough to judge
 * it by.  Then the rest is verified on its way into the store.
 */
void candidates_add(struct candidates *, const struct rec *, bool whole);
/* After the last: by namespaces, in frame order. */
void candidates_sort(struct candidates *);
void candidates_clear(struct candidates *);

char *candidate_text(const struct candidate *); /* "NAMESPACE/KEY"; malloced */
char *candidate_path(const struct candidate *, enum part); /* malloced */
/* A hash of the checksum in a segment's id; 0: there is none. */
uint64_t candidate_sum(const uint8_t id[SEG_ID]);
char *candidate_object(
    const struct candidate *, const char *cluster, enum part); /* malloced */
/* It is not published, nor what comes after it. */
void candidate_fail(struct candidate *, enum rc);

#endif
