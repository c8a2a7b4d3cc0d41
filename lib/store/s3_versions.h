/*
 * s3_versions: the oldest version of each object of a bucket: what was there
 * before somebody put another over it, or removed it (ListObjectVersions).
 */
#ifndef SEGTOOLS_S3_VERSIONS_H
#define SEGTOOLS_S3_VERSIONS_H

#include "store/s3.h"

/* store_list() of them: see store.h. */
enum rc s3_versions_list(struct s3 *, const char *prefix, bool delimited,
    enum rc (*entry)(void *arg, const struct store_entry *), void *arg);

/* Of one object, beside other requests.  All-zero. */
struct s3_oldest {
	struct s3_request req; /* first */
	const char *object;    /* borrowed until done() */
	char *key;             /* in the bucket */
	char *version;         /* what was found; NULL if there is none */
	void (*done)(void *arg, enum rc);
	void *arg;
	char *next_key, *next_version;
};
/* done() gets RC_OK; RC_ABSENT, unreported; or what was reported. */
void s3_oldest_start(struct s3_oldest *, struct s3 *, const char *object,
    void (*done)(void *arg, enum rc), void *arg);
void s3_oldest_release(struct s3_oldest *);

#endif
