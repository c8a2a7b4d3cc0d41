/*
 * The FST, in nanoseconds of CPU time a key, against the figures of the Rust
 * crate fst 0.4.7 for the same maps on the machine that segtools was begun on.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "format/fst_builder.h"

enum { KEYS = 1000000, RUNS = 5 };

static double
cpu(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static int
by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int
by_page(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void
report(const char *what, double *ns, double rust)
{
	qsort(ns, RUNS, sizeof(*ns), by_value);
	printf("fst: %s\t%.1f ns/key\t%.1f (crate)\t%.2f\t1.00\n", what,
	    ns[RUNS / 2], rust, ns[RUNS / 2] / rust);
}

static size_t
random_pages(uint32_t *p, size_t n, uint64_t seed)
{
	size_t out = 0;

	for (size_t i = 0; i < n; i++) {
		seed = seed * 6364136223846793005 + 1442695040888963407;
		p[i] = (uint32_t)(seed >> 32);
	}
	qsort(p, n, sizeof(*p), by_page);
	for (size_t i = 0; i < n; i++)
		if (out == 0 || p[i] != p[out - 1])
			p[out++] = p[i];
	return out;
}

static enum rc
sink(void *arg, const void *data, size_t len)
{
	buf_add(arg, data, len);
	return RC_OK;
}

static void
build(struct buf *out, const uint32_t *p, size_t n)
{
	struct fst_builder *b = fst_builder_new(sink, out);
	uint64_t len;

	for (size_t i = 0; i < n; i++)
		if (fst_builder_add(b, p[i], i))
			exit(1);
	if (fst_builder_finish(b, &len))
		exit(1);
	fst_builder_free(b);
}

static void
bench_one(const char *what, const uint32_t *p, size_t n, double rust_build,
    double rust_iterate)
{
	double built[RUNS], iterated[RUNS], t;
	char name[64];
	struct buf b = {0};
	struct fst fst;
	struct fst_iter it;
	uint64_t value;
	uint32_t page;

	for (int r = 0; r < RUNS; r++) {
		buf_clear(&b);
		t = cpu();
		build(&b, p, n);
		built[r] = (cpu() - t) / (double)n;
		if (fst_open(&fst, "map", b.data, b.len))
			exit(1);
		t = cpu();
		fst_iter_init(&it, &fst);
		while (fst_iter_next(&it, &page, &value) == RC_OK)
			;
		iterated[r] = (cpu() - t) / (double)n;
	}
	snprintf(name, sizeof(name), "build, %s", what);
	report(name, built, rust_build);
	snprintf(name, sizeof(name), "iterate, %s", what);
	report(name, iterated, rust_iterate);
	buf_release(&b);
}

int
main(void)
{
	uint32_t *p = xcalloc(KEYS, sizeof(*p));

	for (size_t i = 0; i < KEYS; i++)
		p[i] = (uint32_t)i + 1;
	bench_one("1,000,000 dense", p, KEYS, 48.6, 29.4);
	bench_one("1,000,000 random", p, random_pages(p, KEYS, 1), 190, 64);
	free(p);
	return 0;
}
