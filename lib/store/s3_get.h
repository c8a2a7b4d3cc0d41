/*
 * s3_get: what is read of an object in a bucket: GET and HEAD.
 */
#ifndef SEGTOOLS_S3_GET_H
#define SEGTOOLS_S3_GET_H

#include "store/s3_op.h"

void s3_get_start(struct s3_op *);
void s3_head_start(struct s3_op *);

#endif
