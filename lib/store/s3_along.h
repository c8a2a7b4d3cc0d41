/*
 * s3_along: listings of many prefixes, one after the other, that share pages:
 * store_list_along() of a bucket.
 */
#ifndef SEGTOOLS_S3_ALONG_H
#define SEGTOOLS_S3_ALONG_H

#include "store/s3.h"

struct s3_along;

/* *a is made when it is NULL, for the root that it is first called with. */
enum rc s3_list_along(struct s3 *, struct s3_along **a, const char *root,
    const char *prefix, enum rc (*entry)(void *arg, const struct store_entry *),
    void *arg);
void s3_along_free(struct s3_along *); /* NULL-safe */

#endif
