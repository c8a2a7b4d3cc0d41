/*
 * buf: memory, and bytes that grow.  Out of memory is reported and ends the
 * process with status 3 (temporary files are removed at exit): nothing here
 * returns NULL.  Memory sized by input must be checked by the caller first.
 */
#ifndef SEGTOOLS_BUF_H
#define SEGTOOLS_BUF_H

#include <stddef.h>
#include <stdint.h>

void *xmalloc(size_t size);
void *xcalloc(size_t n, size_t size);
void *xreallocarray(void *p, size_t n, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* An all-zero struct buf is empty.  data[len] is 0 once anything was added. */
struct buf {
	char *data;
	size_t len;
	size_t cap;
};

void buf_add(struct buf *, const void *data, size_t len);
void buf_adds(struct buf *, const char *s);
void buf_addc(struct buf *, char c);
void buf_addu(struct buf *, uint64_t number); /* in decimal */
void buf_addf(struct buf *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Room for len more bytes; where they go.  The caller then adds to buf.len. */
char *buf_reserve(struct buf *, size_t len);
void buf_clear(struct buf *); /* keeps the memory */
void buf_release(struct buf *);

#endif
