/*
 * wal: the bytes of SQLite's write-ahead log (sqlite.org/fileformat2.html, 4).
 * Pure: bytes in, facts out.
 */
#ifndef SEGTOOLS_WAL_H
#define SEGTOOLS_WAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WAL_HEADER = 32, WAL_FRAME = 24, WAL_SALT = 8 };

/*
 * A place in a generation of the log, just behind a frame.  The sum is the
 * running checksum there, which vouches for all frames before.  frame 0: the
 * log holds nothing.
 */
struct wal_place {
	uint32_t frame;
	uint8_t salt[WAL_SALT];
	uint32_t sum[2];
};

bool wal_place_equal(const struct wal_place *, const struct wal_place *);

struct wal {
	bool big_endian; /* of the checksum's words */
	uint32_t page_size;
	struct wal_place place; /* behind the last frame taken */
};

/* The header; place is then in front of frame 1.  False if it is none. */
bool wal_begin(struct wal *, const uint8_t header[WAL_HEADER]);

/* Where frame n (from 1) begins. */
uint64_t wal_offset(const struct wal *, uint32_t n);

struct wal_frame {
	uint32_t page;
	uint32_t commit; /* size of the database in pages, or 0: no commit */
};

/* Take the next frame, WAL_FRAME bytes and the page.  False, and place stays,
 * if it is not of this generation or its checksum is not the running one. */
bool wal_take(struct wal *, const uint8_t *frame, struct wal_frame *);

/* Whether this is the header of a frame of its generation. */
bool wal_frame_follows(const struct wal *, const uint8_t header[WAL_FRAME]);

/* Whether this header of frame place->frame is the one remembered. */
bool wal_frame_is(
    const struct wal_place *place, const uint8_t header[WAL_FRAME]);

#endif
