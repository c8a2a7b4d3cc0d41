/*
 * s3_op: a transfer on its way to or from a bucket, as one request or several:
 * what those that read (s3_get.h) and those that put (s3_put.h) have in common.
 */
#ifndef SEGTOOLS_S3_OP_H
#define SEGTOOLS_S3_OP_H

#include "store/s3.h"
#include "store/s3_digest.h"
#include "store/s3_versions.h"

/* Those that have ended, in that order. */
struct s3_ended {
	struct s3_op *first, **tail;
};

struct s3_op {
	struct s3_request req; /* first */
	struct s3 *s3;
	struct s3_ended *ended;
	struct store_xfer *xfer;
	struct s3_op *next;
	enum rc rc;
	/* GET, HEAD */
	struct s3_oldest oldest;
	bool begun;
	uint64_t want, got; /* bytes of the object */
	uint64_t skip;      /* to be passed over: the whole object came */
	struct buf piece;   /* what came last, not yet in the file */
	/* PUT */
	char *kept; /* the body, size bytes, if it is a small file */
	struct s3_digest digest;
	uint64_t size;
	unsigned rounds;
};

struct s3_op *s3_op_new(struct s3 *, struct s3_ended *, struct store_xfer *);
void s3_op_end(struct s3_op *, enum rc);
void s3_op_free(struct s3_op *);

#endif
