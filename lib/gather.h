/*
 * gather: large sequential writes made out of many pieces.  Pieces are borrowed
 * where they are and go out by one pwritev(); only where they turn out to be
 * few and small, when their memory is needed again, are they copied into a
 * buffer.  So long runs cost no copy and short ones no system call each.
 */
#ifndef SEGTOOLS_GATHER_H
#define SEGTOOLS_GATHER_H

#include <stddef.h>
#include <stdint.h>

#include "io.h"

struct gather;

/* Writes to file (borrowed) from offset on. */
struct gather *gather_new(struct io_file *file, uint64_t offset);
void gather_free(struct gather *); /* NULL-safe; what is pending is lost */

/* len bytes, borrowed until gather_settle() or gather_flush(). */
enum rc gather_add(struct gather *, const void *data, size_t len);
/* What was borrowed is written or copied. */
enum rc gather_settle(struct gather *);
/* gather_add() and gather_settle(). */
enum rc gather_copy(struct gather *, const void *data, size_t len);
enum rc gather_flush(struct gather *);

/* Where the next byte goes; go on elsewhere. */
uint64_t gather_offset(const struct gather *);
enum rc gather_seek(struct gather *, uint64_t offset);

#endif
