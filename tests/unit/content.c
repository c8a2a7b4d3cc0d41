/*
 * content: the same bytes out of plain and compressed objects, whole and by
 * ranges; what is asked for twice; objects that are missing, damaged, replaced.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zstd.h>

#include "base/buf.h"
#include "fetch/content.h"
#include "format/zseek_writer.h"
#include "tap.h"

enum { SIZE = 3 * ZSEEK_CONTENT + 777, MANY = 100 << 20 };

static char top[] = "/tmp/segtools-content.XXXXXX";
static struct store *store;
static uint8_t bytes[SIZE];
static const struct key key = {.start = 1, .end = 9, .time = 5};
static struct name name;

/* ---- a store of one segment ---- */

static char *
path_of(enum part part)
{
	char *object = name_object("c", &name, part);
	char *path = xasprintf("%s/%s", top, object);

	free(object);
	return path;
}

static void
put(enum part part, const void *data, size_t len)
{
	char *object = name_object("c", &name, part);
	struct buf b = {0};
	struct store_xfer x = {.verb = STORE_PUT, .object = object, .buf = &b};

	buf_add(&b, data, len);
	if (store_do(store, &x) || x.existed)
		exit(1);
	buf_release(&b);
	free(object);
}

static void
gone(enum part part)
{
	char *path = path_of(part);

	(void)unlink(path);
	free(path);
}

static void
put_nothing(void)
{
	gone(PART_SEGMENT);
	gone(PART_ZSTD);
}

static enum rc
append(void *arg, const void *data, size_t len)
{
	buf_add(arg, data, len);
	return RC_OK;
}

static void
put_zseek(const void *data, size_t len)
{
	struct buf b = {0};
	struct zseek_writer *w = zseek_writer_new(1, append, &b);
	uint64_t made;

	if (zseek_writer_add(w, data, len) || zseek_writer_finish(w, &made))
		exit(1);
	put(PART_ZSTD, b.data, b.len);
	zseek_writer_free(w);
	buf_release(&b);
}

static void
put_zstd(void)
{
	static uint8_t b[2 * SIZE];

	put(PART_ZSTD, b, ZSTD_compress(b, sizeof(b), bytes, SIZE, 1));
}

/* ---- reading it ---- */

static struct {
	struct buf got;
	enum rc rc;
	unsigned done;
	uint64_t size;
} answer;

static enum rc
take(void *arg, const void *data, size_t len)
{
	struct content *c = arg;

	if (answer.got.len == 0)
		answer.size = c->size;
	buf_add(&answer.got, data, len);
	return RC_OK;
}

static void
on_done(struct content *c, enum rc rc)
{
	(void)c;
	answer.rc = rc;
	answer.done++;
}

static enum rc
get(struct content_object *o, uint64_t offset, uint64_t length, bool zstd_first)
{
	struct content c = {.store = store,
	    .cluster = "c",
	    .name = &name,
	    .object = o,
	    .zstd_first = zstd_first,
	    .offset = offset,
	    .length = length,
	    .sink = take,
	    .done = on_done,
	    .arg = &c};

	buf_clear(&answer.got);
	answer.done = 0;
	content_start(&c);
	store_wait(store, 0, -1);
	return answer.done == 1 ? answer.rc : RC_SYSTEM;
}

static bool
gives(struct content_object *o, uint64_t offset, uint64_t length)
{
	uint64_t want = length ? length : SIZE - offset;

	return get(o, offset, length, false) == RC_OK &&
	       answer.got.len == want &&
	       memcmp(answer.got.data, bytes + offset, want) == 0;
}

/* ---- tests ---- */

static void
test_form(const char *what, enum content_form form, bool sized)
{
	struct content_object o = {0}, again = {0};
	uint64_t x = 7;
	bool good;

	ok(gives(&o, 0, 0) && o.form == form, "%s: whole", what);
	ok(get(&again, 0, 0, true) == RC_OK && answer.got.len == SIZE &&
		memcmp(answer.got.data, bytes, SIZE) == 0,
	    "%s: whole, looked for the other way round", what);
	content_object_release(&again);
	good = gives(&again, 100, 0) && gives(&again, 0, 60) &&
	       (!sized || answer.size == SIZE);
	for (int i = 0; good && i < 50; i++) {
		uint64_t offset, length;

		x = x * 6364136223846793005 + 1442695040888963407;
		offset = (x >> 33) % SIZE;
		length = 1 + (x >> 20) % (SIZE - offset);
		good = gives(i % 2 ? &o : &again, offset, length);
	}
	ok(good && again.form == form, "%s: ranges", what);
	ok(get(&o, SIZE - 5, 6, false) == RC_DATA || answer.rc == RC_SYSTEM,
	    "%s: a range beyond its end", what);
	content_object_release(&o);
	content_object_release(&again);
}

static void
test_forms(void)
{
	struct content_object o = {0};

	ok(get(&o, 0, 0, false) == RC_ABSENT &&
		get(&o, 0, 0, true) == RC_ABSENT &&
		get(&o, 3, 4, true) == RC_ABSENT,
	    "in neither form");
	put(PART_SEGMENT, bytes, SIZE);
	test_form("plain", CONTENT_PLAIN, true);
	put_nothing();
	put_zseek(bytes, SIZE);
	test_form("compressed", CONTENT_ZSTD, true);
	put_nothing();
	put_zstd();
	test_form("without a table", CONTENT_ZSTD, false);
	put(PART_SEGMENT, bytes, 100);
	ok(get(&o, 0, 0, false) == RC_OK && answer.got.len == 100,
	    "in both: the plain one");
	put_nothing();
}

/* A table that is longer than what is looked at first. */
static void
test_large(void)
{
	uint8_t *zeros = xcalloc(1, MANY);
	struct content_object o = {0};

	zeros[MANY - 3] = 1;
	put_zseek(zeros, MANY);
	ok(get(&o, MANY - 5, 4, true) == RC_OK && answer.got.len == 4 &&
		memcmp(answer.got.data, "\0\0\1", 4) == 0 &&
		answer.size == MANY,
	    "a long table");
	free(zeros);
	content_object_release(&o);
	put_nothing();
}

static void
test_damage(void)
{
	struct content_object o = {0};
	char *path = path_of(PART_ZSTD);
	int fd;

	put_zseek(bytes, SIZE);
	ok(gives(&o, 0, 10), "looked at");
	fd = open(path, O_WRONLY);
	ok(fd >= 0 && pwrite(fd, "\xff\xff\xff", 3, 20) == 3, "damaged");
	ok(get(&o, 0, 10, true) == RC_DATA, "noticed in the frame");
	content_object_release(&o);
	ok(get(&o, ZSEEK_CONTENT * 2, 10, true) == RC_OK,
	    "which others do not need");
	content_object_release(&o);
	ok(get(&o, 0, 0, true) == RC_DATA, "noticed in the whole");
	content_object_release(&o);
	ok(ftruncate(fd, 100) == 0 && get(&o, 5, 10, true) == RC_DATA,
	    "cut short");
	content_object_release(&o);
	ok(ftruncate(fd, 0) == 0 && get(&o, 5, 10, true) == RC_DATA, "empty");
	content_object_release(&o);
	close(fd);
	put_nothing();
	free(path);
}

/* All that is read of an object is of one. */
static void
test_replaced(void)
{
	struct content_object o = {0};

	put(PART_SEGMENT, bytes, SIZE);
	ok(gives(&o, 0, 10), "looked at");
	gone(PART_SEGMENT);
	put(PART_SEGMENT, bytes + 1, SIZE - 1);
	ok(get(&o, 100, 10, false) == RC_DATA, "replaced since: noticed");
	content_object_release(&o);
	put_nothing();
	put_zseek(bytes, SIZE);
	ok(gives(&o, 0, 10), "looked at, compressed");
	gone(PART_ZSTD);
	put_zseek(bytes, SIZE - 1);
	ok(get(&o, 100, 10, false) == RC_DATA, "replaced since: noticed");
	content_object_release(&o);
	put_nothing();
}

int
main(int argc, char **argv)
{
	const struct store_opts opts = {
	    .parallel = 8, .retry_for = 1, .create = true};
	char *command;

	(void)argc;
	msg_init(argv[0]);
	msg_verbosity(-2);
	if (!mkdtemp(top) || store_open(&store, top, &opts))
		return 1;
	name_set(&name, "ns", &key);
	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (uint8_t)(i * 7919 >> (i % 11));
	test_forms();
	test_large();
	test_damage();
	test_replaced();
	store_free(store);
	buf_release(&answer.got);
	command = xasprintf("rm -rf '%s'", top);
	/* NOLINTNEXTLINE(cert-env33-c): a directory of our own */
	ok(system(command) == 0, "cleaned up");
	free(command);
	return tap_done();
}
