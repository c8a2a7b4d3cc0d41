/* What seg-cut remembers, and the log that it reads. */

#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/file.h"
#include "cut/judge.h"
#include "cut/lastcut.h"
#include "format/wal.h"
#include "tap.h"

static char dir[] = "/tmp/segtools-memory.XXXXXX";

static char *
in_dir(const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

static struct lastcut *
reopen(struct lastcut *m)
{
	lastcut_free(m);
	if (lastcut_open(&m, dir, 0, &(struct secrecy){0}, NULL) != RC_OK)
		exit(1);
	return m;
}

static struct seg_sum
hash(uint32_t page, uint32_t version)
{
	return (struct seg_sum){.high = page * 1000003ULL, .low = version};
}

static struct lastcut_facts
facts(uint64_t end, uint32_t size, const struct seg_sum *sum)
{
	return (struct lastcut_facts){
	    .last = {.start = 1, .end = end, .time = 7},
	    .sum = *sum,
	    .db = {.page_size = 512,
		.size = size,
		.seen = 99,
		.boot = "a boot",
		.commits = 12},
	    .stored_end = 3,
	    .store = {4, 5},
	    .compared = 77,
	    .cuts = 8};
}

/* Pages from..to, all with that version; how many had changed. */
static unsigned
put(struct lastcut *m, uint32_t from, uint32_t to, uint32_t version)
{
	unsigned n = 0;

	for (uint32_t p = from; p <= to; p++) {
		struct seg_sum h = hash(p, version);
		bool changed;

		if (lastcut_put(m, p, &h, &changed) != RC_OK)
			return UINT32_MAX;
		n += changed;
	}
	return n;
}

/* 600 pages of version 1 as the memory. */
static struct lastcut *
fresh(struct lastcut *m)
{
	struct seg_sum sum;
	struct lastcut_facts f;

	lastcut_begin(m, true);
	ok(put(m, 1, 600, 1) == 600, "all pages are new");
	lastcut_sum(m, 600, true, &sum);
	f = facts(600, 600, &sum);
	ok(lastcut_next(m, &f, true) == RC_OK, "made durable");
	ok(lastcut_settle(m, true) == RC_OK, "put in place");
	return reopen(m);
}

static bool
is_fresh(const struct lastcut_facts *f)
{
	return f && f->last.end == 600 && f->db.seen == 99 &&
	       f->store[1] == 5 && memcmp(f->db.boot, "a boot", 7) == 0 &&
	       f->db.commits == 12 && f->compared == 77 && f->cuts == 8;
}

static void
test_update(struct lastcut *m)
{
	struct seg_sum sum, want = {0, 0};
	struct lastcut_facts f;
	struct key k;

	m = fresh(m);
	ok(is_fresh(lastcut_facts(m)), "the facts are there again");
	ok(lastcut_pending(m, &k) == RC_ABSENT, "nothing is pending");

	lastcut_begin(m, false);
	ok(put(m, 10, 20, 1) == 0, "unchanged pages");
	ok(put(m, 300, 301, 2) == 2, "changed pages");
	ok(lastcut_sum(m, 400, false, &sum) == RC_OK, "a shrink");
	for (uint32_t p = 1; p <= 400; p++) {
		struct seg_sum h = hash(p, p == 300 || p == 301 ? 2 : 1);

		want.high ^= h.high;
		want.low ^= h.low;
	}
	ok(sum.high == want.high && sum.low == want.low, "the sum follows");
	f = facts(602, 400, &sum);
	lastcut_next(m, &f, true);
	m = reopen(m);
	ok(lastcut_facts(m)->last.end == 600, "killed: still the old one");
	ok(lastcut_pending(m, &k) == RC_OK && k.end == 602,
	    "and the next is pending");
	lastcut_settle(m, false);
	m = reopen(m);
	ok(lastcut_pending(m, &k) == RC_ABSENT &&
		lastcut_facts(m)->last.end == 600,
	    "undone");

	lastcut_begin(m, false);
	put(m, 300, 301, 2);
	lastcut_sum(m, 400, false, &sum);
	lastcut_next(m, &f, true);
	m = reopen(m);
	lastcut_settle(m, true);
	m = reopen(m);
	ok(lastcut_facts(m)->last.end == 602, "finished");
	lastcut_begin(m, false);
	ok(put(m, 1, 500, 1) == 102,
	    "two had changed, and what was cut off is not known");
	ok(lastcut_sum(m, 500, true, &sum) == RC_OK, "the old ones add up");
	lastcut_drop(m);
	lastcut_free(m);
}

static void
flip(const char *name, off_t at)
{
	char *path = in_dir(name), c;
	int fd = open(path, O_RDWR);

	if (pread(fd, &c, 1, at) == 1) {
		c ^= 1;
		(void)!pwrite(fd, &c, 1, at);
	}
	close(fd);
	free(path);
}

/* A block in another's place, whole as it is. */
static void
misplace(void)
{
	char *path = in_dir("cut.memory");
	uint8_t b[4096];
	int fd = open(path, O_RDWR);

	if (pread(fd, b, sizeof(b), 3 * 4096) == sizeof(b))
		(void)!pwrite(fd, b, sizeof(b), 2 * 4096);
	close(fd);
	free(path);
}

/* Facts that are not of these pages. */
static struct lastcut *
mismatch(struct lastcut *m)
{
	struct lastcut_facts f = facts(600, 600, &(struct seg_sum){1, 2});

	lastcut_begin(m, false);
	lastcut_next(m, &f, true);
	lastcut_settle(m, true);
	return reopen(m);
}

static void
test_damage(void)
{
	struct seg_sum sum, h = hash(300, 1);
	struct lastcut_facts f;
	struct lastcut *m = reopen(NULL), *other;
	struct key k;
	bool changed, busy = false;

	ok(lastcut_open(&other, dir, 0, &(struct secrecy){0}, &busy) ==
		    RC_SYSTEM &&
		busy,
	    "locked");
	m = fresh(m);
	flip("cut.memory", 2 * 4096 + 100);
	lastcut_begin(m, false);
	ok(lastcut_put(m, 300, &h, &changed) == RC_ABSENT, "a damaged block");
	lastcut_drop(m);
	m = fresh(m);
	misplace();
	lastcut_begin(m, false);
	ok(lastcut_put(m, 300, &h, &changed) == RC_ABSENT,
	    "a block in another's place");
	lastcut_drop(m);
	m = mismatch(fresh(m));
	lastcut_begin(m, false);
	ok(put(m, 1, 600, 1) == 0 &&
		lastcut_sum(m, 600, true, &sum) == RC_ABSENT,
	    "pages that do not add up to what the facts say");
	lastcut_drop(m);
	flip("cut.memory", 30);
	m = reopen(m);
	ok(lastcut_facts(m) == NULL, "a damaged header");
	m = fresh(m);
	lastcut_begin(m, false);
	put(m, 1, 1, 9);
	lastcut_sum(m, 600, false, &sum);
	f = facts(601, 600, &sum);
	lastcut_next(m, &f, true);
	flip("cut.next", 30);
	ok(lastcut_pending(m, &k) == RC_ABSENT && !lastcut_facts(m),
	    "a damaged next one: neither counts");
	m = fresh(m);
	lastcut_free(m);
	{
		char *path = in_dir("cut.memory");

		(void)!truncate(path, 4096 * 3);
		free(path);
	}
	m = reopen(NULL);
	ok(lastcut_facts(m) == NULL, "cut short");
	lastcut_free(m);
}

/* Block 0 as an earlier release wrote it: without what was added. */
static void
test_version_1(void)
{
	enum { BOOT_AT = 216, END = BOOT_AT + BOOT_ID + 4 + 8 + 4 };
	char *path = in_dir("cut.memory");
	struct lastcut *m = fresh(reopen(NULL));
	uint8_t b[4096];
	int fd = open(path, O_RDWR);

	ok(pread(fd, b, sizeof(b), 0) == sizeof(b) && b[14] == '\n' &&
		b[13] == '2' && memcmp(b + BOOT_AT, "a boot", 7) == 0 &&
		b[END - 4] == 8,
	    "block 0 is as it is known here");
	b[13] = '1';
	memset(b + BOOT_AT, 0, END - BOOT_AT);
	put_le64(b + sizeof(b) - 8, XXH3_64bits(b, sizeof(b) - 8));
	ok(pwrite(fd, b, sizeof(b), 0) == sizeof(b), "made one of version 1");
	close(fd);
	m = reopen(m);
	ok(lastcut_facts(m) && lastcut_facts(m)->last.end == 600 &&
		lastcut_facts(m)->db.seen == 99 &&
		lastcut_facts(m)->db.commits == 0,
	    "which can still be used");
	ok(judge_comparison_due(lastcut_facts(m)->compared,
	       lastcut_facts(m)->cuts, 1764000000000),
	    "once all pages were compared");
	lastcut_free(m);
	free(path);
}

static void
test_comparison(void)
{
	enum { DAY = 24 * 3600 * 1000 };
	const uint64_t now = 1764000000000;

	ok(!judge_comparison_due(now, 1, now) &&
		!judge_comparison_due(now - DAY + 1, 999, now),
	    "no comparison is due");
	ok(judge_comparison_due(now, 1000, now), "after a thousand cuts");
	ok(judge_comparison_due(now - DAY, 1, now), "after a day");
	ok(judge_comparison_due(now + 1, 1, now),
	    "where the clock was set back");
}

/* A log of SQLite's own, and every bit of it flipped. */
static void
test_wal(void)
{
	char *path = in_dir("db"), *wal = in_dir("db-wal");
	uint8_t *b = xcalloc(1, 1 << 20);
	struct wal_frame f;
	unsigned frames = 0, commits = 0, undetected = 0;
	sqlite3 *db;
	struct wal w;
	ssize_t len;
	int fd;

	sqlite3_open(path, &db);
	sqlite3_exec(db,
	    "PRAGMA page_size = 512; PRAGMA journal_mode = wal;"
	    "CREATE TABLE t(x); INSERT INTO t VALUES(randomblob(2000));"
	    "INSERT INTO t VALUES(1)",
	    NULL, NULL, NULL);
	fd = open(wal, O_RDONLY);
	len = read(fd, b, 1 << 20);
	ok(wal_begin(&w, b) && w.page_size == 512, "the header of a log");
	for (uint64_t at = WAL_HEADER; at < (uint64_t)len; at += 536) {
		frames++;
		if (at != wal_offset(&w, frames) || !wal_take(&w, b + at, &f))
			break;
		commits += f.commit > 0;
	}
	ok(frames * 536 + 32 == (uint64_t)len && commits == 3,
	    "%u frames, %u commits", frames, commits);
	ok(wal_frame_is(&w.place, b + len - 536), "the place is the last one");
	for (size_t bit = 0; bit < 8 * (WAL_HEADER + 536); bit++) {
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		undetected += wal_begin(&w, b) && wal_take(&w, b + 32, &f);
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	ok(undetected == 0, "every flipped bit is seen");
	close(fd); /* the locks no longer matter */
	sqlite3_close(db);
	free(path);
	free(wal);
	free(b);
}

int
main(void)
{
	static const char *const names[] = {
	    "cut.memory", "cut.next", "db", "db-wal", "db-shm"};

	msg_init("memory");
	msg_verbosity(-2);
	if (!mkdtemp(dir))
		return 1;
	test_update(reopen(NULL));
	test_damage();
	test_version_1();
	test_comparison();
	test_wal();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *path = in_dir(names[i]);

		(void)unlink(path);
		free(path);
	}
	(void)rmdir(dir);
	return tap_done();
}
