/*
 * s3_multipart: objects too large for one PUT go up in parts, several at a
 * time.  An upload that fails, or that a signal ends, is given up (aborted) so
 * that its parts are not paid for; what a killed run left of the same object is
 * given up before a new one begins.
 */
#ifndef SEGTOOLS_S3_MULTIPART_H
#define SEGTOOLS_S3_MULTIPART_H

#include "store/s3.h"

enum { S3_MULTIPART_FROM = 64 << 20 }; /* larger objects, in bytes */

/*
 * Put the file as a new object; never replaces.  object, file and check are
 * borrowed until done() gets RC_OK, with existed if it was there already, or what
 * was reported.  moved() is told of each part that is there.  What fails the check
 * (or NULL), as store.h has it, is not completed.
 */
void s3_multipart_start(struct s3 *, const char *object, enum store_kind,
    struct file *, uint64_t size, const struct file_check *check,
    void (*moved)(void *arg, uint64_t bytes),
    void (*done)(void *arg, enum rc, bool existed), void *arg);

/* Give up all that run, done() not called; drops all other requests too. */
void s3_multipart_give_up(struct s3 *);

/* The size of the parts: 16 MiB, or what makes 10,000 parts do. */
uint64_t s3_part_size(uint64_t size);

#endif
