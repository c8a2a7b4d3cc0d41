/*
 * s3_lock: Object Lock: can a bucket lock objects, and until when is one of them
 * retained?
 */
#ifndef SEGTOOLS_S3_LOCK_H
#define SEGTOOLS_S3_LOCK_H

#include "store/s3_op.h"

/* RC_USAGE, reported: it cannot, or does not say.  To be asked before anything
 * is put with a lock, since services take the header of an upload in parts and
 * lock nothing. */
enum rc s3_must_lock(struct s3 *);

/* May objects be retained?  They may in a bucket that does not say whether it
 * can.  Asked once. */
enum rc s3_may_retain(struct s3 *, bool *may);

/* Of a HEAD that was answered: xfer->retained, then the end of it. */
void s3_retention(struct s3_op *);

/*
 * What went up in parts, and is to be locked, may not be: there are services that
 * can lock and pass over the header of such uploads (Ceph before 17).  So it is
 * looked at, and locked by a request of its own if need be.  All-zero.
 */
struct s3_locking {
	struct s3_request req; /* first */
	const char *object;    /* borrowed until done() */
	struct buf body;
	struct s3_digest digest;
	void (*done)(void *arg, enum rc);
	void *arg;
};
void s3_lock_surely(struct s3_locking *, struct s3 *, const char *object,
    void (*done)(void *arg, enum rc), void *arg);
void s3_locking_release(struct s3_locking *);

#endif
