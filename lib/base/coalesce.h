/*
 * coalesce: large sequential writes made out of many pieces.  Pieces are borrowed
 * where they are and go out by one pwritev(); only where they turn out to be
 * few and small, when their memory is needed again, are they copied into a
 * buffer.  So long runs cost no copy and short ones no system call each.
 */
#ifndef SEGTOOLS_GATHER_H
#define SEGTOOLS_GATHER_H

#include <stddef.h>
#include <stdint.h>

#include "base/file.h"

struct coalesce;

/* Writes to file (borrowed) from offset on. */
struct coalesce *coalesce_new(struct file *file, uint64_t offset);
void coalesce_free(struct coalesce *); /* NULL-safe; what is pending is lost */

/* len bytes, borrowed until coalesce_settle() or coalesce_flush(). */
enum rc coalesce_add(struct coalesce *, const void *data, size_t len);
/* What was borrowed is written or copied. */
enum rc coalesce_settle(struct coalesce *);
/* coalesce_add() and coalesce_settle(). */
enum rc coalesce_copy(struct coalesce *, const void *data, size_t len);
enum rc coalesce_flush(struct coalesce *);

/* Where the next byte goes; go on elsewhere. */
uint64_t coalesce_offset(const struct coalesce *);
enum rc coalesce_seek(struct coalesce *, uint64_t offset);

#endif
