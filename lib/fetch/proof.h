/*
 * proof: a segment in a store is read whole and verified, and nothing is kept:
 * its index, then its data against it; where the data is there both plain and
 * compressed, both, and that they are the same.
 */
#ifndef SEGTOOLS_PROOF_H
#define SEGTOOLS_PROOF_H

#include <stdbool.h>
#include <stdint.h>

#include <xxhash.h>

#include "fetch/content.h"
#include "format/segment.h"
#include "segment/segstream.h"

/* All-zero, then what is asked. */
struct proof {
	struct store *store;
	const char *cluster;
	struct name name;
	bool zstd_first; /* it seems to be compressed */
	/* All is well, or what was reported.  May free it. */
	void (*done)(struct proof *, enum rc);
	void *arg;

	/* Then known: its header; as what it is counted, and that one's
	 * size. */
	struct seg_header header;
	enum content_form form;
	uint64_t stored;

	/* proof.c's own. */
	char *index_name, *data_name;
	struct buf index;
	struct store_xfer xfer;
	struct content content;
	struct content_object object;
	struct segstream *stream;
	XXH3_state_t *sum;
	XXH128_hash_t first_sum; /* of the form that was read first */
	bool second;             /* the other one is read */
};

/* Begin; store_wait() drives it. */
void proof_start(struct proof *);

#endif
