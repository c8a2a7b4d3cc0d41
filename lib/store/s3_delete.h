/*
 * s3_delete: removals from a bucket: many at a time in one request
 * (DeleteObjects), where the service knows that, else one by one.
 */
#ifndef SEGTOOLS_S3_DELETE_H
#define SEGTOOLS_S3_DELETE_H

#include "store/s3.h"

/* s3, done and arg are the caller's to set. */
struct s3_deletes {
	struct s3 *s3;
	/* Of each that ended: RC_OK, RC_ABSENT, or what was reported. */
	void (*done)(void *arg, struct store_xfer *, enum rc);
	void *arg;
	struct store_xfer *waiting; /* not yet requested */
};

/* Have it wait for others; and begin with all that wait. */
void s3_delete_start(struct s3_deletes *, struct store_xfer *);
void s3_delete_flush(struct s3_deletes *);

#endif
