/*
 * s3_put: what is put into a bucket.  A large file is s3_multipart.c's.
 */
#ifndef SEGTOOLS_S3_PUT_H
#define SEGTOOLS_S3_PUT_H

#include "store/s3_op.h"

void s3_put_start(struct s3_op *);

#endif
