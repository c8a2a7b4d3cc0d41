/*
 * FST maps: the golden vectors of tests/data/fst, which the crate itself made,
 * byte for byte; reading against what went in; damaged files.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <isa-l/crc.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/file.h"
#include "format/fst_builder.h"
#include "tap.h"

static const char *data_dir = "tests/data/fst";

struct pair {
	uint32_t page;
	uint64_t value;
};
struct pairs {
	struct pair *p;
	size_t n, cap;
};

static void
add(struct pairs *l, uint64_t page, uint64_t value)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 64;
		l->p = xreallocarray(l->p, l->cap, sizeof(*l->p));
	}
	l->p[l->n++] = (struct pair){.page = (uint32_t)page, .value = value};
}

/* ---- the generators ---- */

static uint64_t
splitmix(uint64_t *s)
{
	uint64_t z = *s += 0x9E3779B97F4A7C15;

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
	z = (z ^ z >> 27) * 0x94D049BB133111EB;
	return z ^ z >> 31;
}

static int
by_page(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	return x->page < y->page ? -1 : x->page > y->page;
}

/* Sort, drop pages that are there twice, number them. */
static void
rank_pages(struct pairs *l)
{
	size_t n = 0;

	qsort(l->p, l->n, sizeof(*l->p), by_page);
	for (size_t i = 0; i < l->n; i++)
		if (n == 0 || l->p[i].page != l->p[n - 1].page)
			l->p[n++] = l->p[i];
	l->n = n;
	for (size_t i = 0; i < n; i++)
		l->p[i].value = i;
}

static void
random_pages(struct pairs *l, uint64_t seed, size_t n)
{
	while (l->n < n) {
		while (l->n < n)
			add(l, 1 + splitmix(&seed) % 4294967295, 0);
		rank_pages(l);
	}
}

static void
registry(struct pairs *l, uint64_t seed, unsigned blocks, unsigned patterns)
{
	for (uint64_t blk = 0; blk < blocks; blk++) {
		uint64_t p = splitmix(&seed) % patterns, b = 1;

		while (p >= b)
			p -= b++;
		add(l, (blk + 1) << 8 | p, 0);
		add(l, (blk + 1) << 8 | b, 0);
	}
	rank_pages(l);
}

static bool
from_file(struct pairs *l, const char *name)
{
	char *path = xasprintf("%s/%s.keys", data_dir, name), line[128];
	FILE *f = fopen(path, "r");
	uint64_t value;
	uint32_t page;

	free(path);
	if (!f)
		return false;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%" SCNu32 "\t%" SCNu64, &page, &value) == 2)
			add(l, page, value);
	fclose(f);
	return true;
}

static void
keys_of(struct pairs *l, const char *name)
{
	if (!from_file(l, name) || l->n > 0)
		return;
	if (sscanf(name, "dense_%zu", &l->n) == 1) {
		size_t n = l->n;

		l->n = 0;
		for (size_t i = 0; i < n; i++)
			add(l, i + 1, i);
	} else if (strcmp(name, "every7_1000000") == 0) {
		for (size_t i = 0; i < 142857; i++)
			add(l, 7 * (i + 1), i);
	} else if (strcmp(name, "rand_05") == 0) {
		random_pages(l, 0x5eed0005, 2500);
	} else if (strcmp(name, "rand_07") == 0) {
		random_pages(l, 0x5eed0007, 8000);
	} else if (strcmp(name, "registry_small") == 0) {
		registry(l, 0x4e60, 1200, 300);
	} else if (strcmp(name, "empty") != 0) {
		bool swapped = strcmp(name, "swapped_pairs") == 0;
		unsigned same = strcmp(name, "constant_3000") == 0 ? 5 : 0;

		for (uint64_t i = 0; i < (swapped ? 2000 : 3000); i++)
			add(l, i + 1, swapped ? i ^ 1 : same);
	}
}

/* ---- building and reading ---- */

static enum rc
into_buf(void *arg, const void *data, size_t len)
{
	buf_add(arg, data, len);
	return RC_OK;
}

static void
build(struct buf *out, const struct pairs *l)
{
	struct fst_builder *b = fst_builder_new(into_buf, out);
	uint64_t len = 0;
	bool good = true;

	for (size_t i = 0; i < l->n; i++)
		good = good &&
		       fst_builder_add(b, l->p[i].page, l->p[i].value) == RC_OK;
	good = good && fst_builder_finish(b, &len) == RC_OK;
	fst_builder_free(b);
	if (!good || len != out->len)
		ok(false, "building");
}

static bool
iterates_as(struct fst_iter *it, const struct pairs *l, size_t from)
{
	uint64_t value;
	uint32_t page;

	for (size_t i = from; i < l->n; i++)
		if (fst_iter_next(it, &page, &value) != RC_OK ||
		    page != l->p[i].page || value != l->p[i].value)
			return false;
	return fst_iter_next(it, &page, &value) == RC_ABSENT;
}

static bool
reads_as(const struct buf *b, const struct pairs *l)
{
	struct fst f;
	struct fst_iter it;
	uint64_t value, seed = 1;

	if (fst_open(&f, "map", b->data, b->len) || f.count != l->n)
		return false;
	fst_iter_init(&it, &f);
	if (!iterates_as(&it, l, 0))
		return false;
	for (size_t i = 0; i < l->n; i++) {
		uint32_t page = l->p[i].page;

		if (fst_get(&f, page, &value) || value != l->p[i].value)
			return false;
		if ((i + 1 == l->n || l->p[i + 1].page != page + 1) &&
		    page != UINT32_MAX &&
		    fst_get(&f, page + 1, &value) != RC_ABSENT)
			return false;
	}
	for (int n = 0; n < 20 && l->n > 0; n++) {
		size_t i = splitmix(&seed) % l->n;

		fst_iter_init(&it, &f);
		if (fst_iter_seek(&it, l->p[i].page) || !iterates_as(&it, l, i))
			return false;
		if (l->p[i].page == 0 ||
		    (i > 0 && l->p[i - 1].page == l->p[i].page - 1))
			continue;
		if (fst_iter_seek(&it, l->p[i].page - 1) ||
		    !iterates_as(&it, l, i))
			return false;
	}
	return true;
}

static void
test_vector(const char *name, const char *ext)
{
	char *path = xasprintf("%s/%s.%s", data_dir, name, ext);
	struct pairs l = {0};
	struct buf b = {0};
	struct file *f = NULL;
	struct file_map m = {0};

	keys_of(&l, name);
	build(&b, &l);
	ok(file_open(&f, path) == RC_OK && file_map(&m, f, 1 << 20) == RC_OK &&
		m.len <= b.len && !memcmp(m.data, b.data, m.len) &&
		(m.len == b.len ||
		    (b.len == 87106 && le32(b.data + b.len - 4) == 0xb9120097)),
	    "%s: the same bytes", name);
	ok(reads_as(&b, &l), "%s: read, looked up, sought", name);
	file_unmap(&m);
	file_close(&f);
	buf_release(&b);
	free(l.p);
	free(path);
}

static void
test_vectors(void)
{
	static const char *const names[] = {"empty", "single_1_0", "single_1_7",
	    "single_max", "three_1_2_300", "maxpage", "dense_255", "dense_256",
	    "dense_257", "dense_1000", "dense_100000", "dense_2000000",
	    "every7_1000000", "rand_00", "rand_01", "rand_02", "rand_03",
	    "rand_04", "rand_05", "rand_addr", "clustered_small",
	    "nonmono_u64_rand", "shuffled_2000", "constant_3000", "zeros_3000",
	    "swapped_pairs", "fanout_leaf", "allbytes", "allbytes_leaf",
	    "output_sizes", "output_sizes_first", "registry_small",
	    "registry_lru"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		test_vector(names[i], "fst");
	test_vector("rand_07", "fst.head");
}

static void
test_order(void)
{
	struct buf b = {0};
	struct fst_builder *f = fst_builder_new(into_buf, &b);

	ok(fst_builder_add(f, 5, 0) == RC_OK &&
		fst_builder_add(f, 5, 1) == RC_DATA &&
		fst_builder_add(f, 4, 1) == RC_DATA,
	    "pages out of order are refused");
	fst_builder_free(f);
	buf_release(&b);
}

/* ---- damage ---- */

static void
fix_sum(uint8_t *p, size_t len)
{
	uint32_t crc = ~crc32_iscsi(p, (int)len - 4, ~0u);

	put_le32(p + len - 4, (crc >> 15 | crc << 17) + 0xA282EAD8u);
}

/* Everything that can be done with a map: no crash, and an end. */
static enum rc
use(const uint8_t *p, size_t len)
{
	struct fst f;
	struct fst_iter it;
	uint64_t value;
	uint32_t page;
	enum rc rc = fst_open(&f, "damaged", p, len);

	if (rc)
		return rc;
	for (page = 0; page < 4; page++)
		(void)fst_get(&f, page * 300, &value);
	fst_iter_init(&it, &f);
	if (fst_iter_seek(&it, 3) == RC_OK)
		(void)fst_iter_next(&it, &page, &value);
	fst_iter_init(&it, &f);
	do
		rc = fst_iter_next(&it, &page, &value);
	while (rc == RC_OK);
	return rc;
}

static void
test_damage(const char *name)
{
	struct pairs l = {0};
	struct buf b = {0};
	uint8_t *copy;
	bool good = true;
	size_t noticed = 0;

	keys_of(&l, name);
	build(&b, &l);
	for (size_t n = 0; n < b.len; n++) {
		copy = xmalloc(n); /* so that a sanitizer sees an over-read */
		memcpy(copy, b.data, n);
		good = good && use(copy, n) == RC_DATA;
		if (n >= 36) {
			fix_sum(copy, n);
			(void)use(copy, n);
		}
		free(copy);
	}
	ok(good, "%s cut short anywhere is refused", name);
	copy = xmalloc(b.len);
	for (size_t i = 0; i < b.len; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			memcpy(copy, b.data, b.len);
			copy[i] ^= (uint8_t)(1u << bit);
			good = good && use(copy, b.len) == RC_DATA;
			fix_sum(copy, b.len);
			noticed += use(copy, b.len) == RC_DATA;
		}
	}
	ok(good, "%s with any bit flipped is refused", name);
	ok(noticed > 0,
	    "%s with any bit flipped and a right checksum is safe "
	    "(%zu of %zu noticed)",
	    name, noticed, b.len * 8);
	free(copy);
	buf_release(&b);
	free(l.p);
}

/* States of one byte each, made by hand, and what must be said of them. */
static void
test_hand(const char *what, const uint8_t *states, size_t n, uint64_t count)
{
	size_t len = 16 + n + 20;
	uint8_t *p = xcalloc(1, len);

	p[0] = 3;
	memcpy(p + 16, states, n);
	put_le64(p + len - 20, count);
	put_le64(p + len - 12, len - 21);
	fix_sum(p, len);
	ok(use(p, len) == RC_DATA, "refused: %s", what);
	free(p);
}

#define HAND(what, count, ...) \
	test_hand(what, (const uint8_t[]){__VA_ARGS__}, \
	    sizeof((const uint8_t[]){__VA_ARGS__}), count)

static void
test_hostile(void)
{
	HAND("a key of one byte", 1, 0x00, 0x10, 0x2c, 0x80);
	HAND("a key of three bytes", 1, 0x00, 0x10, 1, 0x80, 0, 0xc0, 0, 0xc0);
	HAND("a key of five bytes", 1, 0x00, 0x10, 1, 0x80, 0, 0xc0, 0, 0xc0, 0,
	    0xc0, 0, 0xc0);
	HAND("fewer keys than claimed", 2, 0x00, 0x10, 1, 0x80, 0, 0xc0, 0,
	    0xc0, 0, 0xc0);
	HAND("more keys than claimed", 0, 0x00, 0x10, 1, 0x80, 0, 0xc0, 0, 0xc0,
	    0, 0xc0);
	HAND("inputs out of order", 2, 0, 0, 1, 2, 0x10, 2, 0, 0xc0, 0, 0xc0, 0,
	    0xc0);
	HAND("an input twice", 2, 0, 0, 2, 2, 0x10, 2, 0, 0xc0, 0, 0xc0, 0,
	    0xc0);
	HAND("a target before the states", 1, 5, 0x10, 0x2c, 0x80);
	HAND("a target width of 9", 1, 0, 0x90, 0x2c, 0x80);
	HAND("a target width of 0", 1, 0, 0x00, 0x2c, 0x80);
	HAND("an output width of 9", 1, 0, 0x19, 0x2c, 0x80);
	HAND("a state larger than the file", 1, 0x11, 200, 0);
	HAND("a final root", 1, 0x00, 0x40);
}

int
main(int argc, char **argv)
{
	const char *top = getenv("TOP");

	(void)argc;
	msg_init(argv[0]);
	msg_verbosity(-2);
	if (top)
		data_dir = xasprintf("%s/tests/data/fst", top);
	test_vectors();
	test_order();
	test_damage("empty");
	test_damage("three_1_2_300");
	test_damage("dense_257");
	test_damage("rand_01");
	test_hostile();
	return tap_done();
}
