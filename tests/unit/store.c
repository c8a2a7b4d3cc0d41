/*
 * The store interface, as store.h promises it: on a directory, or on what
 * SEG_TEST_STORE names (empty at the start).
 */

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "store/store.h"
#include "tap.h"

enum { SEEN_MAX = 4 << 20 };

#define PREFIX "v2/clusters/c/namespaces/n a+b%/"

static char dir[] = "/tmp/segtools-store.XXXXXX";
static struct store *store;
static bool is_dir;

static enum rc
do_buf(enum store_verb verb, const char *object, struct buf *b,
    struct store_xfer *x)
{
	x->verb = verb;
	x->object = object;
	x->buf = b;
	return store_do(store, x);
}

static enum rc
put(const char *object, const char *text, bool *existed)
{
	struct buf b = {0};
	struct store_xfer x = {0};
	enum rc rc;

	buf_adds(&b, text);
	rc = do_buf(STORE_PUT, object, &b, &x);
	*existed = x.existed;
	buf_release(&b);
	return rc;
}

static enum rc
replace(const char *object, const char *text, bool *existed)
{
	struct buf b = {0};
	struct store_xfer x = {.replace = true};
	enum rc rc;

	buf_adds(&b, text);
	rc = do_buf(STORE_PUT, object, &b, &x);
	*existed = x.existed;
	buf_release(&b);
	return rc;
}

static bool
get_is(const char *object, uint64_t offset, uint64_t length, const char *want)
{
	struct buf b = {0};
	struct store_xfer x = {.offset = offset, .length = length};
	enum rc rc = do_buf(STORE_GET, object, &b, &x);
	bool same = rc == RC_OK && b.len == strlen(want) &&
		    memcmp(b.data, want, b.len) == 0;

	buf_release(&b);
	return same;
}

static enum rc
get(const char *object, uint64_t offset, uint64_t length, const char *etag)
{
	struct buf b = {0};
	struct store_xfer x = {.offset = offset, .length = length};
	enum rc rc;

	memcpy(x.etag, etag, strlen(etag) + 1);
	msg_verbosity(-2);
	rc = do_buf(STORE_GET, object, &b, &x);
	msg_verbosity(2);
	buf_release(&b);
	return rc;
}

static void
test_objects(void)
{
	struct store_xfer head = {0};
	bool existed;

	ok(put(PREFIX "indexes/k", "0123456789", &existed) == RC_OK && !existed,
	    "PUT");
	ok(put(PREFIX "indexes/k", "other", &existed) == RC_OK && existed,
	    "PUT of what exists");
	ok(get_is(PREFIX "indexes/k", 0, 0, "0123456789"), "GET: not replaced");
	ok(get_is(PREFIX "indexes/k", 3, 0, "3456789"), "GET to the end");
	ok(get_is(PREFIX "indexes/k", 3, 4, "3456"), "GET of a range");
	ok(get(PREFIX "indexes/k", 3, 8, "") == RC_DATA,
	    "GET of more than there is");
	ok(get(PREFIX "indexes/k", 11, 1, "") == RC_DATA, "GET beyond the end");
	ok(get(PREFIX "indexes/none", 0, 0, "") == RC_ABSENT,
	    "GET of what is not there");
	ok(do_buf(STORE_HEAD, PREFIX "indexes/k", NULL, &head) == RC_OK &&
		head.size == 10,
	    "HEAD");
	ok(get(PREFIX "indexes/k", 0, 0, head.etag) == RC_OK,
	    "GET with the right ETag");
	ok(get(PREFIX "indexes/k", 0, 0, "\"0123\"") == RC_DATA,
	    "GET with another ETag");
	ok(do_buf(STORE_HEAD, PREFIX "none", NULL, &head) == RC_ABSENT,
	    "HEAD of what is not there");
}

/* Claims: one of several makes it, the owner renews it, and takes it away. */
static void
test_claim(void)
{
	struct store_xfer gone = {0};
	bool existed;

	ok(put("v2/clusters/c/claims/n/1", "mine", &existed) == RC_OK &&
		!existed &&
		put("v2/clusters/c/claims/n/1", "yours", &existed) == RC_OK &&
		existed,
	    "of two that make an object, one is told that it was there");
	existed = true;
	ok(replace("v2/clusters/c/claims/n/1", "mine again", &existed) ==
		    RC_OK &&
		!existed &&
		get_is("v2/clusters/c/claims/n/1", 0, 0, "mine again"),
	    "PUT that replaces what is there");
	ok(replace("v2/clusters/c/claims/n/2", "new", &existed) == RC_OK &&
		!existed && get_is("v2/clusters/c/claims/n/2", 0, 0, "new"),
	    "PUT that may replace, of what is not there");
	ok(do_buf(STORE_DELETE, "v2/clusters/c/claims/n/1", NULL, &gone) ==
		    RC_OK &&
		do_buf(STORE_DELETE, "v2/clusters/c/claims/n/2", NULL, &gone) ==
		    RC_OK &&
		get("v2/clusters/c/claims/n/1", 0, 0, "") == RC_ABSENT,
	    "DELETE of both");
}

static void
test_limit(void)
{
	struct buf b = {0};
	struct store_xfer x = {.limit = 9};
	enum rc rc;

	msg_verbosity(-2);
	rc = do_buf(STORE_GET, PREFIX "indexes/k", &b, &x);
	msg_verbosity(2);
	ok(rc == RC_DATA && b.len <= 9, "GET of more than the limit");
	x = (struct store_xfer){.limit = 10};
	buf_clear(&b);
	ok(do_buf(STORE_GET, PREFIX "indexes/k", &b, &x) == RC_OK,
	    "GET of just the limit");
	buf_release(&b);
}

static enum rc
remember(void *arg, const void *data, size_t len)
{
	struct buf *b = arg;

	buf_add(b, data, len);
	return b->len > SEEN_MAX ? RC_DATA : RC_OK;
}

/* Into a file that has some of it, and to a sink; then to one that fails. */
static void
test_both(struct file *to, uint64_t had, const uint8_t *data, size_t size)
{
	struct buf seen = {0};
	struct store_xfer x = {.verb = STORE_GET,
	    .object = PREFIX "segments/k",
	    .file = to,
	    .sink = remember,
	    .offset = had,
	    .arg = &seen};
	struct file_map map = {0};

	ok(file_truncate(to, 0) == RC_OK &&
		file_write(to, data, had, 0) == RC_OK &&
		store_do(store, &x) == RC_OK && seen.len == size - had &&
		memcmp(seen.data, data + had, seen.len) == 0 &&
		file_map(&map, to, size) == RC_OK && map.len == size &&
		memcmp(map.data, data, size) == 0,
	    "GET into a file and to a sink");
	file_unmap(&map);
	buf_clear(&seen);
	while (seen.len < SEEN_MAX)
		buf_add(&seen, data, size);
	seen.len = SEEN_MAX;
	ok(file_truncate(to, had) == RC_OK && store_do(store, &x) == RC_DATA &&
		seen.len < SEEN_MAX + size,
	    "a sink that fails");
	buf_release(&seen);
}

/* From a file into a file, and resumed. */
static void
test_files(void)
{
	enum { SIZE = 3 << 20 };
	uint8_t *data = xmalloc(SIZE), *back = xmalloc(SIZE);
	struct file *from = NULL, *to = NULL;
	struct store_xfer x = {
	    .verb = STORE_PUT, .object = PREFIX "segments/k"};

	for (size_t i = 0; i < SIZE; i++)
		data[i] = (uint8_t)(i * i >> 7);
	ok(file_scratch(&from) == RC_OK && file_scratch(&to) == RC_OK &&
		file_write(from, data, SIZE, 0) == RC_OK,
	    "files");
	x.file = from;
	ok(store_do(store, &x) == RC_OK && !x.existed, "PUT from a file");
	x = (struct store_xfer){
	    .verb = STORE_GET, .object = PREFIX "segments/k", .file = to};
	ok(store_do(store, &x) == RC_OK && x.size == SIZE &&
		file_read(to, back, SIZE, 0) == RC_OK &&
		memcmp(data, back, SIZE) == 0,
	    "GET into a file");
	ok(file_truncate(to, SIZE - 70000) == RC_OK, "cut");
	x.offset = SIZE - 70000;
	ok(store_do(store, &x) == RC_OK &&
		file_read(to, back, SIZE, 0) == RC_OK &&
		memcmp(data, back, SIZE) == 0,
	    "GET of the rest");
	for (uint64_t had = 0; had < SIZE; had += SIZE - 70000)
		test_both(to, had, data, SIZE);
	file_close(&from);
	file_close(&to);
	free(data);
	free(back);
}

/* ---- listings ---- */

static enum rc
collect(void *arg, const struct store_entry *e)
{
	buf_addf(arg, "%s%s %llu\n", e->name, e->is_dir ? "/" : "",
	    (unsigned long long)e->size);
	return RC_OK;
}

static enum rc
stop(void *arg, const struct store_entry *e)
{
	(void)arg;
	(void)e;
	return RC_SYSTEM;
}

static bool
lists(const char *prefix, bool delimited, const char *one, const char *two)
{
	struct buf b = {0}, a = {0}, c = {0};
	bool good;

	buf_addf(&a, "%s%s", one, two);
	buf_addf(&c, "%s%s", two, one);
	buf_adds(&b, "");
	good = store_list(store, prefix, delimited, 0, collect, &b) == RC_OK &&
	       (strcmp(b.data, a.data) == 0 || strcmp(b.data, c.data) == 0);
	buf_release(&a);
	buf_release(&b);
	buf_release(&c);
	return good;
}

static void
test_lists(void)
{
	ok(lists(PREFIX, false, "indexes/k 10\n", "segments/k 3145728\n"),
	    "all levels");
	ok(lists(PREFIX, true, "indexes/ 0\n", "segments/ 0\n"), "one level");
	ok(lists("v2/clusters/c/namespaces/", true, "n a+b%/ 0\n", ""),
	    "namespaces");
	ok(lists("v2/clusters/none/", false, "", ""), "nothing");
	ok(store_list(store, PREFIX, false, 0, stop, NULL) == RC_SYSTEM,
	    "entry() ends the listing");
}

/* ---- the queue ---- */

static unsigned ended;

static void
count(struct store_xfer *x, enum rc rc)
{
	(void)x;
	ended += rc == RC_OK;
}

static void
test_queue(void)
{
	enum { N = 100 };
	struct store_xfer x[N];
	char *name[N];
	struct buf b = {0};
	unsigned left;

	buf_adds(&b, "queue");
	for (unsigned i = 0; i < N; i++) {
		name[i] = xasprintf("v2/q/%u", i);
		x[i] = (struct store_xfer){.verb = STORE_PUT,
		    .object = name[i],
		    .buf = &b,
		    .done = count};
		store_start(store, &x[i]);
	}
	ok(ended == 0, "done() is called by store_wait() alone");
	store_wait(store, 50, -1);
	ok(ended >= N - 50, "until at most so many are left");
	left = N - ended;
	store_wait(store, 0, -1);
	ok(ended == N, "the other %u", left);
	ended = 0;
	for (unsigned i = 0; i < N; i++) {
		x[i].verb = STORE_DELETE;
		x[i].buf = NULL;
		store_start(store, &x[i]);
	}
	store_wait(store, 0, -1);
	ok(ended == N, "DELETE");
	ok(lists("v2/q/", false, "", ""), "they are gone");
	for (unsigned i = 0; i < N; i++)
		free(name[i]);
	buf_release(&b);
}

/* ---- directories alone ---- */

static void
test_paths(void)
{
	static const char *const bad[] = {
	    "../x", "a/../../x", "a//b", "/x", "a/./b", "a/", ""};
	bool existed, refused = true;

	msg_verbosity(-2);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (put(bad[i], "x", &existed) != RC_DATA ||
		    get(bad[i], 0, 0, "") != RC_DATA)
			refused = false;
	msg_verbosity(2);
	ok(refused, "paths that are not plain are refused");
}

static void
test_removal(void)
{
	struct store_xfer x = {.verb = STORE_DELETE};
	char *v2 = xasprintf("%s/v2", dir);

	x.object = PREFIX "indexes/none";
	ok(store_do(store, &x) == (is_dir ? RC_ABSENT : RC_OK),
	    "DELETE of what is not there");
	x.object = PREFIX "indexes/k";
	ok(store_do(store, &x) == RC_OK, "DELETE");
	x.object = PREFIX "segments/k";
	ok(store_do(store, &x) == RC_OK, "DELETE of the last");
	ok(lists("v2/clusters/c/namespaces/", true, "", ""),
	    "the namespace is gone");
	ok(!is_dir || access(v2, F_OK) != 0, "and its directories");
	free(v2);
}

/* From now on fsync() of this process fails. */
static bool
break_sync(void)
{
	struct sock_filter filter[] = {
	    BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fsync, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EIO),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {
	    .len = sizeof(filter) / sizeof(filter[0]), .filter = filter};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* What is not durable may come back, or be lost: never RC_OK. */
static void
test_sync(void)
{
	struct store_xfer x = {0};
	bool existed;

	ok(put("v2/a", "1", &existed) == RC_OK &&
		put("v2/b", "1", &existed) == RC_OK,
	    "two objects");
	ok(break_sync(), "fsync fails from now on");
	msg_verbosity(-2);
	ok(do_buf(STORE_DELETE, "v2/a", NULL, &x) == RC_SYSTEM,
	    "DELETE that is not durable");
	ok(put("v2/b", "1", &existed) == RC_SYSTEM,
	    "PUT of what is there, but perhaps not durably");
	ok(put("v2/c", "1", &existed) == RC_SYSTEM, "PUT that is not durable");
	(void)do_buf(STORE_DELETE, "v2/b", NULL, &x);
	msg_verbosity(2);
}

static void
test_opening(void)
{
	const struct store_opts plain = {.parallel = 4},
				create = {.parallel = 4, .create = true};
	char *inner = xasprintf("%s/a/b", dir);
	struct store *s = NULL;
	struct buf b = {0};
	struct store_xfer x = {
	    .verb = STORE_PUT, .object = PREFIX "segments/anew", .buf = &b};

	msg_verbosity(-2);
	ok(store_open(&s, inner, &plain) == RC_USAGE && !s,
	    "a directory that is not there");
	ok(store_open(&s, inner, &create) == RC_USAGE && !s, "nor its parent");
	inner[strlen(inner) - 2] = 0;
	ok(store_open(&s, inner, &create) == RC_OK && s, "made");
	(void)rmdir(inner);
	buf_addc(&b, 'x');
	ok(store_do(s, &x) == RC_USAGE && access(inner, F_OK) != 0,
	    "one that has gone since is not made anew");
	msg_verbosity(2);
	store_free(s);
	buf_release(&b);
	free(inner);
}

int
main(int argc, char **argv)
{
	const struct store_opts opts = {.parallel = 8, .retry_for = 10};
	const char *where = getenv("SEG_TEST_STORE");

	(void)argc;
	msg_init(argv[0]);
	is_dir = !where;
	if (is_dir && !mkdtemp(dir))
		return 1;
	if (!ok(store_open(&store, is_dir ? dir : where, &opts) == RC_OK,
		"open"))
		return tap_done();
	test_objects();
	test_claim();
	test_limit();
	test_files();
	test_lists();
	test_queue();
	test_removal();
	if (is_dir) {
		test_paths();
		test_opening();
		test_sync();
		(void)rmdir(dir);
	}
	store_free(store);
	return tap_done();
}
