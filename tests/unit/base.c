/* The lower layers: numbers and times, keys and names, files, sorting, sets. */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/directory.h"
#include "base/file.h"
#include "base/number.h"
#include "base/sort.h"
#include "base/temporary.h"
#include "base/time.h"
#include "base/utf8.h"
#include "format/key.h"
#include "format/rec.h"
#include "tap.h"

static char dir[] = "/tmp/segtools-base.XXXXXX";

/* ---- num ---- */

static void
test_numbers(void)
{
	static const struct {
		const char *text;
		bool good;
		uint64_t value;
	} cases[] = {{"0", true, 0}, {"18446744073709551615", true, UINT64_MAX},
	    {"18446744073709551616", false, 0}, {"", false, 0},
	    {"+1", false, 0}, {" 1", false, 0}, {"1 ", false, 0},
	    {"0x1", false, 0}, {"-1", false, 0},
	    {"99999999999999999999", false, 0}};
	uint64_t v;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool good =
		    number_u64(cases[i].text, strlen(cases[i].text), &v);

		ok(good == cases[i].good && (!good || v == cases[i].value),
		    "number '%s'", cases[i].text);
	}
}

static void
test_plurals(void)
{
	char text[FRAMES_TEXT_MAX];

	ok(strcmp(number_s(0), "s") == 0 && strcmp(number_s(1), "") == 0 &&
		strcmp(number_s(2), "s") == 0 &&
		strcmp(number_s(UINT64_MAX), "s") == 0,
	    "one segment, no segments");
	ok(strcmp(frames_missing(7, 7, text), "frame 7 is missing") == 0,
	    "a frame that is missing");
	ok(strcmp(frames_missing(1, UINT64_MAX, text),
	       "frames 1-18446744073709551615 are missing") == 0,
	    "frames that are missing");
}

static void
test_number_text(void)
{
	static const struct {
		uint64_t value;
		size_t width;
		const char *text;
	} cases[] = {{0, 0, "0"}, {0, 1, "0"}, {7, 2, "07"}, {123, 2, "123"},
	    {UINT64_MAX, 1, "18446744073709551615"},
	    {42, NUMBER_MAX, "00000000000000000042"}};
	char text[NUMBER_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t n = number_text(cases[i].value, cases[i].width, text);

		ok(n == strlen(cases[i].text) &&
			memcmp(text, cases[i].text, n) == 0,
		    "%s as text", cases[i].text);
	}
}

/* Every day, as the C library has it. */
static void
test_dates(void)
{
	char text[TIME_TEXT_MAX], want[TIME_TEXT_MAX];
	time_t t = 86399;
	struct tm tm;

	do {
		gmtime_r(&t, &tm);
		strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S.007Z", &tm);
		time_text((uint64_t)t * 1000 + 7, text);
		t += 86400;
	} while (strcmp(text, want) == 0 && t < 253402300800);
	ok(strcmp(text, want) == 0, "%s is %s", text, want);
}

static void
test_times(void)
{
	static const struct {
		const char *text;
		bool good;
		uint64_t ms;
	} cases[] = {{"1970-01-01T00:00:00Z", true, 0},
	    {"2026-11-22T19:35:00.123Z", true, 1795376100123},
	    {"2026-11-22T19:35:00.1239999Z", true, 1795376100123},
	    {"2026-11-22T20:35:00.123+01:00", true, 1795376100123},
	    {"2026-11-22 14:35:00.123-05:00", true, 1795376100123},
	    {"2000-02-29T00:00:00Z", true, 951782400000},
	    {"1900-02-29T00:00:00Z", false, 0},
	    {"2023-02-29T00:00:00Z", false, 0},
	    {"9999-12-31T23:59:59.999Z", true, 253402300799999},
	    {"1795376100123", true, 1795376100123},
	    {"2026-11-22T19:35:00", false, 0}, {"2026-11-22", false, 0},
	    {"2026-13-01T00:00:00Z", false, 0},
	    {"2026-11-22T24:00:00Z", false, 0},
	    {"2026-11-22T19:35:00.Z", false, 0},
	    {"2026-11-22T19:35:00ZZ", false, 0},
	    {"1970-01-01T00:00:00+01:00", false, 0}, {"", false, 0}};
	char text[TIME_TEXT_MAX];
	uint64_t ms;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool good = time_parse(cases[i].text, &ms);

		ok(good == cases[i].good && (!good || ms == cases[i].ms),
		    "time '%s'", cases[i].text);
	}
	ok(strcmp(time_text(1795376100123, text), "2026-11-22T19:35:00.123Z") ==
		0,
	    "a time as text");
	ok(strcmp(time_text(253402300799999, text),
	       "9999-12-31T23:59:59.999Z") == 0,
	    "the last time with a text");
	ok(strcmp(time_text(253402300800000, text), "-") == 0 &&
		strcmp(time_text(UINT64_MAX, text), "-") == 0,
	    "times beyond the year 9999");
	ok(time_span("24h", &ms) && ms == 86400000, "24h");
	ok(time_span("2w", &ms) && ms == 1209600000, "2w");
	ok(!time_span("24", &ms) && !time_span("h", &ms) &&
		!time_span("1y", &ms) &&
		!time_span("18446744073709551615w", &ms),
	    "what is no duration");
}

/* ---- key ---- */

static void
test_keys(void)
{
	const char *text = "18446744073709551607-00000000000000000001-"
			   "00000001726000000000";
	static const char *const bad[] = {"", "README",
	    "18446744073709551607-00000000000000000001-0000000172600000000",
	    "18446744073709551607-00000000000000000001-000000017260000000000",
	    "18446744073709551607+00000000000000000001-00000001726000000000",
	    "18446744073709551607-+0000000000000000001-00000001726000000000",
	    "18446744073709551607-00000000000000000000-00000001726000000000",
	    "18446744073709551607-00000000000000000009-00000001726000000000",
	    "18446744073709551616-00000000000000000001-00000001726000000000",
	    "99999999999999999999-00000000000000000001-00000001726000000000",
	    "18446744073709551607-00000000000000000001-9999999999999999999a"};
	char out[KEY_LEN + 1], cut[KEY_LEN + 1];
	struct key k;

	ok(key_parse(&k, text, KEY_LEN) && k.start == 1 && k.end == 8 &&
		k.time == 1726000000000,
	    "a key is read");
	ok(strcmp(key_text(&k, out), text) == 0, "and written");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(!key_parse(&k, bad[i], strlen(bad[i])), "no key: '%s'",
		    bad[i]);
	for (size_t n = 0; n < KEY_LEN; n++) {
		memcpy(cut, text, n);
		cut[n] = 0;
		if (key_parse(&k, cut, n))
			break;
		if (n == KEY_LEN - 1)
			ok(true, "no key cut short is one");
	}
}

static void
test_names(void)
{
	static const struct {
		const char *text;
		bool good;
	} cases[] = {{"shop", true}, {"a b", true}, {"...", true}, {".x", true},
	    {"+%=&?'\"", true}, {"\xc3\xa4", true}, {"\xf0\x9f\x90\x8c", true},
	    {"", false}, {".", false}, {"..", false}, {"a/b", false},
	    {"a\tb", false}, {"a\x7f", false}, {"\xc3", false},
	    {"\xc0\xaf", false}, {"\xe0\x80\xaf", false},
	    {"\xed\xa0\x80", false}, {"\xf4\x90\x80\x80", false},
	    {"\xff", false}, {"\xc2\x85", false}};
	char longest[NAMESPACE_MAX + 2];
	struct name n;
	char *path;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ok(namespace_valid(cases[i].text, strlen(cases[i].text)) ==
			cases[i].good,
		    "namespace %zu", i);
	memset(longest, 'x', sizeof(longest));
	ok(namespace_valid(longest, NAMESPACE_MAX) &&
		!namespace_valid(longest, NAMESPACE_MAX + 1),
	    "the longest namespace");
#define K "18446744073709551607-00000000000000000001-00000001726000000000"
	ok(name_parse(&n, "shop/" K) && !strcmp(n.namespace, "shop"), "name");
	ok(!name_parse(&n, "a/shop/" K) && !name_parse(&n, K) &&
		!name_parse(&n, "../" K) && !name_parse(&n, "/" K) &&
		!name_parse(&n, "shop/" K ".seg"),
	    "what is no name");
	ok(name_parse_path(&n, "work/shop/" K ".seg") &&
		!strcmp(n.namespace, "shop"),
	    "path");
	ok(name_parse_path(&n, "shop/" K ".idx") &&
		!name_parse_path(&n, "shop/" K) &&
		!name_parse_path(&n, "shop/" K ".segx"),
	    "path of an index, and what is no path");
	ok(chdir(dir) == 0 && name_parse_path(&n, K ".seg") &&
		!strcmp(n.namespace, strrchr(dir, '/') + 1),
	    "the namespace of a bare file is its directory");
	path = name_path("d//", &n, PART_INDEX);
	ok(strncmp(path, "d/segtools-base.", 16) == 0 &&
		!strcmp(path + strlen(path) - 4, ".idx"),
	    "a path is made: %s", path);
	free(path);
}

/* ---- io ---- */

static void
put(const char *path, const char *text, int flags)
{
	struct file *f;

	if (file_create(&f, path, flags) ||
	    file_write(f, text, strlen(text), 0) || file_commit(&f))
		ok(false, "writing %s", path);
}

static bool
holds(const char *path, const char *text)
{
	struct file *f;
	struct file_map m = {0};
	bool same = false;

	if (file_open(&f, path) == RC_OK && file_map(&m, f, 1 << 20) == RC_OK)
		same = m.len == strlen(text) && !memcmp(m.data, text, m.len);
	file_unmap(&m);
	file_close(&f);
	return same;
}

static void
test_files(void)
{
	struct file *f, *g;
	uint64_t size;
	char c;

	put("a", "one", 0);
	ok(holds("a", "one"), "a file is written");
	ok(file_create(&f, "a", 0) == RC_OK &&
		file_write(f, "two", 3, 0) == RC_OK &&
		file_commit(&f) == RC_DATA && !f && holds("a", "one"),
	    "a file that is there is not replaced");
	ok(!file_exists(".segtmp-a"), "and no temporary file is left");
	put("a", "three", FILE_REPLACE);
	ok(holds("a", "three"), "unless it is asked for");
	ok(file_create(&f, "b", 0) == RC_OK && file_exists(".segtmp-b") &&
		file_create(&g, "b", 0) == RC_OK &&
		strcmp(file_path(g), file_path(f)) != 0,
	    "two writers of one file have one each");
	file_close(&f);
	file_close(&g);
	ok(!file_exists("b") && !file_exists(".segtmp-b"), "an abandoned file");
	ok(file_create(&f, "nodir/b", 0) == RC_USAGE, "no such directory");
	ok(file_open(&f, "nothing") == RC_ABSENT, "no such file");
	ok(file_open(&f, ".") == RC_DATA, "a directory is no file");
	ok(file_create(&f, "k", FILE_KEEP) == RC_OK &&
		file_write(f, "part", 4, 0) == RC_OK,
	    "a file to be resumed");
	file_close(&f);
	ok(file_create(&f, "k", FILE_KEEP) == RC_OK &&
		file_size(f, &size) == RC_OK && size == 4,
	    "is there again");
	temporary_sweep(".");
	ok(file_exists(".segtmp-k"), "what is in use is not swept");
	file_close(&f);
	temporary_sweep(".");
	ok(!file_exists(".segtmp-k"), "what is not, is");
	ok(file_open(&f, "a") == RC_OK && file_read(f, &c, 1, 5) == RC_DATA,
	    "reading past the end");
	ok(file_create(&g, "copy", 0) == RC_OK && file_copy(g, f) == RC_OK &&
		file_commit(&g) == RC_OK && holds("copy", "three"),
	    "a copy");
	file_close(&f);
	ok(file_remove("copy") == RC_OK, "removing");
	ok(file_remove("copy") == RC_ABSENT, "removing again");
	ok(dir_make("x/y") == RC_USAGE && dir_make_below(".", "x/y") == RC_OK &&
		dir_make_below(".", "x/y") == RC_OK && file_exists("x/y"),
	    "making directories");
}

/* A process that is killed while it writes. */
static void
test_killed(int sig, bool leaves)
{
	int status;
	pid_t pid = fork();
	struct file *f;

	if (pid == 0) {
		if (file_create(&f, "killed", 0) == RC_OK)
			raise(sig);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	ok(WIFSIGNALED(status) && WTERMSIG(status) == sig, "signal %d", sig);
	ok(file_exists(".segtmp-killed") == leaves, "%s",
	    leaves ? "leaves a temporary file" : "leaves nothing");
	ok(file_create(&f, "killed", 0) == RC_OK, "the next run can write it");
	file_close(&f);
	ok(!file_exists(".segtmp-killed"), "and leaves nothing");
}

/* ---- sort ---- */

static int
cmp_u64(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x < y ? -1 : x > y;
}

static void
test_sort(uint64_t n)
{
	struct sort *s = sort_new(sizeof(uint64_t), cmp_u64);
	uint64_t x = 1, last = 0, sum = 0, got = 0, v;
	bool good = true;

	for (uint64_t i = 0; i < n; i++) {
		x = x * 6364136223846793005 + 1442695040888963407;
		v = x >> 20;
		sum += v;
		good = good && sort_add(s, &v) == RC_OK;
	}
	while (good && sort_next(s, &v) == RC_OK) {
		good = v >= last;
		last = v;
		sum -= v;
		got++;
	}
	ok(good && got == n && sum == 0, "%llu numbers sorted",
	    (unsigned long long)n);
	sort_free(s);
}

/* ---- utf8 ---- */

static void
test_show(const char *text, const char *want)
{
	char shown[64];
	size_t n = utf8_show(shown, sizeof(shown), text, strlen(text));

	ok(strcmp(shown, want) == 0 && n == strlen(want), "shown as %s, got %s",
	    want, shown);
}

static void
test_texts(void)
{
	char shown[64], text[300];
	bool good = true;

	test_show("", "");
	test_show("a \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80",
	    "a \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80");
	test_show("\x01\x1b\x1f\x7f", "^A^[^_^?");
	test_show("\x80\x9b\xff\xc3", "\\x80\\x9b\\xff\\xc3");
	test_show("\xc2\x80\xc2\x9f\xc2\xa0", "\\u0080\\u009f\xc2\xa0");
	/* Overlong, a surrogate, beyond the last one. */
	test_show("\xc0\xaf", "\\xc0\\xaf");
	test_show("\xe0\x82\x9b", "\\xe0\\x82\\x9b");
	test_show("\xed\xa0\x80", "\\xed\\xa0\\x80");
	test_show("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");
	test_show("\xe2\x80\xae\xe2\x81\xa6", "\\u202e\\u2066");
	memset(text, 0x9b, sizeof(text));
	for (size_t size = 1; size <= sizeof(shown); size++) {
		size_t n = utf8_show(shown, size, text, sizeof(text));

		good = good && n < size && n % 4 == 0 && strlen(shown) == n;
	}
	ok(good, "never more than there is room for, nothing by half");
}

/* ---- rec ---- */

/* The events of a stream, as a word: r record, b bad, . end, ! failed, $ end
 * of the stream, x cut short, * not readable any further. */
static void
events_of(int fd, bool eof_ends_set, char *word)
{
	static const char letters[] = {'r', 'b', '.', '!', '$', 'x', '*'};
	struct rec_reader *r = rec_reader_new(fd, REC_NAMES, eof_ends_set);
	struct rec rec;
	enum rec_event e;

	do {
		e = rec_next(r, &rec);
		*word++ = letters[e];
	} while (e != REC_EOF && e != REC_CUT && e != REC_BROKEN);
	*word = 0;
	rec_reader_free(r);
	close(fd);
}

static void
events(const char *stream, size_t len, bool eof_ends_set, char *word)
{
	int fds[2];

	if (pipe(fds) != 0 || write(fds[1], stream, len) != (ssize_t)len)
		abort();
	close(fds[1]);
	events_of(fds[0], eof_ends_set, word);
}

static void
test_unreadable(int fd, bool eof_ends_set, const char *want)
{
	char word[64];

	events_of(fd, eof_ends_set, word);
	ok(strcmp(word, want) == 0, "no stream at all: %s, got %s", want, word);
}

static void
test_stream(const char *stream, bool eof_ends_set, const char *want)
{
	char word[64];

	events(stream, strlen(stream), eof_ends_set, word);
	ok(strcmp(word, want) == 0, "stream %s, got %s", want, word);
}

static void
test_streams(void)
{
	const char *whole = "a/" K "\n\nb/" K "\t1\t8\t-\t-\t9\n!\n";
	char word[64];

	test_stream(whole, false, "r.r!$");
	test_stream("\n", false, ".$");
	test_stream("\n\n!\n", false, "..!$");
	test_stream("", false, "x");
	test_stream("a/" K "\n", false, "rx");
	test_stream("a/" K, false, "x");
	test_stream("\na/" K, false, ".x");
	test_stream("nothing\na/" K "\n\n", false, "br.$");
	test_stream("a/" K "\t1\t8\t-\tx\t9\n\n", false, "b.$");
	test_stream("../" K "\n\n", false, "b.$");
	test_stream("", true, ".$");
	test_stream("a/" K, true, "r.$");
	test_stream("\na/" K "\n\nb/" K "\n\n", true, "rr.$");
	test_stream("a/" K "\n!\n", true, "r!$");
	test_unreadable(open(".", O_RDONLY), false, "*");
	test_unreadable(open(".", O_RDONLY), true, "*");
	test_unreadable(open("/dev/null", O_WRONLY), false, "x");
	test_unreadable(open("/dev/null", O_WRONLY), true, "x");
	for (size_t n = 0; n < strlen(whole); n++) {
		bool border = n == 65 + 1; /* after the first set */

		events(whole, n, false, word);
		if ((word[strlen(word) - 1] == 'x') == border) {
			ok(false, "cut at byte %zu: %s", n, word);
			return;
		}
	}
	ok(true, "a stream cut at any byte is known for one");
}

int
main(int argc, char **argv)
{
	(void)argc;
	msg_init(argv[0]);
	msg_verbosity(-2);
	if (!mkdtemp(dir))
		return 1;
	test_numbers();
	test_number_text();
	test_plurals();
	test_times();
	test_dates();
	test_keys();
	test_names();
	test_files();
	test_killed(SIGKILL, true);
	test_killed(SIGTERM, false);
	test_sort(0);
	test_sort(1000);
	test_sort(5000000);
	test_texts();
	test_streams();
	if (chdir("/") == 0) {
		char *cmd = xasprintf("rm -rf %s", dir);

		ok(system(cmd) == 0, "cleaned up");
		free(cmd);
	}
	return tap_done();
}
