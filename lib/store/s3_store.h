/*
 * s3_store: a bucket as a store.
 */
#ifndef SEGTOOLS_S3_STORE_H
#define SEGTOOLS_S3_STORE_H

#include "store/driver.h"

/* where: what follows "s3://". */
enum rc store_s3_open(
    void **impl, const char *where, const struct store_opts *);
extern const struct store_ops store_s3_ops;

#endif
