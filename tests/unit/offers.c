/*
 * A store that is asked what it has, and what follows: by a clock that is set,
 * and a process that cannot be made, or ends early.  clock_gettime(), fork() and
 * write() are this program's own, which come before those of the C library.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "cut/ask.h"
#include "cut/offers.h"
#include "format/segment.h"
#include "tap.h"

static char dir[] = "/tmp/segtools-offers.XXXXXX";
static char *store;

/* ---- calls ---- */

static uint64_t ahead;         /* ms: the clock that is not set stands there */
static unsigned asked;         /* so many processes were made */
static bool no_fork;           /* none can be */
static bool is_child;          /* this one was */
static int write_errno;        /* of what a child writes; 0: none */
static int gate[2] = {-1, -1}; /* before it does, a child waits here */

int
clock_gettime(clockid_t id, struct timespec *t)
{
	if (id != CLOCK_MONOTONIC)
		return (int)syscall(SYS_clock_gettime, id, t);
	*t = (struct timespec){
	    (time_t)(ahead / 1000), (long)(ahead % 1000) * 1000000};
	return 0;
}

pid_t
fork(void)
{
	pid_t pid;

	if (no_fork) {
		errno = EAGAIN;
		return -1;
	}
	asked++;
	pid = _Fork();
	is_child = pid == 0;
	return pid;
}

ssize_t
write(int fd, const void *p, size_t n)
{
	char go;

	if (is_child && gate[0] >= 0 && read(gate[0], &go, 1) != 1)
		abort();
	errno = write_errno;
	return is_child && write_errno ? -1 : syscall(SYS_write, fd, p, n);
}

/* ---- files ---- */

static void
put(const char *path, const void *p, size_t n)
{
	char *copy = xstrdup(path);
	int fd;

	for (char *s = copy + 1; (s = strchr(s, '/')) != NULL; s++) {
		*s = 0;
		(void)mkdir(copy, 0777);
		*s = '/';
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	if (fd < 0 || write(fd, p, n) != (ssize_t)n)
		exit(1);
	close(fd);
	free(copy);
}

/* A segment of two pages, in the work directory or in the store. */
static void
put_segment(const struct key *key, bool work)
{
	const struct seg_header h = {
	    .key = *key, .frames = 2, .size_after = 9, .page_size = 512};
	uint8_t bytes[SEG_HEADER + 2 * (SEG_FRAME + 512) + SEG_FOOTER] = {0};
	struct name name;

	name_set(&name, "a", key);
	seg_header_encode(&h, bytes);
	for (int part = 0; part < 2; part++) {
		char *object = name_object("c", &name, (enum part)part);
		char *path = work ? name_path("w", &name, (enum part)part)
				  : xasprintf("%s/%s", store, object);

		put(path, bytes, sizeof(bytes));
		free(path);
		free(object);
	}
}

static void
remove_all(const char *path)
{
	char *cmd = xasprintf("rm -rf %s", path);

	if (system(cmd) != 0)
		exit(1);
	free(cmd);
}

/* ---- what is said ---- */

/* Whether that was said, and nothing else: stderr is a file. */
static bool
heard(const char *text)
{
	char *all = xcalloc(1, 10000);
	int fd = open("stderr", O_RDONLY);
	bool same;

	if (fd < 0 || read(fd, all, 9999) < 0 || truncate("stderr", 0) != 0)
		exit(1);
	close(fd);
	same = strcmp(all, text) == 0;
	if (!same)
		printf("# said: %s", all);
	free(all);
	return same;
}

/* ---- one database, a, in ./w, and a store ---- */

static const struct key k1 = {1, 5, 1000}, k2 = {6, 7, 2000}, k3 = {8, 9, 3000};
static struct target target = {"a", "a.db"};
static const struct targets one = {&target, 1, 1};
static const struct store_opts opts;
static struct offers o;
static bool dirty, full;
static uint64_t waiting; /* as the store was said to lack */
static unsigned wrote;   /* records */

static void
note_wrote(void *arg, const struct rec *rec)
{
	(void)arg;
	(void)rec;
	wrote++;
}

static void
note_pending(void *arg, const char *namespace, uint64_t n)
{
	(void)arg;
	(void)namespace;
	waiting = n;
}

static void
begin(void)
{
	remove_all("w store");
	if (mkdir("w", 0777) != 0 || mkdir(store, 0777) != 0)
		exit(1);
	o = (struct offers){.targets = &one,
	    .dir = "w",
	    .store = store,
	    .cluster = "c",
	    .store_opts = &opts,
	    .interval = 100,
	    .wrote = note_wrote,
	    .pending = note_pending};
	offers_begin(&o);
	asked = wrote = 0;
	waiting = 99;
	dirty = full = false;
}

/* A cut was made; its segment is there, and in the store. */
static void
cut(const struct key *key, bool stored)
{
	const struct cut_result res = {.last = *key, .made = true};

	put_segment(key, true);
	if (stored)
		put_segment(key, false);
	offers_cut(&o, 0, &res);
}

/* So many ms later; then how many questions there were, each answered. */
static unsigned
asked_after(uint64_t ms)
{
	unsigned was = asked;

	ahead += ms;
	offers_mind_store(&o, &dirty, &full);
	while (o.ask.running)
		offers_wait(&o, 1000, &dirty, &full);
	return asked - was;
}

/* It is asked then, and not before. */
static bool
asks_at(uint64_t ms)
{
	return asked_after(ms - 1) == 0 && asked_after(1) == 1;
}

static size_t
offered(void)
{
	struct buf set = {0};
	size_t n = offers_news(&o, 0) ? offers_add(&o, 0, &set) : 0;

	buf_release(&set);
	return n;
}

/* ---- tests ---- */

static void
test_times(void)
{
	uint64_t wait;

	begin();
	put_segment(&k1, false);
	ok(asked_after(0) == 1 && offers_stored(&o, 0) &&
		offers_stored(&o, 0)->end == 5,
	    "asked at once, before there is a cut");
	ok(!dirty && !full && asked_after(2000) == 0 && waiting == 0,
	    "and that is all");
	cut(&k1, true);
	ok(offered() == 0 && asked_after(600000) == 0,
	    "what is in the store is neither offered nor asked for");

	cut(&k2, false);
	ok(offered() == 1 && wrote == 1 && waiting == 1, "a cut is offered");
	ok(asks_at(1000) && offered() == 1,
	    "asked for ten rounds later, and offered again");
	for (wait = 2000; wait < 60000; wait *= 2)
		if (!asks_at(wait) || offered() != 1)
			break;
	ok(wait == 64000, "at growing intervals");
	ok(asks_at(60000) && offered() == 1 && asks_at(60000) && offered() == 1,
	    "a minute at most");
	put_segment(&k2, false);
	remove_all("w");
	ok(asked_after(60000) == 0 && waiting == 0 && asked_after(600000) == 0,
	    "what has gone from here is in the store");
	offers_release(&o);
}

static void
test_away(void)
{
	static const uint64_t wait[] = {2000, 4000, 8000, 10000, 10000};
	char *said;

	begin();
	cut(&k1, true);
	cut(&k2, false);
	if (rename(store, "aside") != 0)
		exit(1);
	ok(asked_after(0) == 1, "a store that is away is asked");
	for (size_t i = 0; i < sizeof(wait) / sizeof(wait[0]); i++)
		ok(asks_at(wait[i]) && offered() == 0, "again in %u ms",
		    (unsigned)wait[i]);
	said = xasprintf("offers: %s: no such store (seg-upload --create makes"
			 " it)\n",
	    store);
	ok(heard(said), "which is said once");
	free(said);
	if (rename("aside", store) != 0)
		exit(1);
	ok(asks_at(10000) && !dirty && offered() == 1 && asks_at(200),
	    "it is back: what it lacks is offered, and asked for soon");
	offers_release(&o);
}

/* A reason that is not told, as that of a bucket that is missing is not for each
 * namespace, does not make the one before it new. */
static void
test_silent(void)
{
	begin();
	remove_all("store");
	ok(asked_after(0) == 1 && !heard(""), "why is said");
	msg_verbosity(-2);
	ok(asks_at(2000) && heard(""), "then nothing is told");
	msg_verbosity(2);
	ok(asks_at(4000) && heard(""), "and why is not said again");
	offers_release(&o);
}

static void
test_others(void)
{
	begin();
	cut(&k1, true);
	(void)asked_after(0);
	cut(&k2, false);
	(void)offered();
	remove_all("w");
	cut(&k3, false);
	ok(offered() == 1 && asked_after(1000) == 0 && asks_at(1000) && dirty &&
		!full,
	    "nothing leads from the store to the last cut: a cut");
	dirty = false;
	ok(asks_at(2000) && dirty && full, "nor then: a full one");
	offers_release(&o);

	begin();
	cut(&k1, true);
	(void)asked_after(0);
	remove_all("w");
	cut(&k3, false);
	ok(offered() == 0 && asked_after(0) == 1 && dirty && !full,
	    "nor from what was offered: the store is asked at once");
	offers_release(&o);

	begin();
	cut(&k1, true);
	put_segment(&k2, false);
	ok(asked_after(0) == 1 && dirty && !full,
	    "another writer's are in the store: a cut judges");
	offers_release(&o);

	begin();
	cut(&k1, false);
	put_segment(&(struct key){1, 5, 1001}, false);
	ok(asked_after(0) == 1 && dirty && !full, "one with that END, too");
	offers_release(&o);
}

static void
test_reread(void)
{
	struct offers old;

	begin();
	put_segment(&k1, false);
	offers_mind_store(&o, &dirty, &full);
	old = o;
	ask_stop(&old.ask);
	o.ask = (struct ask){0};
	offers_begin(&o);
	offers_keep(&o, 0, &old, 0);
	ok(asked_after(0) == 1 && offers_stored(&o, 0),
	    "a question that was given up is asked again");
	ok(asked_after(2000) == 0, "once");
	offers_release(&old);
	offers_release(&o);
}

static void
test_process(void)
{
	begin();
	put_segment(&k1, false);
	no_fork = true;
	ok(asked_after(0) == 0 && !offers_stored(&o, 0), "no process");
	no_fork = false;
	write_errno = EIO;
	ok(asks_at(2000) && !offers_stored(&o, 0),
	    "one that ends before its answer");
	write_errno = 0;
	ok(asks_at(4000) && offers_stored(&o, 0), "then one that answers");
	ok(heard(""), "nothing is said");
	offers_release(&o);
}

static void
test_alone(void)
{
	struct ask ask = {0};
	const size_t which = 0;
	const char *const name = "a";
	int status = 0;

	(void)signal(SIGPIPE, SIG_IGN);
	begin();
	if (pipe(gate) != 0)
		exit(1);
	ok(ask_begin(&ask, store, &opts, "c", 1, &which, &name) &&
		!ask_begin(&ask, store, &opts, "c", 1, &which, &name),
	    "one question at a time");
	close(ask.fd);
	if (write(gate[1], "x", 1) != 1)
		exit(1);
	ok(waitpid(ask.pid, &status, 0) == ask.pid && WIFEXITED(status) &&
		WEXITSTATUS(status) == 1,
	    "with nobody to tell it ends");
	close(gate[0]);
	close(gate[1]);
	gate[0] = -1;
	offers_release(&o);
}

/* What is said of a store is cut, not in the midst of a character: 300 bytes,
 * with what ends it. */
static void
test_why(void)
{
	char *name = xcalloc(1, 500), *want;
	int room = 295 - (int)strlen("offers: ");

	for (int shift = 0; shift < 2; shift++) {
		begin();
		memset(name, 'x', (size_t)shift);
		for (size_t i = (size_t)shift; i < 400; i += 2)
			memcpy(name + i, "\xc3\xa9", 2);
		o.store = name;
		(void)asked_after(0);
		want = xasprintf(
		    "offers: %.*s...\n", room - (room - shift) % 2, name);
		ok(heard(want), "a long reason, cut at %d", room);
		ok(asks_at(2000) && heard(""), "and said once");
		free(want);
		offers_release(&o);
	}
	free(name);
}

int
main(void)
{
	msg_init("offers");
	if (!mkdtemp(dir) || chdir(dir) != 0 || !freopen("stderr", "a", stderr))
		return 1;
	ahead = 1000000;
	store = xasprintf("%s/store", dir);
	test_times();
	test_away();
	test_silent();
	test_others();
	test_reread();
	test_process();
	test_alone();
	test_why();
	remove_all(dir);
	free(store);
	return tap_done();
}
