/*
 * listing: what is made of the objects of a store, whatever junk lies there.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "plan/listing.h"
#include "tap.h"

static char dir[] = "/tmp/segtools-listing.XXXXXX";
static struct store *store;

/* An object of so many bytes; its directories are made. */
static void
put(const char *object, size_t size)
{
	char *path = xasprintf("%s/%s", dir, object);
	int fd;

	for (char *p = path + strlen(dir) + 1; *p; p++)
		if (*p == '/') {
			*p = 0;
			(void)mkdir(path, 0777);
			*p = '/';
		}
	fd = open(path, O_WRONLY | O_CREAT, 0666);
	if (fd < 0 || ftruncate(fd, (off_t)size) != 0)
		abort();
	close(fd);
	free(path);
}

static void
put_part(const char *namespace, uint64_t start, uint64_t end, uint64_t time,
    enum part part, size_t size)
{
	const struct key key = {start, end, time};
	struct name name;
	char *object;

	name_set(&name, namespace, &key);
	object = name_object("c", &name, part);
	put(object, size);
	free(object);
}

static void
put_segment(const char *namespace, uint64_t start, uint64_t end, uint64_t time)
{
	put_part(namespace, start, end, time, PART_SEGMENT, 4176);
	put_part(namespace, start, end, time, PART_INDEX, 61);
}

/* "1-2@5 4176 id; ...": of each START-END@TIME, its bytes or "-", "i" with an
 * index, "d" with data. */
static char *
listed(const char *namespace, bool along)
{
	struct buf b = {0};
	struct listing *h = NULL;
	struct listing_entry e;
	enum rc rc = (along ? listing_open_along : listing_open)(
	    &h, store, "c", namespace);

	while (rc == RC_OK && (rc = listing_next(h, &e)) == RC_OK) {
		buf_addf(&b, "%llu-%llu@%llu ", (unsigned long long)e.key.start,
		    (unsigned long long)e.key.end,
		    (unsigned long long)e.key.time);
		if (e.bytes == UINT64_MAX)
			buf_adds(&b, "-");
		else
			buf_addf(&b, "%llu", (unsigned long long)e.bytes);
		buf_addf(&b, " %s%s; ", e.index ? "i" : "",
		    listing_has_data(&e) ? "d" : "");
	}
	listing_free(h);
	buf_addf(&b, "%d", rc == RC_ABSENT ? 0 : (int)rc);
	return b.data;
}

static void
lists(const char *namespace, const char *want, const char *desc)
{
	for (int along = 0; along < 2; along++) {
		char *got = listed(namespace, along);

		if (!ok(strcmp(got, want) == 0, "%s%s", desc,
			along ? ", along with others" : ""))
			printf("# got:    %s\n# wanted: %s\n", got, want);
		free(got);
	}
}

static enum rc
add_name(void *arg, const char *namespace, enum rc rc)
{
	struct buf *b = arg;

	buf_addf(b, "%s%s ", namespace, rc ? "!" : "");
	return RC_OK;
}

static void
test_entries(void)
{
	lists("none", "0", "nothing is there");
	put_segment("a", 1, 5, 1000);
	put_segment("a", 6, 9, 2000);
	put_segment("a", 1, 9, 2000);
	put_segment("a", 3, 9, 1500);
	lists("a",
	    "1-5@1000 4176 id; 1-9@2000 4176 id; 3-9@1500 4176 id; "
	    "6-9@2000 4176 id; 0",
	    "frame order: END, then START");
	put_part("a", 10, 10, 3000, PART_SEGMENT, 99);
	put_part("a", 11, 11, 3000, PART_INDEX, 61);
	put("v2/clusters/c/namespaces/a/segments/junk", 1);
	put("v2/clusters/c/namespaces/a/indexes/.segtmp-x", 1);
	put("v2/clusters/c/namespaces/a/other", 1);
	lists("a",
	    "1-5@1000 4176 id; 1-9@2000 4176 id; 3-9@1500 4176 id; "
	    "6-9@2000 4176 id; 10-10@3000 99 d; 11-11@3000 - i; 0",
	    "one without an index, one without data, and junk");
	put_segment("huge", UINT64_MAX, UINT64_MAX, UINT64_MAX);
	lists("huge",
	    "18446744073709551615-18446744073709551615@18446744073709551615 "
	    "4176 id; 0",
	    "the greatest numbers");
}

static void
test_newest(void)
{
	struct key key;
	struct keyset keys = {0};

	ok(listing_newest(store, "c", "none", &key) == RC_ABSENT,
	    "no segment, no newest");
	put_part("d", 1, 1, 1, PART_SEGMENT, 99);
	ok(listing_newest(store, "c", "d", &key) == RC_ABSENT,
	    "data alone is no segment");
	ok(listing_newest(store, "c", "a", &key) == RC_OK && key.end == 11,
	    "the greatest END");
	put_segment("e", 1, 9, 7);
	put_segment("e", 5, 9, 7);
	ok(listing_newest(store, "c", "e", &key) == RC_OK && key.end == 9 &&
		key.start == 1,
	    "of one END the least START");
	ok(listing_keys(&keys, store, "c", "a") == RC_OK && keys.n == 5,
	    "keys are those with an index");
	keyset_release(&keys);
}

static void
test_namespaces(void)
{
	struct buf b = {0};

	put_segment("a-b", 1, 1, 1);
	put_segment("a.b", 1, 1, 1);
	put("v2/clusters/c/namespaces/@eaDir/x", 1);
	put("v2/clusters/c/namespaces/file", 1);
	put("v2/clusters/c/claims/claimed/00000000000000000000", 1);
	ok(listing_namespaces(store, "c", false, add_name, &b) == RC_OK &&
		strcmp(b.data, "a a-b a.b d e huge ") == 0,
	    "namespaces in byte order: %s", b.data);
	buf_clear(&b);
	ok(listing_namespaces(store, "c", true, add_name, &b) == RC_OK &&
		strcmp(b.data, "a a-b a.b claimed d e huge ") == 0,
	    "those of which there are claims alone: %s", b.data);
	buf_clear(&b);
	ok(listing_namespaces(store, "other", false, add_name, &b) == RC_OK &&
		b.len == 0,
	    "another cluster has none");
	buf_release(&b);
}

int
main(int argc, char **argv)
{
	const struct store_opts opts = {.parallel = 4};
	char *rm;

	(void)argc;
	msg_init(argv[0]);
	if (!mkdtemp(dir) || store_open(&store, dir, &opts) != RC_OK)
		return 1;
	test_entries();
	test_newest();
	test_namespaces();
	store_free(store);
	rm = xasprintf("rm -rf %s", dir);
	ok(system(rm) == 0, "cleaned up");
	free(rm);
	return tap_done();
}
