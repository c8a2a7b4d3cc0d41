/*
 * zseek_writer: makes an object in zstd's seekable format, in frames of 64 KiB
 * of content.  Memory: 12 bytes for each of them.
 */
#ifndef SEGTOOLS_ZSEEK_WRITER_H
#define SEGTOOLS_ZSEEK_WRITER_H

#include "format/zseek.h"

enum {
	ZSEEK_CONTENT = 64 << 10, /* of a frame */
	ZSEEK_LEVEL_MIN = 1,
	ZSEEK_LEVEL_MAX = 19
};

/* Bytes go to sink as they are made; level as zstd's. */
struct zseek_writer;
struct zseek_writer *zseek_writer_new(int level,
    enum rc (*sink)(void *arg, const void *data, size_t len), void *arg);
/* The next one with the same writer, from the start. */
void zseek_writer_begin(struct zseek_writer *,
    enum rc (*sink)(void *arg, const void *data, size_t len), void *arg);
enum rc zseek_writer_add(struct zseek_writer *, const void *data, size_t len);
/* The rest and the table; *len: of all that was made. */
enum rc zseek_writer_finish(struct zseek_writer *, uint64_t *len);
void zseek_writer_free(struct zseek_writer *); /* NULL-safe */

#endif
