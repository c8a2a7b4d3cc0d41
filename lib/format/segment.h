/*
 * segment: the data objects and the index header of libsql-wal, seg-segment(5).
 * Pure: bytes in, facts out.
 *
 * Two layouts of data objects.  OLD, which is written: header of 60 bytes,
 * frames of 16 + page size bytes in page order, CRC-32 of it all.  LATER, read
 * only: header of 56, frames of 20 + page size in any order, each with a
 * running CRC-32.
 */
#ifndef SEGTOOLS_SEGMENT_H
#define SEGTOOLS_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/msg.h"
#include "format/key.h"

enum seg_layout { SEG_OLD, SEG_LATER };

enum {
	SEG_HEADER = 60, /* old */
	SEG_HEADER_LATER = 56,
	SEG_HEADER_MAX = 60, /* enough for either */
	SEG_FRAME = 16,      /* frame header */
	SEG_FRAME_LATER = 20,
	SEG_FOOTER = 4,
	SEG_PAGE_MAX = 65536,
	SEG_INDEX_HEADER = 22,
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

/*
 * Tell the layout and check the header: against length, the object's size, and
 * against key, unless that is NULL (then by its own consistency; a header that
 * fits both layouts is given as OLD and *ambiguous is set if not NULL: the CRC
 * decides).  have: bytes at p (>= SEG_HEADER_MAX or the whole object). RC_DATA,
 * reported under name.
 */
enum rc seg_header_parse(struct seg_header *, const char *name, const void *p,
    size_t have, uint64_t length, const struct key *key, bool *ambiguous);
/* The 60 bytes of an OLD header. */
void seg_header_encode(const struct seg_header *, uint8_t out[SEG_HEADER]);

size_t seg_header_size(const struct seg_header *);
size_t seg_frame_header_size(const struct seg_header *);
size_t seg_frame_size(const struct seg_header *); /* header and page */
uint64_t seg_size(const struct seg_header *);     /* of the whole object */
/* Frames of a data object of so many bytes in the OLD layout with 4096-byte
 * pages, or REC_UNKNOWN-like UINT64_MAX if no whole number: for listings. */
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

/* CRC-32 (IEEE) continued from crc; start with 0. */
uint32_t seg_crc(uint32_t crc, const void *data, size_t len);
/* That of anything with its own CRC-32 behind it, as a good object of the OLD
 * layout is. */
#define SEG_CRC_WHOLE UINT32_C(0x2144df1c)
/* The CRC of A followed by B, from those of A and B. */
uint32_t seg_crc_combine(uint32_t a, uint32_t b, uint64_t b_len);

/*
 * Check a data object that arrives piece by piece, in order: header, every
 * CRC, frame headers (page >= 1, start <= frame_no <= end, page numbers
 * ascending (OLD)).  on_frame, if not NULL, gets each frame's position, page
 * and number once it is known to be good (OLD: but for the CRC, which comes
 * last). A later-layout object with a page twice is not an error here (the
 * first counts).  key may be NULL; on_frame then must be NULL too, since only
 * the end may tell the layout.  Errors are reported once, under name.
 */
struct seg_check;
struct seg_check *seg_check_new(const char *name, const struct key *key,
    uint64_t length,
    enum rc (*on_frame)(
	void *arg, uint32_t position, uint32_t page, uint64_t frame_no),
    void *arg);
enum rc seg_check_feed(struct seg_check *, const void *data, size_t len);
/* The header, from the first on_frame() on. */
const struct seg_header *seg_check_header(const struct seg_check *);
/* After the last byte; *header is filled in if not NULL. */
enum rc seg_check_end(struct seg_check *, struct seg_header *header);
void seg_check_free(struct seg_check *);

/* The 22 bytes in front of an index's FST. */
void seg_index_header_encode(
    uint64_t fst_len, uint32_t fst_crc, uint8_t out[SEG_INDEX_HEADER]);
/* Check magic, version, length and CRC; where the FST is.  A bare FST, as the
 * later compactor writes into directories, is taken too. */
enum rc seg_index_open(const char *name, const void *data, size_t len,
    const uint8_t **fst, size_t *fst_len);

/*
 * The checksum of the whole database in a segment's id (spec 1.6).  sum is the
 * XOR of the hashes of all pages but the lock page.
 */
struct seg_sum {
	uint64_t high, low;
};
void seg_sum_page(
    struct seg_sum *, uint32_t page_no, const void *page, uint32_t page_size);
void seg_sum_to_id(const struct seg_sum *, uint8_t id[SEG_ID]);
bool seg_id_has_sum(const uint8_t id[SEG_ID]);
bool seg_id_matches(const uint8_t id[SEG_ID], const struct seg_sum *);

#endif
