/*
 * s3_send: requests to a bucket on their way, each tried again as long as
 * s3_answer.c finds that worth it and http.c has time.
 */
#ifndef SEGTOOLS_S3_SEND_H
#define SEGTOOLS_S3_SEND_H

#include "store/s3.h"

/*
 * Queue a request for an object (NULL: the bucket).  query, or NULL: encoded,
 * "NAME=VALUE" sorted by NAME (s3_query()).  name is borrowed, for messages.
 */
void s3_send(struct s3 *, struct s3_request *, const char *method,
    const char *object, const char *query, const char *name);
void s3_request_release(struct s3_request *);

/* From done(): what was answered was no whole answer: try once more, unless
 * the time is up. */
bool s3_again(struct s3_request *, const char *why);

/* http_step(); but a signal that came while uploads in parts run gives them
 * up, and ends the process. */
void s3_step(struct s3 *, int fd);

/* Drive a request to its end (for those by themselves); done is set. */
enum rc s3_do(struct s3 *, struct s3_request *, const char *method,
    const char *object, const char *query, const char *name);

#endif
