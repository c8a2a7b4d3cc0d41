/*
 * fst: see fst.h.
 *
 * The file is an automaton.  Its states are written children first and read
 * backwards from their last byte, whose offset is a state's address.  Address 0
 * is the empty final state, which has no bytes.  Reading checks a state as a
 * whole when it is entered; after that its transitions are in bounds.
 */

#include <stdlib.h>
#include <string.h>

#include <isa-l/crc.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "format/fst.h"

enum {
	HEAD = 16,       /* version, type */
	FOOT = 20,       /* keys, root, checksum */
	INDEX_FROM = 33, /* transitions from which a state has an index */
	INDEX = 256,
	COMMON = 63 /* input bytes with a short form in the state byte */
};

/* The common inputs, by rank. */
static const uint8_t common[COMMON + 1] =
    "te/oasripcnw.hlm-du012g=:bf3y5&_4v9678k%?xCDASFIBEjPTzRNM+LOqHG";

static uint32_t
crc32c(uint32_t state, const void *data, size_t len)
{
	union {
		const void *from;
		void *to;
	} u = {.from = data}; /* ISA-L takes no const */

	while (len > 0) {
		int n = len > 1 << 30 ? 1 << 30 : (int)len;

		state = crc32_iscsi(u.to, n, state);
		u.to = (uint8_t *)u.to + n;
		len -= (size_t)n;
	}
	return state;
}

static uint32_t
masked(uint32_t state)
{
	uint32_t crc = ~state;

	return (crc >> 15 | crc << 17) + 0xA282EAD8u;
}

/* ---- reading ---- */

/* width bytes at p.  The footer behind the states makes it safe to load eight
 * wherever a state has one. */
static inline uint64_t
unpack(const uint8_t *p, unsigned width)
{
	uint64_t v = le64(p);

	return width >= 8 ? v : v & ((UINT64_C(1) << 8 * width) - 1);
}

enum rc
fst_open(struct fst *f, const char *name, const void *data, size_t len)
{
	*f = (struct fst){.name = name, .data = data, .len = len};
	if (len < HEAD + FOOT)
		return msg_fail(RC_DATA, "%s: too short for an index", name);
	if (le64(f->data) != 3 || le64(f->data + 8) != 0)
		return msg_fail(
		    RC_DATA, "%s: not an FST map of version 3", name);
	f->count = le64(f->data + len - FOOT);
	f->root = le64(f->data + len - 12);
	if (masked(crc32c(~0u, data, len - 4)) != le32(f->data + len - 4))
		return msg_fail(
		    RC_DATA, "%s: the FST's checksum is wrong", name);
	/* Root 0, the empty final state, is a map of the empty key. */
	if (f->root != len - FOOT - 1 || f->root < HEAD)
		return msg_fail(
		    RC_DATA, "%s: the FST's root is not its last state", name);
	return RC_OK;
}

static bool
decode_one(const struct fst *f, uint64_t addr, struct fst_state *s)
{
	uint8_t byte = f->data[addr];
	unsigned rank = byte & 63, own = rank == 0;
	uint64_t sizes = addr - 1 - own; /* the pack sizes' offset */
	uint8_t pack;

	if (addr < HEAD + own)
		return false;
	s->n = 1;
	s->input = rank ? &common[rank - 1] : f->data + addr - 1;
	s->next = byte >> 6 == 3;
	if (s->next) {
		s->start = addr - own;
		return true;
	}
	if (addr < HEAD + 1 + own)
		return false;
	pack = f->data[sizes];
	s->target_width = pack >> 4;
	s->output_width = pack & 15;
	if (s->target_width < 1 || s->target_width > 8 || s->output_width > 8 ||
	    sizes - HEAD < (uint64_t)s->target_width + s->output_width)
		return false;
	s->targets = sizes - s->target_width;
	s->outputs = s->targets - s->output_width;
	s->start = s->outputs;
	return true;
}

static bool
decode_any(const struct fst *f, uint64_t addr, struct fst_state *s)
{
	uint8_t byte = f->data[addr], pack;
	unsigned n = byte & 63, own = n == 0;
	uint64_t end, size, index;

	if (addr < HEAD + 1 + own)
		return false;
	if (own)
		n = f->data[addr - 1] == 1 ? 256 : f->data[addr - 1];
	pack = f->data[addr - 1 - own];
	index = n >= INDEX_FROM ? INDEX : 0;
	s->n = (uint16_t)n;
	s->final = byte >> 6 == 1;
	s->target_width = pack >> 4;
	s->output_width = pack & 15;
	size = n * (1u + s->target_width + s->output_width) +
	       (s->final ? s->output_width : 0);
	end = addr - 1 - own; /* of the inputs, index or not */
	if (s->target_width > 8 || s->output_width > 8 ||
	    (n > 0 && s->target_width == 0) || end - HEAD < index + size)
		return false;
	end -= index;
	s->input = f->data + end - 1;
	s->targets = end - n - s->target_width;
	s->outputs = end - n - n * (uint64_t)s->target_width - s->output_width;
	s->start = end - size;
	if (s->final)
		s->final_output = unpack(f->data + s->start, s->output_width);
	return true;
}

static enum rc
damaged(const struct fst *f, const char *why)
{
	return msg_fail(RC_DATA, "%s: damaged FST: %s", f->name, why);
}

static enum rc
decode(const struct fst *f, uint64_t addr, struct fst_state *s)
{
	*s = (struct fst_state){0};
	if (addr < HEAD || addr >= f->len - FOOT)
		return damaged(f, "a state outside of the file");
	if (!(f->data[addr] & 0x80 ? decode_one(f, addr, s)
				   : decode_any(f, addr, s)))
		return damaged(f, "a state that cannot be");
	return RC_OK;
}

static inline uint64_t
output_of(const struct fst *f, const struct fst_state *s, unsigned i)
{
	if (s->output_width == 0)
		return 0;
	return unpack(f->data + s->outputs - i * (uint64_t)s->output_width,
	    s->output_width);
}

/* The address of transition i's target; one below HEAD but not 0 is refused by
 * decode(), to which it goes. */
static inline uint64_t
target_of(const struct fst *f, const struct fst_state *s, unsigned i)
{
	uint64_t delta;

	if (s->next)
		return s->start - 1;
	delta = unpack(f->data + s->targets - i * (uint64_t)s->target_width,
	    s->target_width);
	if (delta == 0)
		return 0;
	return delta <= s->start - HEAD ? s->start - delta : 1;
}

/* Enter the state at addr, which is not the last of a key. */
static enum rc
enter(const struct fst *f, uint64_t addr, struct fst_state *s)
{
	enum rc rc;

	if (addr == 0)
		return damaged(f, "a key that is too short");
	rc = decode(f, addr, s);
	if (rc == RC_OK && s->final)
		rc = damaged(f, "a key that is too short");
	return rc;
}

/* The end of a key: nearly always address 0. */
static enum rc
leave(const struct fst *f, uint64_t addr, uint64_t *value)
{
	struct fst_state s;
	enum rc rc;

	if (addr == 0)
		return RC_OK;
	rc = decode(f, addr, &s);
	if (rc == RC_OK && (!s.final || s.n > 0))
		rc = damaged(f, "a key that is too long");
	if (rc == RC_OK)
		*value += s.final_output;
	return rc;
}

static inline uint8_t
key_byte(uint32_t page, int depth)
{
	return (uint8_t)(page >> 8 * (FST_KEY - 1 - depth));
}

/* The first transition whose input is at least byte; n if there is none. */
static unsigned
first_at_least(const struct fst_state *s, unsigned byte)
{
	unsigned low = 0, high = s->n;

	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (s->input[-(ptrdiff_t)mid] < byte)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

enum rc
fst_get(const struct fst *f, uint32_t page, uint64_t *value)
{
	struct fst_state s;
	uint64_t addr = f->root, sum = 0;
	enum rc rc;

	for (int d = 0; d < FST_KEY; d++) {
		uint8_t byte = key_byte(page, d);
		unsigned i;

		rc = enter(f, addr, &s);
		if (rc)
			return rc;
		i = first_at_least(&s, byte);
		if (i == s.n || s.input[-(ptrdiff_t)i] != byte)
			return RC_ABSENT;
		sum += output_of(f, &s, i);
		addr = target_of(f, &s, i);
	}
	*value = sum;
	return leave(f, addr, value);
}

void
fst_iter_init(struct fst_iter *it, const struct fst *f)
{
	it->fst = f;
	it->seen = 0;
	it->counted = true;
	it->depth = 0;
	it->level[0].sum = 0;
	it->level[0].taken = 0;
	it->level[0].last = -1;
	/* A root that cannot be is found by the first step. */
	if (f->len < HEAD + FOOT || enter(f, f->root, &it->level[0].state))
		it->depth = -2;
}

static enum rc
descend(struct fst_iter *it, uint64_t addr, uint64_t sum)
{
	int d = it->depth + 1;
	enum rc rc = enter(it->fst, addr, &it->level[d].state);

	if (rc) {
		it->depth = -2;
		return rc;
	}
	it->level[d].sum = sum;
	it->level[d].taken = 0;
	it->level[d].last = -1;
	it->depth = d;
	return RC_OK;
}

enum rc
fst_iter_seek(struct fst_iter *it, uint32_t page)
{
	enum rc rc;

	fst_iter_init(it, it->fst);
	it->counted = false;
	for (int d = 0; it->depth == d; d++) {
		struct fst_state *s = &it->level[d].state;
		unsigned i = first_at_least(s, key_byte(page, d));

		it->level[d].taken = i;
		if (d == FST_KEY - 1 || i == s->n ||
		    s->input[-(ptrdiff_t)i] != key_byte(page, d))
			return RC_OK;
		it->level[d].taken++;
		it->level[d].last = key_byte(page, d);
		rc = descend(it, target_of(it->fst, s, i),
		    it->level[d].sum + output_of(it->fst, s, i));
		if (rc)
			return rc;
	}
	return RC_DATA;
}

static enum rc
at_end(struct fst_iter *it)
{
	if (it->depth == -2)
		return RC_DATA; /* reported before */
	it->depth = -1;
	if (it->counted && it->seen != it->fst->count) {
		it->depth = -2;
		return damaged(it->fst, "fewer keys than it claims");
	}
	return RC_ABSENT;
}

/* All levels' inputs are ascending, so the keys are. */
enum rc
fst_iter_next(struct fst_iter *it, uint32_t *page, uint64_t *value)
{
	const struct fst *f = it->fst;
	enum rc rc;

	while (it->depth >= 0) {
		int d = it->depth;
		struct fst_state *s = &it->level[d].state;
		unsigned i = it->level[d].taken;
		uint64_t sum, addr;

		if (i == s->n) {
			it->depth--;
			continue;
		}
		if (s->input[-(ptrdiff_t)i] <= it->level[d].last) {
			it->depth = -2;
			return damaged(f, "keys out of order");
		}
		it->level[d].taken++;
		it->level[d].last = s->input[-(ptrdiff_t)i];
		sum = it->level[d].sum + output_of(f, s, i);
		addr = target_of(f, s, i);
		if (d < FST_KEY - 1) {
			rc = descend(it, addr, sum);
			if (rc)
				return rc;
			continue;
		}
		if (it->seen++ == f->count) {
			it->depth = -2;
			return damaged(f, "more keys than it claims");
		}
		*page = (uint32_t)it->level[0].last << 24 |
			(uint32_t)it->level[1].last << 16 |
			(uint32_t)it->level[2].last << 8 |
			(uint32_t)it->level[3].last;
		*value = sum;
		return leave(f, addr, value);
	}
	return at_end(it);
}

/* ---- the union ---- */

/* A heap of the maps by their next key; of equal keys the highest map first. */
struct fst_union {
	size_t n; /* in the heap */
	enum rc rc;
	struct source {
		uint32_t page;
		size_t map;
		uint64_t value;
		struct fst_iter *iter;
	} * heap;
	struct fst_iter *iters;
};

static inline bool
before(const struct source *a, const struct source *b)
{
	return a->page != b->page ? a->page < b->page : a->map > b->map;
}

static void
sift_down(struct fst_union *u, size_t i)
{
	struct source moving = u->heap[i];
	size_t c;

	while ((c = 2 * i + 1) < u->n) {
		if (c + 1 < u->n && before(&u->heap[c + 1], &u->heap[c]))
			c++;
		if (!before(&u->heap[c], &moving))
			break;
		u->heap[i] = u->heap[c];
		i = c;
	}
	u->heap[i] = moving;
}

/* The top moves on to its map's next key, or out. */
static void
advance(struct fst_union *u)
{
	struct source *top = &u->heap[0];
	enum rc rc = fst_iter_next(top->iter, &top->page, &top->value);

	if (rc == RC_ABSENT)
		*top = u->heap[--u->n];
	else if (rc)
		u->rc = rc;
	if (u->n > 1)
		sift_down(u, 0);
}

struct fst_union *
fst_union_new(const struct fst *maps, size_t n)
{
	struct fst_union *u = xcalloc(1, sizeof(*u));

	u->heap = xcalloc(n, sizeof(*u->heap));
	u->iters = xcalloc(n, sizeof(*u->iters));
	for (size_t i = 0; i < n; i++) {
		struct source *s = &u->heap[u->n];
		enum rc rc;

		s->map = i;
		s->iter = &u->iters[i];
		fst_iter_init(s->iter, &maps[i]);
		rc = fst_iter_next(s->iter, &s->page, &s->value);
		if (rc == RC_OK)
			u->n++;
		else if (rc != RC_ABSENT)
			u->rc = rc;
	}
	for (size_t i = u->n / 2; i-- > 0;)
		sift_down(u, i);
	return u;
}

enum rc
fst_union_next(
    struct fst_union *u, uint32_t *page, size_t *map, uint64_t *value)
{
	if (u->rc)
		return u->rc;
	if (u->n == 0)
		return RC_ABSENT;
	*page = u->heap[0].page;
	*map = u->heap[0].map;
	*value = u->heap[0].value;
	do
		advance(u);
	while (u->rc == RC_OK && u->n > 0 && u->heap[0].page == *page);
	return u->rc;
}

void
fst_union_free(struct fst_union *u)
{
	if (!u)
		return;
	free(u->iters);
	free(u->heap);
	free(u);
}

/* ---- building ---- */

enum {
	BUCKETS = 10000,
	NO_ADDR = 1,
	OUT = 64 << 10,
	/* The largest state: 256 transitions of 17 bytes, index and the rest.
	 */
	STATE_MAX = 8 << 10
};

/* A state on the path of the last key: the transitions whose targets are
 * written, and the one that the path goes on by. */
struct open_state {
	unsigned n;
	uint8_t input[256];
	uint64_t output[256];
	uint64_t target[256];
	uint8_t open_input;
	uint64_t open_output;
};

/*
 * The registry that finds equal states: a small cache, not a full map.  Which
 * states it forgets shows in the bytes of the file, so each detail is the
 * crate's.  A cell has the state in a packed form of its own, of which equal
 * states have equal bytes.
 */
struct cell {
	uint64_t addr; /* NO_ADDR: empty */
	uint32_t len, cap;
	uint8_t *packed;
};

struct fst_builder {
	enum rc (*sink)(void *, const void *, size_t);
	void *arg;
	enum rc rc;
	uint64_t pos; /* bytes made so far */
	uint64_t last_addr;
	uint64_t count;
	uint32_t last_page;
	uint32_t crc;
	size_t out_len;
	struct open_state state[FST_KEY];
	struct cell cells[BUCKETS][2]; /* the front one first */
	uint8_t packed[STATE_MAX];
	uint8_t out[OUT + STATE_MAX];
};

static void
out_flush(struct fst_builder *b)
{
	b->crc = crc32c(b->crc, b->out, b->out_len);
	if (b->rc == RC_OK)
		b->rc = b->sink(b->arg, b->out, b->out_len);
	b->out_len = 0;
}

static void
out_u64(struct fst_builder *b, uint64_t v)
{
	put_le64(b->out + b->out_len, v);
	b->out_len += 8;
	b->pos += 8;
}

struct fst_builder *
fst_builder_new(
    enum rc (*sink)(void *arg, const void *data, size_t len), void *arg)
{
	struct fst_builder *b = xcalloc(1, sizeof(*b));

	b->sink = sink;
	b->arg = arg;
	b->last_addr = NO_ADDR;
	b->crc = ~0u;
	for (size_t i = 0; i < BUCKETS; i++)
		b->cells[i][0].addr = b->cells[i][1].addr = NO_ADDR;
	out_u64(b, 3);
	out_u64(b, 0);
	return b;
}

void
fst_builder_free(struct fst_builder *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		free(b->cells[i][0].packed);
		free(b->cells[i][1].packed);
	}
	free(b);
}

static inline unsigned
width_of(uint64_t v)
{
	return v ? (unsigned)(71 - __builtin_clzll(v)) / 8 : 1;
}

/* v in width bytes; up to 8 bytes are written, the rest is overwritten next. */
static inline uint8_t *
pack(uint8_t *p, uint64_t v, unsigned width)
{
	put_le64(p, v);
	return p + width;
}

static uint64_t
all_bits(const uint64_t *v, unsigned n)
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < n; i++)
		bits |= v[i];
	return bits;
}

/* The state's own packed form, with absolute targets, in b->packed. */
static uint32_t
pack_state(struct fst_builder *b, const struct open_state *s)
{
	uint64_t outputs = all_bits(s->output, s->n);
	unsigned ow = outputs ? width_of(outputs) : 0;
	unsigned tw = width_of(all_bits(s->target, s->n));
	uint8_t *p = b->packed;

	put_le16(p, (uint16_t)s->n);
	p[2] = (uint8_t)(tw << 4 | ow);
	p += 3;
	memcpy(p, s->input, s->n);
	p += s->n;
	for (unsigned i = 0; i < s->n; i++)
		p = pack(p, s->target[i], tw);
	if (ow)
		for (unsigned i = 0; i < s->n; i++)
			p = pack(p, s->output[i], ow);
	return (uint32_t)(p - b->packed);
}

/* FNV-1a over words, with those of the final flag and output, which are 0. */
static uint64_t
hash_state(const struct open_state *s)
{
	const uint64_t prime = 0x100000001b3;
	uint64_t h = 0xcbf29ce484222325;

	h = h * prime * prime;
	for (unsigned i = 0; i < s->n; i++) {
		h = (h ^ s->input[i]) * prime;
		h = (h ^ s->output[i]) * prime;
		h = (h ^ s->target[i]) * prime;
	}
	return h;
}

static bool
cell_holds(const struct cell *c, const uint8_t *packed, uint32_t len)
{
	return c->addr != NO_ADDR && c->len == len &&
	       memcmp(c->packed, packed, len) == 0;
}

/* Find the state, or give it a cell whose address the caller then sets. */
static struct cell *
find_cell(struct fst_builder *b, const struct open_state *s, bool *found)
{
	uint32_t len = pack_state(b, s);
	struct cell *c = b->cells[hash_state(s) % BUCKETS], second = c[1];

	*found = true;
	if (cell_holds(&c[0], b->packed, len))
		return &c[0];
	*found = cell_holds(&second, b->packed, len);
	if (!*found) {
		if (second.cap < len) {
			second.cap = len < 32 ? 32 : len;
			second.packed =
			    xreallocarray(second.packed, second.cap, 1);
		}
		memcpy(second.packed, b->packed, len);
		second.len = len;
	}
	/* Found or taken, the second cell comes to the front. */
	c[1] = c[0];
	c[0] = second;
	return &c[0];
}

static inline uint64_t
delta_of(uint64_t start, uint64_t target)
{
	return target ? start - target : 0;
}

static uint8_t
common_rank(uint8_t input)
{
	const uint8_t *p = memchr(common, input, COMMON);

	return p ? (uint8_t)(p - common + 1) : 0;
}

static uint8_t *
write_one(struct fst_builder *b, const struct open_state *s, uint8_t *p)
{
	uint8_t rank = common_rank(s->input[0]), kind = 0xC0;
	bool next = s->output[0] == 0 && s->target[0] == b->last_addr;

	if (!next) {
		uint64_t delta = delta_of(b->pos, s->target[0]);
		unsigned ow = s->output[0] ? width_of(s->output[0]) : 0;
		unsigned tw = width_of(delta);

		kind = 0x80;
		if (ow)
			p = pack(p, s->output[0], ow);
		p = pack(p, delta, tw);
		*p++ = (uint8_t)(tw << 4 | ow);
	}
	if (!rank)
		*p++ = s->input[0];
	*p++ = kind | rank;
	return p;
}

static uint8_t *
write_index(const struct open_state *s, uint8_t *p)
{
	memset(p, 255, INDEX);
	for (unsigned i = 0; i < s->n; i++)
		p[s->input[i]] = (uint8_t)i;
	return p + INDEX;
}

static uint8_t *
write_any(struct fst_builder *b, const struct open_state *s, uint8_t *p)
{
	uint64_t outputs = all_bits(s->output, s->n), deltas = 0;
	unsigned ow = outputs ? width_of(outputs) : 0, tw;

	for (unsigned i = 0; i < s->n; i++)
		deltas |= delta_of(b->pos, s->target[i]);
	tw = s->n ? width_of(deltas) : 0;
	if (ow)
		for (unsigned i = s->n; i-- > 0;)
			p = pack(p, s->output[i], ow);
	for (unsigned i = s->n; i-- > 0;)
		p = pack(p, delta_of(b->pos, s->target[i]), tw);
	for (unsigned i = s->n; i-- > 0;)
		*p++ = s->input[i];
	if (s->n >= INDEX_FROM)
		p = write_index(s, p);
	*p++ = (uint8_t)(tw << 4 | ow);
	if (s->n == 0 || s->n > 63)
		*p++ = s->n == 256 ? 1 : (uint8_t)s->n;
	*p++ = s->n <= 63 ? (uint8_t)s->n : 0;
	return p;
}

/* Write the state unless the registry knows it; its address. */
static uint64_t
compile(struct fst_builder *b, const struct open_state *s)
{
	bool found;
	struct cell *c = find_cell(b, s, &found);
	uint8_t *p = b->out + b->out_len, *end;

	if (found)
		return c->addr;
	end = s->n == 1 ? write_one(b, s, p) : write_any(b, s, p);
	b->pos += (uint64_t)(end - p);
	b->out_len += (size_t)(end - p);
	b->last_addr = b->pos - 1;
	c->addr = b->last_addr;
	if (b->out_len >= OUT)
		out_flush(b);
	return c->addr;
}

static void
freeze(struct open_state *s, uint64_t target)
{
	s->input[s->n] = s->open_input;
	s->output[s->n] = s->open_output;
	s->target[s->n] = target;
	s->n++;
}

/* The states below level keep no path any more: write them. */
static void
compile_below(struct fst_builder *b, int level)
{
	uint64_t addr = 0; /* the end of the last key */

	for (int d = FST_KEY - 1; d > level; d--) {
		freeze(&b->state[d], addr);
		addr = compile(b, &b->state[d]);
	}
	freeze(&b->state[level], addr);
}

/* A part of an output that the new key does not share moves down. */
static void
push_output(struct open_state *s, uint64_t by)
{
	for (unsigned i = 0; i < s->n; i++)
		s->output[i] += by;
	s->open_output += by;
}

enum rc
fst_builder_add(struct fst_builder *b, uint32_t page, uint64_t value)
{
	int level = 0;

	if (b->count > 0) {
		if (page <= b->last_page)
			return msg_fail(RC_DATA,
			    "page %u after page %u: out of order", page,
			    b->last_page);
		while (b->state[level].open_input == key_byte(page, level)) {
			struct open_state *s = &b->state[level++];
			uint64_t shared =
			    s->open_output < value ? s->open_output : value;

			if (s->open_output > shared)
				push_output(
				    &b->state[level], s->open_output - shared);
			s->open_output = shared;
			value -= shared;
		}
		compile_below(b, level);
	}
	b->count++;
	b->last_page = page;
	b->state[level].open_input = key_byte(page, level);
	b->state[level].open_output = value;
	while (++level < FST_KEY) {
		b->state[level].n = 0;
		b->state[level].open_input = key_byte(page, level);
		b->state[level].open_output = 0;
	}
	return b->rc;
}

enum rc
fst_builder_finish(struct fst_builder *b, uint64_t *len)
{
	uint8_t sum[4];
	uint64_t root;

	if (b->count > 0)
		compile_below(b, 0);
	root = compile(b, &b->state[0]);
	out_u64(b, b->count);
	out_u64(b, root);
	out_flush(b);
	put_le32(sum, masked(b->crc));
	*len = b->pos + sizeof(sum);
	return b->rc ? b->rc : b->sink(b->arg, sum, sizeof(sum));
}
