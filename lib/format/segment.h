/*
 * segment: headers and frames of the data objects of libsql-wal,
 * seg-segment(5).  Pure: bytes in, facts out.
 *
 * There are two layouts:
 *
 *            header  a frame         order   checksum
 *   OLD      60      16 + page size  by page CRC-32 of it all at the end
 *   LATER    56      20 + page size  any     a running CRC-32 in each frame
 *
 * OLD is read and written, LATER is read only.
 */
#ifndef SEGTOOLS_SEGMENT_H
#define SEGTOOLS_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/msg.h"
#include "format/key.h"

/* Data and index objects begin with "LIBSQL\0\0" as a number, and a version. */
#define SEG_MAGIC UINT64_C(0x4C494253514C0000)

enum seg_layout { SEG_OLD, SEG_LATER };

enum {
	SEG_VERSION = 1,
	SEG_HEADER = 60, /* old */
	SEG_HEADER_LATER = 56,
	SEG_HEADER_MAX = 60, /* enough for either */
	SEG_FRAME = 16,      /* frame header */
	SEG_FRAME_LATER = 20,
	SEG_FOOTER = 4,
	SEG_PAGE_MAX = 65536,
	SEG_ID = 16
};

struct seg_header {
	enum seg_layout layout;
	struct key key; /* start, end, time */
	uint8_t id[SEG_ID];
	uint32_t frames; /* > 0 */
	uint32_t size_after;
	uint32_t page_size;
};

/* Of a compressed object, which is read from front to back. */
#define SEG_LENGTH_UNKNOWN UINT64_MAX

/*
 * Tell the layout and check the header against key and length, the object's
 * size: no object fits both layouts with one key.  have: bytes at p
 * (>= SEG_HEADER_MAX or the whole object).  RC_DATA, reported under name.
 * Where the length is not known the key tells the layout, and LATER, whose
 * header does not say it, has 0 frames.
 */
enum rc seg_header_parse(struct seg_header *, const char *name, const void *p,
    size_t have, uint64_t length, const struct key *key);
/*
 * Where there is no key to be believed: what the object can be by its own
 * consistency, *n readings, OLD first.  Of two, which have different keys, the
 * checksums tell which is right.
 */
enum rc seg_header_guess(struct seg_header[2], size_t *n, const char *name,
    const void *p, size_t have, uint64_t length);
/* The 60 bytes of an OLD header. */
void seg_header_encode(const struct seg_header *, uint8_t out[SEG_HEADER]);

size_t seg_header_size(const struct seg_header *);
size_t seg_frame_header_size(const struct seg_header *);
size_t seg_frame_size(const struct seg_header *); /* header and page */
uint64_t seg_size(const struct seg_header *);     /* of the whole object */
/* Frames of a data object of so many bytes in the OLD layout with 4096-byte
 * pages, or UINT64_MAX (REC_UNKNOWN) if no whole number: for listings. */
uint64_t seg_pages_of_size(uint64_t bytes);

/* SQLite's page that holds byte 2^30 and is never written. */
uint32_t seg_lock_page(uint32_t page_size);
bool seg_page_size_valid(uint32_t page_size);

/*
 * A frame's header.  Decoding checks it: page >= 1, start <= frame_no <= end,
 * no unknown flags, and in the OLD layout page_no greater than the one that *f
 * held before (0 for the first).  NULL, or what is wrong with it.
 */
struct seg_frame {
	uint32_t page_no;
	uint64_t frame_no;
	uint32_t flags; /* LATER */
	uint32_t crc;   /* LATER: running, up to the end of this frame's page */
};
const char *seg_frame_decode(
    struct seg_frame *f, const struct seg_header *, const void *p);
/* In the OLD layout. */
void seg_frame_encode(
    uint8_t out[SEG_FRAME], uint32_t page_no, uint64_t frame_no);

#endif
