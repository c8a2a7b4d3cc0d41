/*
 * image: random histories of a database whose pages come, go with a shrink and
 * come back, some without ever being written (then they are zeros), against a
 * model: made whole, and brought up from each state on the way.
 */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/file.h"
#include "restore/image.h"
#include "segment/segwriter.h"
#include "tap.h"

enum { PAGES = 24, STEPS = 6, PAGE = 512, SEEDS = 60 };

static char dir[] = "/tmp/segtools-image.XXXXXX";
static uint64_t state;

/* After each step: its size, and which write each page is of; 0: zeros. */
struct model {
	uint32_t size[STEPS + 1];
	uint32_t tag[STEPS + 1][PAGES + 1];
	bool written[STEPS + 1][PAGES + 1];
};

static uint32_t
draw(uint32_t below)
{
	state = state * 6364136223846793005 + 1442695040888963407;
	return (uint32_t)(state >> 33) % below;
}

static void
invent(struct model *m)
{
	memset(m, 0, sizeof(*m));
	for (uint32_t s = 1; s <= STEPS; s++) {
		m->size[s] = 1 + draw(PAGES);
		for (uint32_t p = 1; p <= m->size[s]; p++) {
			m->written[s][p] = p == 1 || draw(3) == 0;
			m->tag[s][p] = m->written[s][p]      ? s
				       : p <= m->size[s - 1] ? m->tag[s - 1][p]
							     : 0;
		}
	}
}

static void
page_of(uint32_t p, uint32_t tag, uint8_t page[PAGE])
{
	memset(page, 0, PAGE);
	if (tag == 0)
		return;
	put_le32(page, p);
	put_le32(page + 4, tag);
}

static struct seg_sum
sum_of(const struct model *m, uint32_t s)
{
	struct seg_sum sum = {0, 0};
	uint8_t page[PAGE];

	for (uint32_t p = 1; p <= m->size[s]; p++) {
		page_of(p, m->tag[s][p], page);
		seg_sum_page(&sum, p, page, PAGE);
	}
	return sum;
}

static struct name
name_of(uint32_t s)
{
	const struct key key = {.start = (s - 1) * PAGES + 1ULL,
	    .end = s * (uint64_t)PAGES,
	    .time = s};
	struct name name;

	name_set(&name, "image", &key);
	return name;
}

static enum rc
make(const struct model *m, uint32_t s, const struct seg_sum *sum)
{
	struct name name = name_of(s);
	uint8_t page[PAGE], id[SEG_ID];
	struct segwriter *w;
	enum rc rc = segwriter_new(&w, dir, &name, PAGE, &(struct secrecy){0});

	for (uint32_t p = 1; rc == RC_OK && p <= m->size[s]; p++) {
		if (!m->written[s][p])
			continue;
		page_of(p, m->tag[s][p], page);
		rc = segwriter_add(w, p, name.key.end, page);
	}
	seg_sum_to_id(sum, id);
	if (rc == RC_OK)
		rc = segwriter_finish(w, m->size[s], id);
	if (rc == RC_OK)
		rc = segwriter_commit(w, NULL);
	segwriter_free(w);
	return rc;
}

/* Steps first..last on the file, which holds the state before them. */
static enum rc
apply(struct file *f, uint32_t first, uint32_t last,
    const struct image_base *base)
{
	struct merge *m = merge_new();
	struct merge_info info;
	struct seg_sum sum;
	bool has_sum;
	enum rc rc = RC_OK;

	for (uint32_t s = first; rc == RC_OK && s <= last; s++) {
		struct name name = name_of(s);
		char *path = name_path(dir, &name, PART_SEGMENT);

		rc = merge_add(m, path, &name);
		free(path);
	}
	if (rc == RC_OK)
		rc = merge_check(m, first == 1, &info);
	if (rc == RC_OK)
		rc = image_write(m, &info, f, base, &sum, &has_sum);
	merge_free(m);
	return rc;
}

static bool
is_state(const struct model *m, uint32_t s, struct file *f)
{
	uint8_t want[PAGE], got[PAGE];
	uint64_t size;

	if (file_size(f, &size) != RC_OK || size != m->size[s] * (uint64_t)PAGE)
		return false;
	for (uint32_t p = 1; p <= m->size[s]; p++) {
		page_of(p, m->tag[s][p], want);
		if (file_read(f, got, PAGE, (p - 1) * (uint64_t)PAGE) !=
			RC_OK ||
		    memcmp(got, want, PAGE) != 0)
			return false;
	}
	return true;
}

/* Made whole up to step s, then brought up to the last; with and without a
 * checksum that is known. */
static bool
leads_on(const struct model *m, uint32_t s, bool has_sum)
{
	const struct image_base base = {
	    .size = m->size[s], .has_sum = has_sum, .sum = sum_of(m, s)};
	struct file *f = NULL;
	bool good = file_scratch(&f) == RC_OK &&
		    apply(f, 1, s, NULL) == RC_OK && is_state(m, s, f) &&
		    (s == STEPS || (apply(f, s + 1, STEPS, &base) == RC_OK &&
				       is_state(m, STEPS, f)));

	file_close(&f);
	return good;
}

/* The last segment has another database's checksum. */
static bool
refused(const struct model *m)
{
	struct seg_sum wrong = sum_of(m, STEPS);
	const struct image_base base = {.size = m->size[STEPS - 1],
	    .has_sum = true,
	    .sum = sum_of(m, STEPS - 1)};
	struct file *whole = NULL, *f = NULL;
	bool good;

	wrong.low ^= 1;
	msg_verbosity(-2);
	good = make(m, STEPS, &wrong) == RC_OK &&
	       file_scratch(&whole) == RC_OK &&
	       apply(whole, 1, STEPS, NULL) == RC_DATA &&
	       file_scratch(&f) == RC_OK &&
	       apply(f, 1, STEPS - 1, NULL) == RC_OK &&
	       apply(f, STEPS, STEPS, &base) == RC_DATA;
	msg_verbosity(0);
	file_close(&whole);
	file_close(&f);
	return good;
}

static bool
history(uint64_t seed)
{
	struct seg_sum sum;
	struct model m;
	bool good = true;

	state = seed;
	invent(&m);
	for (uint32_t s = 1; s <= STEPS && good; s++) {
		sum = sum_of(&m, s);
		good = make(&m, s, &sum) == RC_OK;
	}
	for (uint32_t s = 1; s <= STEPS && good; s++)
		good = leads_on(&m, s, true) && leads_on(&m, s, false);
	return good && refused(&m);
}

int
main(int argc, char **argv)
{
	uint64_t bad = 0;
	char *command;

	(void)argc;
	msg_init(argv[0]);
	if (!mkdtemp(dir))
		return 1;
	for (uint64_t seed = 1; seed <= SEEDS && !bad; seed++)
		if (!history(seed))
			bad = seed;
	ok(bad == 0, "%d histories, from each of their states: bad: %llu",
	    SEEDS, (unsigned long long)bad);
	command = xasprintf("rm -rf %s", dir);
	/* NOLINTNEXTLINE(cert-env33-c): a directory of our own */
	ok(system(command) == 0, "cleaned up");
	free(command);
	return tap_done();
}
