/*
 * candidate: a segment file that is to be published: verified when its record
 * comes, then judged (fit.h).
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
#include "work/rules.h"

struct object;

/* The candidates of a set that are of one namespace. */
struct space {
	const char *namespace;
	struct candidate *c;
	size_t n;
	bool failed; /* nothing later is published */
};

struct candidate {
	struct space *space; /* after candidates_sort() */
	char *namespace;
	char *path;                    /* of the .seg */
	struct handover_stamp seen[2]; /* its files, before they were read */
	struct seg_header header;      /* with the key */
	uint64_t pages, bytes;         /* for the record */
	/* Its files have gone: it is published if it is in the store, since
	 * another run has moved them there then. */
	bool gone;
	enum rules_fit fit;
	uint64_t base; /* RULES_EXTENDS: the END that it continues */
	bool claimed;  /* which is claimed for it */
	bool held;     /* the claim is ours, to be given up if it fails */
	bool put;      /* its index is in the store, or may come to be */
	enum rc rc;
	struct object *data; /* while it is put */
};

/* All-zero is empty. */
struct candidates {
	struct candidate *c;
	size_t n, cap;
	struct space *spaces;
	size_t n_spaces;
};

/* Verify the file of a record; how that went is in its rc. */
void candidates_add(struct candidates *, const struct rec *);
/* After the last: in frame order, each segment once, by namespaces. */
void candidates_sort(struct candidates *);
void candidates_clear(struct candidates *);

char *candidate_text(const struct candidate *); /* "NAMESPACE/KEY"; malloced */
char *candidate_index_path(const struct candidate *); /* malloced */
char *candidate_object(
    const struct candidate *, const char *cluster, enum part); /* malloced */
/* It is not published, nor what comes after it. */
void candidate_fail(struct candidate *, enum rc);

#endif
