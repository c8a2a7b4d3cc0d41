/* btree: see btree.h. */

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "diff/btree.h"

enum {
	INDEX_INSIDE = 2,
	TABLE_INSIDE = 5,
	INDEX_LEAF = 10,
	TABLE_LEAF = 13,
	FIRST_HEADER = 100,
	CELLS = 3, /* in the page's header */
	LAST_CHILD = 8,
	LEAF_HEADER = 8,
	INSIDE_HEADER = 12
};

bool
btree_is_page(const uint8_t *bytes, uint32_t page)
{
	switch (bytes[page == 1 ? FIRST_HEADER : 0]) {
	case INDEX_INSIDE:
	case TABLE_INSIDE:
	case INDEX_LEAF:
	case TABLE_LEAF:
		return true;
	default:
		return false;
	}
}

static uint32_t
header_size(const struct btree_page *p)
{
	return p->start + (p->is_leaf ? LEAF_HEADER : INSIDE_HEADER);
}

enum rc
btree_read(struct side *s, struct btree_page *p, uint32_t page)
{
	const uint8_t *bytes, *header;
	enum rc rc = side_page(s, page, &bytes);

	if (rc)
		return rc;
	if (!btree_is_page(bytes, page))
		return side_damaged(s, page, "no page of a b-tree");
	if (!p->bytes)
		p->bytes = xmalloc(s->page_size);
	memcpy(p->bytes, bytes, s->page_size);
	p->no = page;
	p->usable = s->usable;
	p->start = page == 1 ? FIRST_HEADER : 0;
	header = p->bytes + p->start;
	p->is_leaf = *header == TABLE_LEAF || *header == INDEX_LEAF;
	p->is_index = *header == INDEX_LEAF || *header == INDEX_INSIDE;
	p->cells = be16(header + CELLS);
	if (header_size(p) + 2 * p->cells > p->usable)
		return side_damaged(s, page, "more cells than it can hold");
	return RC_OK;
}

void
btree_release(struct btree_page *p)
{
	free(p->bytes);
	p->bytes = NULL;
}

unsigned
btree_varint(const uint8_t *p, const uint8_t *end, uint64_t *value)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 9 && p + i < end; i++) {
		if (i == 8) {
			*value = v << 8 | p[i];
			return 9;
		}
		v = v << 7 | (p[i] & 0x7f);
		if (p[i] < 0x80) {
			*value = v;
			return i + 1;
		}
	}
	return 0;
}

/* ---- cells ---- */

/* Where a cell begins; NULL: not in the page. */
static const uint8_t *
cell_start(const struct btree_page *p, unsigned i)
{
	uint32_t at = be16(p->bytes + header_size(p) + 2 * (size_t)i);

	return at < header_size(p) || at + 4 > p->usable ? NULL : p->bytes + at;
}

enum rc
btree_child(const struct side *s, const struct btree_page *p, unsigned i,
    uint32_t *child)
{
	const uint8_t *at =
	    i == p->cells ? p->bytes + p->start + LAST_CHILD : cell_start(p, i);

	if (!at)
		return side_damaged(s, p->no, "a cell outside of it");
	*child = be32(at);
	if (*child == 0 || *child > s->pages)
		return side_damaged(s, p->no, "a child that there is not");
	return RC_OK;
}

/* How much of a payload is in the page. */
static uint32_t
local_size(const struct btree_page *p, uint64_t size)
{
	uint32_t u = p->usable;
	uint32_t most = p->is_index ? (u - 12) * 64 / 255 - 23 : u - 35;
	uint32_t least = (u - 12) * 32 / 255 - 23;
	uint64_t k;

	if (size <= most)
		return (uint32_t)size;
	k = least + (size - least) % (u - 4);
	return (uint32_t)(k <= most ? k : least);
}

/* The parts of a cell from at on; false: it is not whole. */
static bool
parse(const struct btree_page *p, const uint8_t *at, struct btree_cell *c)
{
	const uint8_t *end = p->bytes + p->usable;
	uint64_t rowid = 0;
	unsigned n;

	*c = (struct btree_cell){0};
	if (!p->is_leaf)
		at += 4;
	if (p->is_leaf || p->is_index) {
		n = btree_varint(at, end, &c->size);
		if (n == 0)
			return false;
		at += n;
	}
	if (!p->is_index) {
		n = btree_varint(at, end, &rowid);
		if (n == 0)
			return false;
		at += n;
		c->rowid = (int64_t)rowid;
	}
	c->local = at;
	c->local_size = local_size(p, c->size);
	if (c->local_size > end - at)
		return false;
	if (c->local_size == c->size)
		return true;
	if (end - at - c->local_size < 4)
		return false;
	c->overflow = be32(at + c->local_size);
	return true;
}

enum rc
btree_cell(const struct side *s, const struct btree_page *p, unsigned i,
    struct btree_cell *c)
{
	const uint8_t *at = cell_start(p, i);

	if (!at || !parse(p, at, c))
		return side_damaged(s, p->no, "a cell outside of it");
	return RC_OK;
}

/* ---- payloads ---- */

enum rc
btree_chain(struct side *s, const struct btree_cell *c,
    bool (*visit)(void *arg, uint32_t page, const uint8_t *bytes), void *arg)
{
	uint32_t page = c->overflow, room = s->usable - 4;
	uint64_t left = c->size - c->local_size, pages = 0;

	while (left > 0) {
		const uint8_t *bytes;
		enum rc rc = side_page(s, page, &bytes);

		if (rc == RC_OK && ++pages > s->pages)
			rc = side_damaged(s, page, "a chain without an end");
		if (rc)
			return rc;
		if (!visit(arg, page, bytes))
			return RC_OK;
		page = be32(bytes);
		left -= left < room ? left : room;
	}
	return RC_OK;
}

struct gather {
	struct buf *out;
	uint64_t left;
	uint32_t room;
};

static bool
gather_page(void *arg, uint32_t page, const uint8_t *bytes)
{
	struct gather *g = arg;
	size_t n = g->left < g->room ? (size_t)g->left : g->room;

	(void)page;
	buf_add(g->out, bytes + 4, n);
	g->left -= n;
	return true;
}

enum rc
btree_payload(struct side *s, const struct btree_cell *c, struct buf *out)
{
	struct gather g = {.out = out, .room = s->usable - 4};

	if (c->size > VALUE_MAX)
		return msg_fail(RC_DATA, "%s: a row of %llu bytes: too big",
		    s->name, (unsigned long long)c->size);
	buf_clear(out);
	buf_add(out, c->local, c->local_size);
	g.left = c->size - c->local_size;
	return btree_chain(s, c, gather_page, &g);
}
