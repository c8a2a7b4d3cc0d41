/*
 * fst: the map file of BurntSushi's fst crate, version 3 (0.4.7), for keys of 4
 * bytes: page number -> frame position.  Read from memory, and built byte for
 * byte as the crate builds it; seg-segment(5) describes the file.  Bounded
 * memory, no recursion, no allocation for each key.
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

/* The union of n maps: each page once, with the value that the map of the
 * highest index gives, and that index.  RC_ABSENT at the end. */
struct fst_union;
struct fst_union *fst_union_new(const struct fst *maps, size_t n);
enum rc fst_union_next(
    struct fst_union *, uint32_t *page, size_t *map, uint64_t *value);
void fst_union_free(struct fst_union *);

/* The builder.  Bytes go to sink in order as they are made. */
struct fst_builder;
struct fst_builder *fst_builder_new(
    enum rc (*sink)(void *arg, const void *data, size_t len), void *arg);
/* Pages strictly ascending (RC_DATA otherwise). */
enum rc fst_builder_add(struct fst_builder *, uint32_t page, uint64_t value);
enum rc fst_builder_finish(struct fst_builder *, uint64_t *len);
void fst_builder_free(struct fst_builder *);

#endif
