/* What reading a state in place is made of: which pages are asked for
 * beforehand, which are kept in memory and on disk. */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "query/page_cache.h"
#include "query/read_ahead.h"
#include "remote/disk_cache.h"
#include "tap.h"

/* ---- read_ahead ---- */

/* What is asked for beforehand while these pages are read: "FROM+N ..." */
static const struct {
	const char *what;
	uint32_t page[12]; /* ended by 0 */
	const char *want;
} descents[] = {
    {"a descent", {1, 2, 900, 417, 5000}, ""},
    {"page 1 begins no scan", {1, 2, 1, 2}, ""},
    {"two pages of a scan", {100, 101}, "102+4"},
    {"twice as many each time", {100, 101, 103, 104, 107, 110},
	"102+4 106+8 114+16"},
    {"a small leap goes on", {100, 108}, "109+4"},
    {"a large one does not", {100, 109}, ""},
    {"nor a step back", {100, 99}, ""},
    {"the same page", {100, 100, 100}, ""},
    {"two scans at once", {100, 500, 101, 501}, "102+4 502+4"},
    {"an interior page between", {100, 9000, 101, 9000, 103}, "102+4 106+8"},
    {"the last pages of all", {UINT32_MAX - 1, UINT32_MAX}, "4294967296+4"},
};

static void
test_read_ahead(void)
{
	for (size_t i = 0; i < sizeof(descents) / sizeof(descents[0]); i++) {
		struct read_ahead r = {0};
		struct buf got = {0};

		buf_adds(&got, "");
		for (const uint32_t *p = descents[i].page; *p; p++) {
			uint64_t from;
			uint32_t n = read_ahead(&r, *p, 256, &from);

			if (n > 0)
				buf_addf(&got, "%s%llu+%u", got.len ? " " : "",
				    (unsigned long long)from, n);
		}
		if (!ok(strcmp(got.data, descents[i].want) == 0, "%s",
			descents[i].what))
			printf("# %s\n", got.data);
		buf_release(&got);
	}
}

static void
test_long_scan(void)
{
	struct read_ahead r = {0};
	uint64_t until = 0, from, most = 0, gaps = 0;

	for (uint32_t page = 10; page < 100000; page++) {
		uint32_t n = read_ahead(&r, page, 256, &from);

		if (n > 256 || (n > 0 && until && from != until))
			gaps++;
		if (n > 0)
			until = from + n;
		if (until > page && until - page > most)
			most = until - page;
		if (until && until <= page)
			gaps++;
	}
	ok(gaps == 0, "a long scan: window after window");
	ok(most > 512 && most <= 1024 + 256, "a bounded number ahead: %llu",
	    (unsigned long long)most);
}

/* ---- page_cache ---- */

static bool
holds(struct page_cache *c, uint32_t page)
{
	bool coming;
	const uint8_t *p = page_cache_get(c, page, &coming);

	return p && p[0] == (uint8_t)page;
}

static bool
put(struct page_cache *c, uint32_t page)
{
	uint8_t *p = page_cache_add(c, page);

	if (!p)
		return false;
	p[0] = (uint8_t)page;
	page_cache_arrived(c, page);
	return true;
}

static void
test_page_cache(void)
{
	struct page_cache *c = page_cache_new(512, 512 * 100);
	bool coming, good = true;

	ok(page_cache_room(c) == 100, "room for a hundred");
	for (uint32_t i = 1; i <= 100; i++)
		good &= put(c, i);
	for (uint32_t i = 1; i <= 100; i++)
		good &= holds(c, i);
	ok(good, "a hundred pages are kept");
	for (uint32_t i = 101; i <= 150; i++)
		good &= put(c, i) && holds(c, i);
	ok(good && !holds(c, 1), "those that come take the room of others");
	ok(page_cache_add(c, 1000) && !page_cache_get(c, 1000, &coming) &&
		coming,
	    "a page that is coming is not there");
	for (uint32_t i = 2000; i < 3000; i++)
		put(c, i);
	page_cache_get(c, 1000, &coming);
	ok(coming, "and is not given up for others");
	page_cache_drop(c, 1000);
	ok(!page_cache_get(c, 1000, &coming) && !coming, "it does not come");
	page_cache_free(c);

	c = page_cache_new(65536, 0);
	good = page_cache_room(c) == PAGE_CACHE_LEAST;
	for (uint32_t i = 1; i <= PAGE_CACHE_LEAST; i++)
		good &= page_cache_add(c, i) != NULL;
	ok(good && !page_cache_add(c, 99), "all are coming: no room");
	page_cache_free(c);
}

/* ---- disk_cache ---- */

enum { FRAME = 4112 };

static bool
has(struct disk_cache *c, const char *object, uint32_t position, char byte)
{
	struct disk_cache_id id = disk_cache_id("store", object);
	char frame[FRAME];

	return disk_cache_get(c, &id, position, frame, FRAME) &&
	       frame[0] == byte && frame[FRAME - 1] == byte;
}

static void
keep(struct disk_cache *c, const char *object, uint32_t position, char byte)
{
	struct disk_cache_id id = disk_cache_id("store", object);
	char frame[FRAME];

	memset(frame, byte, FRAME);
	disk_cache_put(c, &id, position, frame, FRAME);
}

static void
test_disk_cache(void)
{
	char dir[] = "/tmp/segtools-unit.XXXXXX";
	struct disk_cache *a = NULL, *b = NULL;
	struct disk_cache_id id = disk_cache_id("store", "x"),
			     other = disk_cache_id("other", "x");
	char *command;

	if (!mkdtemp(dir) || disk_cache_open(&a, dir, 1 << 20) ||
	    disk_cache_open(&b, dir, 1 << 20)) {
		ok(false, "a directory");
		return;
	}
	keep(a, "x", 5, 'a');
	keep(a, "x", 1000000, 'b');
	keep(a, "y", 5, 'c');
	ok(has(a, "x", 5, 'a') && has(b, "x", 5, 'a') &&
		has(b, "x", 1000000, 'b') && has(b, "y", 5, 'c'),
	    "frames are kept, for others too");
	ok(!has(b, "x", 4, 'a') && !has(b, "x", 6, 'a') && !has(b, "x", 0, 0),
	    "holes are no frames");
	ok(id.high != other.high, "another store, another object");
	command = xasprintf("touch -d '1 hour ago' %s/*", dir);
	ok(system(command) == 0, "an hour goes by");
	free(command);
	for (uint32_t i = 0; i < 2000; i++)
		keep(a, "z", i, 'z');
	ok(has(a, "z", 1999, 'z') && !has(a, "y", 5, 'c'),
	    "what was not used the longest goes");
	disk_cache_close(a);
	disk_cache_close(b);
	command = xasprintf("test $(du -s --block-size=1 %s | cut -f 1) -le "
			    "1060000 && rm -rf %s",
	    dir, dir);
	ok(system(command) == 0, "the limit is kept");
	free(command);
}

int
main(void)
{
	test_read_ahead();
	test_long_scan();
	test_page_cache();
	test_disk_cache();
	return tap_done();
}
