/*
 * s3_list: what is in a bucket, page by page (ListObjectsV2).
 */
#ifndef SEGTOOLS_S3_LIST_H
#define SEGTOOLS_S3_LIST_H

#include "aws/s3xml.h"
#include "store/s3.h"

/* store_list() of a bucket: see store.h. */
enum rc s3_list(struct s3 *, const char *prefix, bool delimited, unsigned limit,
    enum rc (*entry)(void *arg, const struct store_entry *), void *arg);

/* The name below prefix, with which its key begins; malloced.  NULL: it has none,
 * as what browsers put there for a folder. */
char *s3_listed_name(const struct s3xml_entry *, const char *prefix);

/* RC_DATA, reported: of what was asked with a delimiter nothing was told, for all
 * that there is lies deeper. */
enum rc s3_check_delimited(
    const struct s3 *, const char *prefix, bool told, bool deeper);

/* RC_SYSTEM, reported: a libcurl that signs a "+" in a query wrongly cannot ask
 * for this. */
enum rc s3_check_plus(const struct s3 *, const char *value);

/*
 * One page of what is below root and after it in byte order: at most a thousand
 * entries.  more: there are others behind it.  sorted: they came in byte order,
 * all of them behind after.
 */
enum rc s3_list_page(struct s3 *, const char *root, const char *after,
    enum rc (*entry)(void *arg, const struct store_entry *), void *arg,
    bool *more, bool *sorted);

#endif
