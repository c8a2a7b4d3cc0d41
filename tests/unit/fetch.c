/*
 * fetch: the order in which jobs are told, what is there and what is not, each
 * status for itself; a store that changes meanwhile.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/directory.h"
#include "base/file.h"
#include "fetch/fetch.h"
#include "segment/segwriter.h"
#include "tap.h"

enum { SEGMENTS = 100, PAGE = 512 };

/* Instead of the C library's: what is made here need not outlive the machine. */
int
fsync(int fd)
{
	(void)fd;
	return 0;
}

static char top[] = "/tmp/segtools-fetch.XXXXXX";
static char *store_dir, *made, *got;
static struct store *store;

static struct name
name_of(unsigned i)
{
	const struct key key = {.start = i, .end = i, .time = i};
	struct name name;

	name_set(&name, "ns", &key);
	return name;
}

/* ---- a store of so many segments ---- */

static enum rc
put(const struct name *name, enum part part)
{
	char *path = name_path(made, name, part);
	char *object = name_object("c", name, part);
	struct store_xfer x = {.verb = STORE_PUT, .object = object};
	enum rc rc = file_open(&x.file, path);

	if (rc == RC_OK)
		rc = store_do(store, &x);
	file_close(&x.file);
	free(path);
	free(object);
	return rc;
}

static enum rc
make_segment(unsigned i)
{
	static const uint8_t id[SEG_ID];
	static uint8_t page[PAGE];
	struct name name = name_of(i);
	struct segwriter *w = NULL;
	enum rc rc = segwriter_new(&w, made, &name, PAGE, &(struct secrecy){0});

	memset(page, (int)i, sizeof(page));
	if (rc == RC_OK)
		rc = segwriter_add(w, 1, i, page);
	if (rc == RC_OK)
		rc = segwriter_finish(w, 1, id);
	if (rc == RC_OK)
		rc = segwriter_commit(w, NULL);
	segwriter_free(w);
	if (rc == RC_OK)
		rc = put(&name, PART_SEGMENT);
	return rc ? rc : put(&name, PART_INDEX);
}

static char *
object_path(unsigned i, enum part part)
{
	struct name name = name_of(i);
	char *object = name_object("c", &name, part);
	char *path = xasprintf("%s/%s", store_dir, object);

	free(object);
	return path;
}

static void
remove_object(unsigned i, enum part part)
{
	char *path = object_path(i, part);

	ok(unlink(path) == 0, "an object less");
	free(path);
}

static void
damage_object(unsigned i, enum part part)
{
	char *path = object_path(i, part);
	int fd;

	(void)chmod(path, 0600);
	fd = open(path, O_WRONLY);
	ok(fd >= 0 && pwrite(fd, "\xff", 1, 30) == 1, "an object damaged");
	close(fd);
	free(path);
}

/* ---- fetching ---- */

static struct {
	unsigned n;
	unsigned number[SEGMENTS];
	enum rc rc[SEGMENTS];
	uint64_t pages, bytes;
	bool paths_right;
} told;

static enum rc
on_done(void *arg, const struct rec *rec, enum rc rc)
{
	char *path = name_path(got, &rec->name, *(const enum part *)arg);

	told.number[told.n] = (unsigned)rec->name.key.end;
	told.rc[told.n++] = rc;
	if (rc == RC_OK) {
		told.pages += rec->pages;
		told.bytes += rec->bytes;
		told.paths_right = told.paths_right && rec->is_path &&
				   strcmp(rec->text, path) == 0 &&
				   file_exists(path);
	}
	free(path);
	return rc;
}

/* Fetch 1 to n, the even ones first; the greatest status that was returned. */
static enum rc
fetch_all(unsigned n, bool index_only)
{
	enum part part = index_only ? PART_INDEX : PART_SEGMENT;
	const struct fetch_opts o = {.store = store,
	    .cluster = "c",
	    .dir = got,
	    .index_only = index_only,
	    .done = on_done,
	    .arg = &part};
	struct fetch *f = fetch_new(&o);
	enum rc rc = RC_OK;

	memset(&told, 0, sizeof(told));
	told.paths_right = true;
	for (unsigned from = 2; from >= 1; from--)
		for (unsigned i = from; i <= n; i += 2) {
			struct name name = name_of(i);

			rc = rc_max(rc, fetch_add(f, &name, false));
		}
	rc = rc_max(rc, fetch_finish(f));
	fetch_free(f);
	return rc;
}

/* Told in the order in which they were added, with rc for bad, else RC_OK. */
static bool
in_order(unsigned n, unsigned bad, enum rc rc)
{
	unsigned k = 0;

	for (unsigned from = 2; from >= 1; from--)
		for (unsigned i = from; i <= n; i += 2, k++)
			if (told.number[k] != i ||
			    told.rc[k] != (i == bad ? rc : RC_OK))
				return false;
	return told.n == n && k == n && told.paths_right;
}

static bool
there(unsigned i, enum part part)
{
	struct name name = name_of(i);
	char *path = name_path(got, &name, part);
	bool is = file_exists(path);

	free(path);
	return is;
}

static void
begin_anew(void)
{
	char *command = xasprintf("rm -rf '%s' && mkdir '%s'", got, got);

	/* NOLINTNEXTLINE(cert-env33-c): a directory of our own */
	if (system(command) != 0)
		exit(1);
	free(command);
}

static void
test_many(void)
{
	uint64_t size = SEG_HEADER + SEG_FRAME + PAGE + SEG_FOOTER;

	begin_anew();
	ok(fetch_all(SEGMENTS, false) == RC_OK &&
		in_order(SEGMENTS, 0, RC_OK) && told.pages == SEGMENTS &&
		told.bytes == SEGMENTS * size,
	    "more than fit side by side: told in order, with their facts");
	ok(fetch_all(SEGMENTS, false) == RC_OK &&
		in_order(SEGMENTS, 0, RC_OK) && told.bytes == SEGMENTS * size,
	    "what is there: the same");
	begin_anew();
	ok(fetch_all(9, true) == RC_OK && in_order(9, 0, RC_OK) &&
		told.pages == 9 && there(1, PART_INDEX) &&
		!there(1, PART_SEGMENT),
	    "indexes alone");
	ok(fetch_all(9, false) == RC_OK && in_order(9, 0, RC_OK) &&
		there(1, PART_SEGMENT),
	    "then the data");
}

static void
test_damage(void)
{
	begin_anew();
	damage_object(4, PART_INDEX);
	ok(fetch_all(9, false) == RC_OK && in_order(9, 0, RC_OK) &&
		there(4, PART_INDEX),
	    "a damaged index is made from the data");
	ok(fetch_all(9, true) == RC_OK && in_order(9, 0, RC_OK),
	    "and is there for who wants it alone");
	begin_anew();
	ok(fetch_all(9, true) == RC_DATA && in_order(9, 4, RC_DATA) &&
		!there(4, PART_INDEX),
	    "who cannot make it is told");
	remove_object(4, PART_INDEX);
	begin_anew();
	ok(fetch_all(9, false) == RC_OK && in_order(9, 0, RC_OK) &&
		there(4, PART_INDEX),
	    "one that is not there is made too");
	damage_object(4, PART_SEGMENT);
	begin_anew();
	ok(fetch_all(9, false) == RC_DATA && in_order(9, 4, RC_DATA) &&
		!there(4, PART_SEGMENT) && !there(4, PART_INDEX),
	    "damaged data fails alone");
	remove_object(4, PART_SEGMENT);
	begin_anew();
	ok(fetch_all(9, false) == RC_DATA && in_order(9, 4, RC_DATA),
	    "so does what is not there");
}

int
main(int argc, char **argv)
{
	const struct store_opts opts = {
	    .parallel = 8, .retry_for = 1, .create = true};
	enum rc rc;
	char *command;

	(void)argc;
	msg_init(argv[0]);
	msg_verbosity(-2);
	if (!mkdtemp(top))
		return 1;
	store_dir = xasprintf("%s/store", top);
	made = xasprintf("%s/made", top);
	got = xasprintf("%s/got", top);
	rc = store_open(&store, store_dir, &opts);
	for (unsigned i = 1; rc == RC_OK && i <= SEGMENTS; i++)
		rc = make_segment(i);
	if (ok(rc == RC_OK, "a store of %d segments", SEGMENTS)) {
		test_many();
		test_damage();
	}
	store_free(store);
	command = xasprintf("rm -rf '%s'", top);
	/* NOLINTNEXTLINE(cert-env33-c): a directory of our own */
	ok(system(command) == 0, "cleaned up");
	free(command);
	free(store_dir);
	free(made);
	free(got);
	return tap_done();
}
