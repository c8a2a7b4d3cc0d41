/*
 * s3_sign: a request that libcurl signs wrongly is signed here.
 *
 * Before 8.10.0 it sorts "x-amz-server-side-encryption:..." behind
 * "x-amz-server-side-encryption-aws-kms-key-id:...", by what follows the shorter
 * name, and the service refuses what has both.  The algorithm is that of
 * "Signature Version 4" in the Amazon S3 API reference.
 */
#ifndef SEGTOOLS_S3_SIGN_H
#define SEGTOOLS_S3_SIGN_H

#include "store/s3.h"

/* All other headers of the attempt are set; libcurl will not sign it. */
void s3_sign(struct s3_request *);

#endif
