/*
 * merge: which sets are sets, and what comes out of one: against a model that
 * keeps of each page the newest version that no size cut off.
 */

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/file.h"
#include "merge/merge.h"
#include "segment/segpair.h"
#include "segment/segwriter.h"
#include "tap.h"

enum { PAGES = 120, MOST = 40, PAGE = 512 };

static char dir[] = "/tmp/segtools-merge.XXXXXX";
static uint64_t state = 7;

static uint64_t
draw(uint64_t below)
{
	state = state * 6364136223846793005 + 1442695040888963407;
	return (state >> 33) % below;
}

static struct name
name_of(const char *namespace, uint64_t start, uint64_t end, uint64_t time)
{
	const struct key key = {.start = start, .end = end, .time = time};
	struct name name;

	name_set(&name, namespace, &key);
	return name;
}

/* The pages that has[] names, with their number and tag as contents. */
static enum rc
make(const struct name *name, uint32_t page_size, uint32_t size,
    const bool *has, uint32_t tag)
{
	static uint8_t page[SEG_PAGE_MAX];
	uint8_t id[SEG_ID] = {(uint8_t)tag};
	struct segwriter *w;
	enum rc rc =
	    segwriter_new(&w, dir, name, page_size, &(struct secrecy){0});

	for (uint32_t p = 1; rc == RC_OK && p <= PAGES; p++) {
		if (!has[p])
			continue;
		put_le32(page, p);
		put_le32(page + 4, tag);
		rc = segwriter_add(w, p, name->key.end, page);
	}
	if (rc == RC_OK)
		rc = segwriter_finish(w, size, id);
	if (rc == RC_OK)
		rc = segwriter_commit(w, NULL);
	segwriter_free(w);
	return rc;
}

static enum rc
add(struct merge *m, const struct name *name, enum part part)
{
	char *path = name_path(dir, name, part);
	enum rc rc = merge_add(m, path, name);

	free(path);
	return rc;
}

/* ---- is it a set? ---- */

struct range {
	const char *namespace;
	uint64_t start, end, time;
	uint32_t page_size;
};

static enum rc
make_all(const struct range *r)
{
	bool has[PAGES + 1] = {false, true};
	enum rc rc = RC_OK;

	for (; rc == RC_OK && r->namespace; r++) {
		struct name name =
		    name_of(r->namespace, r->start, r->end, r->time);

		rc = make(&name, r->page_size ? r->page_size : PAGE, 1, has, 1);
	}
	return rc;
}

static enum rc
judge(const struct range *r, bool from_start, struct merge_info *info)
{
	struct merge *m = merge_new();
	enum rc rc = RC_OK;

	for (; rc == RC_OK && r->namespace; r++) {
		struct name name =
		    name_of(r->namespace, r->start, r->end, r->time);

		rc = add(m, &name, PART_SEGMENT);
	}
	if (rc == RC_OK)
		rc = merge_check(m, from_start, info);
	merge_free(m);
	return rc;
}

static void
test_sets(void)
{
	static const struct {
		const char *what;
		enum rc begin, any; /* from frame 1; from anywhere */
		struct range range[4];
	} cases[] = {
	    {"one", RC_OK, RC_OK, {{"a", 1, 5, 9, 0}}},
	    {"three", RC_OK, RC_OK,
		{{"a", 1, 5, 9, 0}, {"a", 6, 6, 9, 0}, {"a", 7, 9, 9, 0}}},
	    {"three in another order", RC_OK, RC_OK,
		{{"a", 7, 9, 9, 0}, {"a", 1, 5, 9, 0}, {"a", 6, 6, 9, 0}}},
	    {"one twice", RC_OK, RC_OK,
		{{"a", 6, 6, 9, 0}, {"a", 1, 5, 9, 0}, {"a", 6, 6, 9, 0}}},
	    {"none", RC_DATA, RC_DATA, {{0}}},
	    {"from frame 2", RC_DATA, RC_OK, {{"a", 2, 5, 9, 0}}},
	    {"a hole of one frame", RC_DATA, RC_DATA,
		{{"a", 1, 5, 9, 0}, {"a", 7, 9, 9, 0}}},
	    {"a large hole", RC_DATA, RC_DATA,
		{{"a", 1, 5, 9, 0}, {"a", UINT64_MAX - 1, UINT64_MAX, 9, 0}}},
	    {"an overlap of one frame", RC_DATA, RC_DATA,
		{{"a", 1, 5, 9, 0}, {"a", 5, 9, 9, 0}}},
	    {"one within another", RC_DATA, RC_DATA,
		{{"a", 1, 9, 9, 0}, {"a", 2, 5, 9, 0}}},
	    {"the same END", RC_DATA, RC_DATA,
		{{"a", 1, 9, 9, 0}, {"a", 6, 9, 9, 0}}},
	    {"the same frames, two TIMEs", RC_DATA, RC_DATA,
		{{"a", 1, 9, 8, 0}, {"a", 1, 9, 9, 0}}},
	    {"two namespaces", RC_DATA, RC_DATA,
		{{"a", 1, 5, 9, 0}, {"b", 6, 9, 9, 0}}},
	    {"two page sizes", RC_DATA, RC_DATA,
		{{"a", 1, 5, 9, 0}, {"a", 6, 9, 9, 1024}}},
	};
	struct merge_info info;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ok(make_all(cases[i].range) == RC_OK &&
			judge(cases[i].range, true, &info) == cases[i].begin,
		    "a restore of %s", cases[i].what);
		ok(judge(cases[i].range, false, &info) == cases[i].any,
		    "a merge of %s", cases[i].what);
	}
	ok(judge(cases[2].range, true, &info) == RC_OK && info.segments == 3 &&
		info.name.key.start == 1 && info.name.key.end == 9 &&
		info.name.key.time == 9 && info.page_size == PAGE,
	    "START of the first, END and TIME of the last");
}

/* ---- what comes out ---- */

/* A history, and what it comes to: of each page the tag, or 0. */
struct history {
	unsigned n;
	struct name name[MOST];
	uint32_t size;
	uint32_t want[PAGES + 1];
};

static enum rc
make_history(struct history *h, unsigned n)
{
	enum rc rc = RC_OK;

	*h = (struct history){.n = n};
	for (unsigned i = 0; rc == RC_OK && i < n; i++) {
		bool has[PAGES + 1] = {false};
		unsigned percent = 1 + (unsigned)draw(99);

		h->size = 1 + (uint32_t)draw(PAGES);
		h->name[i] =
		    name_of("h", i * PAGES + 1, (i + 1) * PAGES, 100 + i);
		for (uint32_t p = 1; p <= PAGES; p++) {
			/* The first is a full cut. */
			has[p] = p <= h->size &&
				 (i == 0 || p == 1 || draw(100) < percent);
			if (has[p])
				h->want[p] = i + 1;
			else if (p > h->size)
				h->want[p] = 0;
		}
		rc = make(&h->name[i], PAGE, h->size, has, i + 1);
	}
	return rc;
}

struct got {
	uint32_t last;
	uint32_t tag[PAGES + 1];
	bool bad;
};

static enum rc
take(void *arg, uint32_t page_no, const uint8_t *frame)
{
	struct got *g = arg;

	if (page_no <= g->last || page_no > PAGES ||
	    le32(frame + SEG_FRAME) != page_no) {
		g->bad = true;
		return RC_OK;
	}
	g->last = page_no;
	g->tag[page_no] = le32(frame + SEG_FRAME + 4);
	return RC_OK;
}

static enum rc
settle(void *arg)
{
	(void)arg;
	return RC_OK;
}

static struct merge *
merge_of(const struct history *h, size_t memory, size_t sources)
{
	struct merge *m = merge_new();

	/* Any order, by either of the two names. */
	for (unsigned i = 0; i < h->n; i++)
		add(m, &h->name[(i * 7 + 3) % h->n],
		    i % 3 ? PART_SEGMENT : PART_INDEX);
	merge_limit(m, memory, sources);
	return m;
}

static bool
comes_to(const struct history *h, size_t memory, size_t sources)
{
	struct got g = {0};
	const struct merge_sink sink = {take, settle, &g};
	struct merge *m = merge_of(h, memory, sources);
	struct merge_info info;
	bool good = merge_check(m, true, &info) == RC_OK &&
		    info.size_after == h->size && info.segments == h->n &&
		    info.id[0] == h->n && merge_run(m, &sink) == RC_OK &&
		    !g.bad && memcmp(g.tag, h->want, sizeof(g.tag)) == 0;

	merge_free(m);
	return good;
}

static void
test_model(void)
{
	static const struct {
		size_t memory, sources;
	} limits[] = {{0, 0}, {1, 0}, {0, 2}, {0, 3}, {4096, 5}};
	static const unsigned counts[] = {1, 2, 3, 5, 13, 37};
	struct history h;

	for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]); k++) {
		ok(make_history(&h, counts[k]) == RC_OK, "a history of %u",
		    counts[k]);
		for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
			ok(comes_to(&h, limits[i].memory, limits[i].sources),
			    "memory %zu, %zu sources at a time: as the model",
			    limits[i].memory, limits[i].sources);
	}
}

/* ---- into a segment ---- */

static bool
same_bytes(const char *a, const char *b)
{
	struct file *f = NULL, *g = NULL;
	bool equal = false;

	if (file_open(&f, a) != RC_OK || file_open(&g, b) != RC_OK ||
	    file_same(f, g, &equal) != RC_OK)
		equal = false;
	file_close(&f);
	file_close(&g);
	return equal;
}

static enum rc
merge_into(const struct history *h, const char *to, size_t sources,
    struct name *name, struct seg_header *header)
{
	struct merge *m = merge_of(h, 0, sources);
	struct merge_info info;
	enum rc rc = merge_check(m, false, &info);

	if (rc == RC_OK) {
		*name = info.name;
		rc = merge_to_segment(m, to, header);
	}
	merge_free(m);
	return rc;
}

static bool
is_whole(const char *in, const struct name *name)
{
	char *seg_path = name_path(in, name, PART_SEGMENT);
	char *idx_path = name_path(in, name, PART_INDEX);
	struct file *seg = NULL, *idx = NULL;
	struct seg_header header;
	bool good = file_open(&seg, seg_path) == RC_OK &&
		    file_open(&idx, idx_path) == RC_OK &&
		    segpair_check(seg, idx, &name->key, &header, NULL) == RC_OK;

	file_close(&seg);
	file_close(&idx);
	free(seg_path);
	free(idx_path);
	return good;
}

static void
test_segment(void)
{
	char *one = xasprintf("%s/one", dir), *two = xasprintf("%s/two", dir);
	char *a, *b;
	struct history h;
	struct name name;
	struct seg_header header;
	struct stat st;

	ok(make_history(&h, 23) == RC_OK, "a history of 23");
	a = name_path(dir, &h.name[4], PART_SEGMENT);
	ok(chmod(a, 0640) == 0, "one of them private");
	free(a);
	ok(merge_into(&h, one, 0, &name, &header) == RC_OK &&
		merge_into(&h, two, 3, &name, &header) == RC_OK,
	    "merged at once, and in passes");
	ok(is_whole(one, &name) && header.size_after == h.size &&
		header.id[0] == 23,
	    "it is whole");
	a = name_path(one, &name, PART_SEGMENT);
	b = name_path(two, &name, PART_SEGMENT);
	ok(same_bytes(a, b), "the same inputs give the same bytes");
	ok(stat(a, &st) == 0 && (st.st_mode & 0777) == 0640,
	    "what one of them is not for, nor is the merge");
	free(a);
	free(b);
	a = name_path(one, &name, PART_INDEX);
	b = name_path(two, &name, PART_INDEX);
	ok(same_bytes(a, b), "and the same index");
	free(a);
	free(b);
	free(one);
	free(two);
}

/* ---- damage ---- */

/* A byte changed anywhere, or a file that changes after the check. */
static void
test_damage(void)
{
	struct history h;
	struct name name;
	struct seg_header header;
	struct stat st;
	char *path, *to = xasprintf("%s/damaged", dir), *merged;
	unsigned caught = 0, tries = 0;
	FILE *f;
	int c;

	ok(make_history(&h, 5) == RC_OK, "a history of 5");
	path = name_path(dir, &h.name[2], PART_SEGMENT);
	msg_verbosity(-2);
	for (long at = 0; stat(path, &st) == 0 && at < st.st_size; at += 37) {
		f = fopen(path, "r+b");
		if (!f || fseek(f, at, SEEK_SET) != 0 || (c = getc(f)) < 0 ||
		    fseek(f, at, SEEK_SET) != 0 || putc(c ^ 0x10, f) < 0 ||
		    fflush(f) != 0)
			break;
		tries++;
		caught += merge_into(&h, to, 2, &name, &header) == RC_DATA;
		if (fseek(f, at, SEEK_SET) != 0 || putc(c, f) < 0)
			break;
		fclose(f);
	}
	msg_verbosity(2);
	name = name_of("h", 1, 5 * PAGES, 104);
	merged = name_path(to, &name, PART_SEGMENT);
	ok(tries > 20 && caught == tries, "a byte changed: %u of %u refused",
	    caught, tries);
	ok(access(merged, F_OK) != 0, "and nothing made of them");
	ok(merge_into(&h, to, 2, &name, &header) == RC_OK &&
		access(merged, F_OK) == 0,
	    "as it was before it is merged");
	free(merged);
	free(path);
	free(to);
}

int
main(int argc, char **argv)
{
	char *command;

	(void)argc;
	msg_init(argv[0]);
	umask(022);
	if (!mkdtemp(dir))
		return 1;
	msg_verbosity(-2);
	test_sets();
	msg_verbosity(2);
	test_model();
	test_segment();
	test_damage();
	command = xasprintf("rm -rf %s", dir);
	/* NOLINTNEXTLINE(cert-env33-c): a directory of our own */
	ok(system(command) == 0, "cleaned up");
	free(command);
	return tap_done();
}
