/*
 * fst_builder: see fst_builder.h.
 *
 * The states on the path of the last key are open; what a new key no longer
 * shares with it is written, children first, unless the registry has an equal
 * one.
 */

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "format/checksum.h"
#include "format/fst_builder.h"

enum {
	BUCKETS = 10000,
	NO_ADDR = 1,
	OUT = 64 << 10,
	STATE_MAX =
	    8 << 10 /* 256 transitions of 17 bytes, an index, the rest */
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
	b->crc = checksum_crc32c(b->crc, b->out, b->out_len);
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
	for (size_t i = 0; i < BUCKETS; i++)
		b->cells[i][0].addr = b->cells[i][1].addr = NO_ADDR;
	out_u64(b, FST_VERSION);
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
	const uint8_t *p = memchr(fst_common, input, FST_COMMON);

	return p ? (uint8_t)(p - fst_common + 1) : 0;
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
	memset(p, 255, FST_INDEX);
	for (unsigned i = 0; i < s->n; i++)
		p[s->input[i]] = (uint8_t)i;
	return p + FST_INDEX;
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
	if (s->n >= FST_INDEX_FROM)
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
		while (
		    b->state[level].open_input == fst_key_byte(page, level)) {
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
	b->state[level].open_input = fst_key_byte(page, level);
	b->state[level].open_output = value;
	while (++level < FST_KEY) {
		b->state[level].n = 0;
		b->state[level].open_input = fst_key_byte(page, level);
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
	put_le32(sum, fst_checksum(b->crc));
	*len = b->pos + sizeof(sum);
	return b->rc ? b->rc : b->sink(b->arg, sum, sizeof(sum));
}
