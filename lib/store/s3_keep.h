/*
 * s3_keep: how the objects of a bucket are to be kept (struct store_keep): the
 * headers that ask for it, and whether the service does it.
 */
#ifndef SEGTOOLS_S3_KEEP_H
#define SEGTOOLS_S3_KEEP_H

#include "store/s3.h"

/* In kept of a request: the options whose headers it was sent with. */
enum {
	S3_KEEP_CLASS = 1 << 0,
	S3_KEEP_SSE = 1 << 1,
	S3_KEEP_KEY = 1 << 2,
	S3_KEEP_LOCK = 1 << 3
};

/* The headers of a PUT, or of the beginning of an upload in parts. */
void s3_keep_headers(struct s3_request *, enum store_kind);

/* It was taken: does the service say that it encrypts?  Some take the header
 * and do not.  RC_USAGE, reported. */
enum rc s3_keep_check(const struct s3_request *);

/* Does a refusal say that it is about one of them? */
bool s3_keep_blamed(const struct s3_request *);

/* Those that the service may have refused: "; sent with --lock, --sse"; the one,
 * if it says which; or "". */
enum { S3_KEEP_TEXT_MAX = 64 };
void s3_keep_text(const struct s3_request *, char text[S3_KEEP_TEXT_MAX]);

#endif
