/*
 * fst: the map file of BurntSushi's fst crate, version 3 (0.4.7), for keys of 4
 * bytes: page number -> frame position, read from memory.  seg-segment(5)
 * describes the file.  No recursion, no allocation for each key.
 */
#ifndef SEGTOOLS_FST_H
#define SEGTOOLS_FST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/msg.h"

enum { FST_KEY = 4 }; /* bytes of a key, levels of states */

/* A map in memory, borrowed.  name is what messages call it. */
struct fst {
	const char *name;
	const uint8_t *data;
	uint64_t len;
	uint64_t root;
	uint64_t count; /* keys, as the file claims */
};

/* Check length, version, type, checksum and root.  RC_DATA otherwise. */
enum rc fst_open(struct fst *, const char *name, const void *data, size_t len);

/* The value of page; RC_ABSENT, or RC_DATA for a damaged map. */
enum rc fst_get(const struct fst *, uint32_t page, uint64_t *value);

/*
 * Ascending iteration.  RC_ABSENT at the end; RC_DATA, reported, for keys out
 * of order, more or (at the end) fewer keys than count.
 */
struct fst_state {
	const uint8_t *input; /* of transition i: input[-i] */
	uint64_t start;       /* offset of the state's first byte */
	uint64_t targets; /* transition i's ends at targets - i * its width */
	uint64_t outputs; /* likewise */
	uint64_t final_output;
	uint16_t n; /* transitions */
	uint8_t target_width, output_width;
	bool next; /* the one target is the state that ends before start */
	bool final;
};
struct fst_iter {
	const struct fst *fst;
	uint64_t seen; /* keys given so far */
	bool counted;  /* from the first key on: seen must reach count */
	int depth;     /* the level to go on from; -1: at the end */
	struct {
		struct fst_state state;
		uint64_t sum;   /* of the outputs on the way here */
		unsigned taken; /* transitions taken */
		int last;       /* input of the last one; -1: none */
	} level[FST_KEY];
};
void fst_iter_init(struct fst_iter *, const struct fst *);
/* Go to the first key >= page; the count is then not checked at the end. */
enum rc fst_iter_seek(struct fst_iter *, uint32_t page);
enum rc fst_iter_next(struct fst_iter *, uint32_t *page, uint64_t *value);

/* What reader and builder share: the layout of a map. */
enum {
	FST_VERSION = 3,
	FST_HEAD = 16,       /* version, type */
	FST_FOOT = 20,       /* keys, root, checksum */
	FST_INDEX_FROM = 33, /* transitions from which a state has an index, */
	FST_INDEX = 256,     /* of so many bytes */
	FST_COMMON = 63      /* input bytes with a short form */
};
extern const uint8_t fst_common[FST_COMMON + 1]; /* by rank */

/* The checksum of a map, from the CRC-32C of all before it. */
uint32_t fst_checksum(uint32_t crc32c);

/* The byte of a page's key that leads on from a state at that depth. */
static inline uint8_t
fst_key_byte(uint32_t page, int depth)
{
	return (uint8_t)(page >> 8 * (FST_KEY - 1 - depth));
}

#endif
