/*
 * s3_list: what is in a bucket, page by page (ListObjectsV2).
 */
#ifndef SEGTOOLS_S3_LIST_H
#define SEGTOOLS_S3_LIST_H

#include "store/s3.h"

/* store_list() of a bucket: see store.h. */
enum rc s3_list(struct s3 *, const char *prefix, bool delimited, unsigned limit,
    enum rc (*entry)(void *arg, const struct store_entry *), void *arg);

#endif
