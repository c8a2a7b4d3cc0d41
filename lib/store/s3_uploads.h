/*
 * s3_uploads: the uploads in parts that are open in a bucket: those of one
 * object are listed, and given up.
 */
#ifndef SEGTOOLS_S3_UPLOADS_H
#define SEGTOOLS_S3_UPLOADS_H

#include "store/s3.h"

struct s3_uploads {
	char **id;
	size_t n;
};
void s3_uploads_release(struct s3_uploads *);

/* To list those of an object (GET of the bucket): the query, and the statuses of
 * a service that does not list them, or of a user who may not. */
void s3_uploads_query(const struct s3 *, const char *object, struct buf *);
extern const int s3_no_uploads[];
/* Add what is listed, but for one, or NULL.  false: it is no listing. */
bool s3_uploads_parse(struct s3_uploads *, const struct s3_request *answered,
    const char *object, const char *but);

/* "uploadId=ID", or with a number "partNumber=N&uploadId=ID". */
void s3_upload_query(struct buf *, const char *id, unsigned number);

/* Give up one, or all of an object, now: for the end of a process. */
void s3_upload_abort(struct s3 *, const char *object, const char *id);
void s3_uploads_abort(struct s3 *, const char *object);

#endif
