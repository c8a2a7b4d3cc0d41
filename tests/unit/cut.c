/* The rules of a cut: tables of what is known, and what follows. */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "cut/backlog.h"
#include "cut/judge.h"
#include "tap.h"

/* ---- what may be continued ---- */

static void
test_continues(void)
{
	static const struct {
		const char *what;
		struct key last, stored, local[3];
		bool good;
		uint64_t ahead;
	} t[] = {
	    {"nothing else is known", {1, 9, 50}, {0}, {{0}}, true, 0},
	    {"the store is behind", {6, 9, 50}, {1, 5, 40}, {{0}}, true, 5},
	    {"the store has it", {6, 9, 50}, {6, 9, 50}, {{0}}, true, 9},
	    {"a merge that ends there", {6, 9, 50}, {1, 9, 50}, {{0}}, true, 9},
	    {"another cut with its END", {6, 9, 50}, {6, 9, 51}, {{0}}, false,
		9},
	    {"older, with its END", {6, 9, 50}, {6, 9, 49}, {{0}}, false, 9},
	    {"the store is ahead", {6, 9, 50}, {10, 10, 60}, {{0}}, false, 10},
	    {"the store ends where one in DIR does", {6, 9, 50}, {1, 5, 40},
		{{1, 5, 40}, {6, 9, 50}}, true, 9},
	    {"there, with another TIME", {6, 9, 50}, {3, 5, 41},
		{{1, 5, 40}, {6, 9, 50}}, false, 9},
	    {"within one in DIR", {6, 9, 50}, {5, 7, 45}, {{6, 9, 50}}, false,
		9},
	    {"within a full cut in DIR", {1, 9, 50}, {5, 7, 45}, {{1, 9, 50}},
		true, 9},
	    {"DIR has it", {6, 9, 50}, {0}, {{1, 5, 40}, {6, 9, 50}}, true, 9},
	    {"DIR is ahead", {6, 9, 50}, {0}, {{6, 9, 50}, {10, 12, 60}}, false,
		12},
	    {"both are", {6, 9, 50}, {10, 14, 60}, {{10, 12, 60}}, false, 14},
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct keyset local = {0};
		struct cut_known known = {
		    .last = &t[i].last, .local = &local, .stored = t[i].stored};
		uint64_t ahead;

		for (size_t k = 0; k < 3 && t[i].local[k].end; k++)
			keyset_add(&local, &t[i].local[k]);
		ok(judge_continues(&known, &ahead) == t[i].good &&
			ahead == t[i].ahead,
		    "continues: %s", t[i].what);
		keyset_release(&local);
	}
}

/* ---- numbers and TIME ---- */

static void
test_numbers(void)
{
	static const struct {
		const char *what;
		uint64_t last, stored, local, doubtful, first;
	} t[] = {
	    {"nothing is known", 0, 0, 0, 0, 1},
	    {"the memory", 9, 5, 5, 0, 10},
	    {"the store", 9, 12, 5, 0, 13},
	    {"DIR", 9, 5, 14, 0, 15},
	    {"no memory", 0, 5, 14, 0, 15},
	    {"a cut that may exist", 0, 5, 4, 20, 21},
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct key last = {1, t[i].last, 1}, here = {1, t[i].local, 1};
		struct keyset local = {0};
		struct cut_known known = {.last = t[i].last ? &last : NULL,
		    .local = &local,
		    .stored = {1, t[i].stored, 1},
		    .doubtful = t[i].doubtful};

		if (t[i].local)
			keyset_add(&local, &here);
		ok(judge_full_first(&known) == t[i].first,
		    "a full cut goes on after %s", t[i].what);
		keyset_release(&local);
	}
}

static void
test_time(void)
{
	struct key last = {1, 9, 50}, here = {1, 5, 60};
	struct keyset local = {0};
	struct cut_known known = {.local = &local};

	ok(judge_time(&known, 40) == 40, "TIME: the clock");
	known.last = &last;
	ok(judge_time(&known, 40) == 50, "TIME: not before the last cut");
	ok(judge_time(&known, 51) == 51, "TIME: the clock again");
	keyset_add(&local, &here);
	ok(judge_time(&known, 51) == 60, "TIME: not before those in DIR");
	known.stored = (struct key){1, 4, 70};
	ok(judge_time(&known, 51) == 70, "TIME: not before the store's");
	keyset_release(&local);
}

/* ---- when nothing can have changed ---- */

static void
test_untouched(void)
{
	const uint64_t s = 1000000000;
	const struct livedb_state then = {.page_size = 512,
	    .size = 7,
	    .db = {1, 2, 3584, 100 * s, 100 * s},
	    .seen = 103 * s,
	    .counters = {7}};
	struct livedb_state now = then, early = then;

	ok(judge_untouched(&then, &now), "the same stamps, long ago");
	early.seen = 102 * s;
	ok(!judge_comparison_due(1000, 999, 1000 + 86399999),
	    "no comparison within a day and a thousand cuts");
	ok(judge_comparison_due(1000, 1000, 1001), "one after a thousand cuts");
	ok(judge_comparison_due(1000, 1, 1000 + 86400000), "one after a day");
	ok(judge_comparison_due(1000, 1, 999),
	    "one when the clock was set back");
	ok(!judge_untouched(&early, &now),
	    "two seconds: a write since may have the same stamp");
	early.seen = 99 * s;
	ok(!judge_untouched(&early, &now), "stamps ahead of the clock");
	early = then;
	early.db.mtime = 50 * s;
	early.db.ctime = 102 * s;
	now.db = early.db;
	ok(!judge_untouched(&early, &now), "the later of the two counts");
#define CHANGED(FIELD, VALUE) \
	now = then; \
	now.FIELD = (VALUE); \
	ok(!judge_untouched(&then, &now), "another " #FIELD)
	CHANGED(db.dev, 9);
	CHANGED(db.ino, 9);
	CHANGED(db.size, 9);
	CHANGED(db.mtime, 100 * s + 1);
	CHANGED(db.ctime, 100 * s + 1);
	CHANGED(counters[0], 8);
	CHANGED(counters[LIVEDB_COUNTERS - 1], 8);
	CHANGED(wal.frame, 1);
#undef CHANGED
	early = then;
	early.wal.frame = 1;
	now = then;
	ok(!judge_untouched(&early, &now), "there was a log");
}

/* ---- what lies in DIR ---- */

static char dir[] = "/tmp/segtools-cut.XXXXXX";

static void
touch(const struct key *k, const char *suffix, bool make)
{
	char text[KEY_LEN + 1];
	char *file = xasprintf("%s/%s%s", dir, key_text(k, text), suffix);
	int fd = make ? open(file, O_CREAT | O_WRONLY, 0600) : -1;

	if (fd >= 0)
		close(fd);
	else
		(void)unlink(file);
	free(file);
}

static void
test_scan(void)
{
	enum { MANY = 500 };
	struct keyset local = {0};
	unsigned order = 0;

	for (int make = 1; make >= 0; make--) {
		for (unsigned i = 0; i < MANY; i++) {
			struct key k = {0, 0, 7};

			/* Each once, in no order. */
			order = (order + 181) % MANY;
			k.start = k.end = order + 1;
			if (order % 10 != 3)
				touch(&k, ".seg", make);
			if (order % 10 != 4)
				touch(&k, ".idx", make);
			if (order == 5)
				touch(&k, ".idx.bak", make);
		}
		if (make) {
			ok(backlog_scan(&local, dir) == RC_OK &&
				local.n == MANY * 8 / 10,
			    "both files make a segment: %zu", local.n);
			ok(local.key[0].end == 1 &&
				keyset_newest(&local) == MANY,
			    "in frame order");
		}
	}
	keyset_release(&local);
	ok(backlog_scan(&local, "/nonexistent/dir") == RC_OK && local.n == 0,
	    "no directory has none");
}

int
main(void)
{
	msg_init("cut");
	msg_verbosity(-2);
	if (!mkdtemp(dir))
		return 1;
	test_continues();
	test_numbers();
	test_time();
	test_untouched();
	test_scan();
	(void)rmdir(dir);
	return tap_done();
}
