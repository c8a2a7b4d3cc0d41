/*
 * zseek: zstd's seekable format: frames that stand by themselves, then a table
 * of their sizes and checksums in a frame that decoders skip.
 *
 *   frame ...                    compressed, each for itself
 *   0x184D2A5E 4, length 4       the head of the table's frame
 *   compressed 4, content 4, checksum 4   for each frame
 *   frames 4, flags 1, 0x8F92EAB1 4       the end of the object
 *
 * The checksum is the lower half of the XXH64 of the frame's content; flags say
 * whether there are any.  `zstd -d` gives the contents of the whole.  Here are
 * the layout and the table; what is made and read of frames is in
 * zseek_writer.h and zseek_decoder.h.
 *
 * What is read is hostile: all sizes are claims.
 */
#ifndef SEGTOOLS_ZSEEK_H
#define SEGTOOLS_ZSEEK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/msg.h"

enum {
	ZSEEK_HEAD = 8, /* magic, length: of any frame that is skipped */
	ZSEEK_ENTRY = 8,
	ZSEEK_ENTRY_SUM = 12,
	ZSEEK_FOOTER = 9,
	ZSEEK_SUMS = 0x80 /* the flag */
};

#define ZSEEK_MAGIC_FRAME UINT32_C(0xFD2FB528)
#define ZSEEK_MAGIC_SKIP UINT32_C(0x184D2A50) /* and the 15 after it */
#define ZSEEK_MAGIC_TABLE UINT32_C(0x184D2A5E)
#define ZSEEK_MAGIC_END UINT32_C(0x8F92EAB1)

/* Encode an entry, with its checksum or without its last bytes; how long
 * entries are; read a footer: RC_ABSENT, unreported, if it is none. */
void zseek_entry(
    uint8_t p[ZSEEK_ENTRY_SUM], uint64_t size, uint64_t content, uint32_t sum);
uint64_t zseek_entries(uint32_t frames, bool sums);
enum rc zseek_footer(const char *name, const uint8_t p[ZSEEK_FOOTER],
    uint32_t *frames, bool *sums);
/* RC_DATA: "NAME: bad seek table: WHY". */
enum rc zseek_bad(const char *name, const char *why);

struct zseek_table {
	uint32_t frames;
	bool sums;
	uint64_t content; /* of all frames */
	/* Where every so many frames begin. */
	const struct zseek_place {
		uint64_t at, content_at;
	} * places;
	const uint8_t *entries; /* as they are in the object */
	void *memory;           /* that has both, or NULL: another's */
};

struct zseek_frame {
	uint64_t at, content_at; /* offsets: in the object; in the contents */
	uint32_t size, content;
	uint32_t sum;
	bool has_sum;
};

/*
 * How long is the table at the end of an object of that size, whose last bytes
 * are at tail?  RC_ABSENT: it has none.  have: at least ZSEEK_FOOTER, or the
 * whole object.
 */
enum rc zseek_table_length(const char *name, const void *tail, size_t have,
    uint64_t size, uint64_t *length);
/* Open that many bytes as its table; they are copied.  RC_DATA if it does not
 * fit the object, reported under name. */
enum rc zseek_table_open(struct zseek_table *, const char *name,
    const void *table, size_t length, uint64_t size);
void zseek_table_release(struct zseek_table *);
/* Places and entries lie in one piece, which may be kept somewhere else: how
 * long it is; and the table on such a piece, aligned to 8 bytes, borrowed. */
uint64_t zseek_table_size(const struct zseek_table *);
void zseek_table_borrow(struct zseek_table *, const void *memory);

/* The i-th frame; and which one has that byte of the contents, which must have
 * it. */
void zseek_table_frame(
    const struct zseek_table *, uint32_t i, struct zseek_frame *);
uint32_t zseek_table_find(const struct zseek_table *, uint64_t offset);

#endif
