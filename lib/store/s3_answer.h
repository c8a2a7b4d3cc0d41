/*
 * s3_answer: what the answer to a request means.  The decision to try again is
 * made here and nowhere else; but a caller of s3_send() may find in done() that
 * a body was short, and ask with s3_again().
 */
#ifndef SEGTOOLS_S3_ANSWER_H
#define SEGTOOLS_S3_ANSWER_H

#include "store/s3.h"

/* The <Error> in it, if there is one: r->error. */
void s3_answer_read(struct s3_request *);
/* A failure that may pass: try again. */
bool s3_answer_may_pass(const struct s3_request *);
/* Does it say that the keys have expired? */
bool s3_answer_is_expired(const struct s3_request *);
/* Of such a failure: may the request have been carried out all the same? */
bool s3_answer_is_doubtful(const struct s3_request *);
/* What done() gets of any other, reported where s3.h says so. */
enum rc s3_answer_rc(struct s3_request *);

/* Report one that was expected, of who cannot do without. */
enum rc s3_answer_refuse(struct s3_request *);

/* "503 Service Unavailable", with the service's own code if it gave one. */
enum { S3_WHY_MAX = 512 };
void s3_answer_describe(const struct s3_request *, char text[S3_WHY_MAX]);

#endif
