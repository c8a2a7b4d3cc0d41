/*
 * btree: a page of a b-tree of SQLite's, and its cells.  Every length and offset
 * is a claim that is checked.
 *
 * https://www.sqlite.org/fileformat2.html, 1.6
 */
#ifndef SEGTOOLS_BTREE_H
#define SEGTOOLS_BTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "diff/side.h"

struct btree_page {
	uint8_t *bytes; /* a copy */
	uint32_t no;
	uint32_t usable;
	uint32_t start; /* of the page's header: 100 in page 1 */
	bool is_leaf;
	bool is_index; /* or a table without rowids; else rows by rowid */
	unsigned cells;
};

struct btree_cell {
	int64_t rowid;        /* not in an index */
	uint64_t size;        /* of the payload; 0 in the inside of a table */
	const uint8_t *local; /* its beginning, in the page */
	uint32_t local_size;
	uint32_t overflow; /* the page where it goes on; 0: it does not */
};

/* Does the page look like one of a b-tree? */
bool btree_is_page(const uint8_t *bytes, uint32_t page);

/* Read a page that must be one of a b-tree into *p, all-zero or used before. */
enum rc btree_read(struct side *, struct btree_page *p, uint32_t page);
void btree_release(struct btree_page *);

/* The child that is left of a cell, or with i == p->cells the last one. */
enum rc btree_child(const struct side *, const struct btree_page *, unsigned i,
    uint32_t *child);
enum rc btree_cell(const struct side *, const struct btree_page *, unsigned i,
    struct btree_cell *);

/* The whole payload in *out. */
enum rc btree_payload(
    struct side *, const struct btree_cell *, struct buf *out);

/* For each page of the payload's chain: visit() may end it with false. */
enum rc btree_chain(struct side *, const struct btree_cell *,
    bool (*visit)(void *arg, uint32_t page, const uint8_t *bytes), void *arg);

/* A number as SQLite writes it: its bytes, 0 if it does not end before end. */
unsigned btree_varint(const uint8_t *p, const uint8_t *end, uint64_t *value);

#endif
