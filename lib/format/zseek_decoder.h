/*
 * zseek_decoder: the contents of an object in zstd's seekable format, or of any
 * that zstd writes, as its bytes arrive.  Bounded memory.
 */
#ifndef SEGTOOLS_ZSEEK_DECODER_H
#define SEGTOOLS_ZSEEK_DECODER_H

#include "format/zseek.h"

/*
 * Contents go to sink as bytes are fed.  Without a table the whole object is
 * fed, and its table, if it has one, must say of the frames what was found.
 * With a table, frames from the first one on are fed, each of which must be as
 * the table says.  A window of more than 8 MiB is RC_DATA.
 */
struct zseek_decoder;
struct zseek_decoder *zseek_decoder_new(const char *name,
    enum rc (*sink)(void *arg, const void *data, size_t len), void *arg);
struct zseek_decoder *zseek_decoder_at(const char *name,
    const struct zseek_table *, uint32_t first,
    enum rc (*sink)(void *arg, const void *data, size_t len), void *arg);
enum rc zseek_decoder_feed(
    struct zseek_decoder *, const void *data, size_t len);
/* After the last byte: did it end where a frame does?  Of a whole object
 * *sought, if not NULL: it has a table. */
enum rc zseek_decoder_end(struct zseek_decoder *, bool *sought);
void zseek_decoder_free(struct zseek_decoder *); /* NULL-safe */

#endif
