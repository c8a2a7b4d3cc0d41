/*
 * fst: see fst.h.
 *
 * The file is an automaton.  Its states are written children first and read
 * backwards from their last byte, whose offset is a state's address.  Address 0
 * is the empty final state, which has no bytes.  Reading checks a state as a
 * whole when it is entered; after that its transitions are in bounds.
 */

#include "base/bytes.h"
#include "format/checksum.h"
#include "format/fst.h"

enum { HEAD = FST_HEAD, FOOT = FST_FOOT, COMMON = FST_COMMON };

const uint8_t fst_common[COMMON + 1] =
    "te/oasripcnw.hlm-du012g=:bf3y5&_4v9678k%?xCDASFIBEjPTzRNM+LOqHG";

uint32_t
fst_checksum(uint32_t crc)
{
	return (crc >> 15 | crc << 17) + 0xA282EAD8u;
}

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
	if (le64(f->data) != FST_VERSION || le64(f->data + 8) != 0)
		return msg_fail(
		    RC_DATA, "%s: not an FST map of version 3", name);
	f->count = le64(f->data + len - FOOT);
	f->root = le64(f->data + len - 12);
	if (fst_checksum(checksum_crc32c(0, data, len - 4)) !=
	    le32(f->data + len - 4))
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
	s->input = rank ? &fst_common[rank - 1] : f->data + addr - 1;
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
	index = n >= FST_INDEX_FROM ? FST_INDEX : 0;
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
/* In a file that somebody made up it wraps: the value is any number then, as it
 * may be anyway; who uses it sees to that. */
static inline uint64_t
add_output(uint64_t sum, uint64_t output)
{
	return sum + output;
}

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
		*value = add_output(*value, s.final_output);
	return rc;
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
	struct fst_state s = {.n = 0};
	uint64_t addr = f->root, sum = 0;
	enum rc rc;

	for (int d = 0; d < FST_KEY; d++) {
		uint8_t byte = fst_key_byte(page, d);
		unsigned i;

		rc = enter(f, addr, &s);
		if (rc)
			return rc;
		i = first_at_least(&s, byte);
		if (i == s.n || s.input[-(ptrdiff_t)i] != byte)
			return RC_ABSENT;
		sum = add_output(sum, output_of(f, &s, i));
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
		unsigned i = first_at_least(s, fst_key_byte(page, d));

		it->level[d].taken = i;
		if (d == FST_KEY - 1 || i == s->n ||
		    s->input[-(ptrdiff_t)i] != fst_key_byte(page, d))
			return RC_OK;
		it->level[d].taken++;
		it->level[d].last = fst_key_byte(page, d);
		rc = descend(it, target_of(it->fst, s, i),
		    add_output(it->level[d].sum, output_of(it->fst, s, i)));
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
		if (!s->input || s->input[-(ptrdiff_t)i] <= it->level[d].last) {
			it->depth = -2;
			return damaged(f, "keys out of order");
		}
		it->level[d].taken++;
		it->level[d].last = s->input[-(ptrdiff_t)i];
		sum = add_output(it->level[d].sum, output_of(f, s, i));
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
