/*
 * s3_bucket: is the bucket there?
 */
#ifndef SEGTOOLS_S3_BUCKET_H
#define SEGTOOLS_S3_BUCKET_H

#include "store/s3.h"

/* Make it if it is not there; with keep.lock one that can lock objects. */
enum rc s3_make_bucket(struct s3 *);

#endif
