/*
 * Which databases may have changed, where inotify tells, has run out or is
 * blind; and a standard output that takes what it can.  statfs(),
 * inotify_add_watch(), poll() and clock_gettime() are this program's own, which
 * come before those of the C library.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "cut/outlet.h"
#include "cut/watch.h"
#include "tap.h"

enum { MANY = 200, INTERVAL = 1000 };

static char dir[] = "/tmp/segtools-watch.XXXXXX";
static struct buf said;

/* ---- calls ---- */

static unsigned long fs_type;        /* 0: as it is */
static int statfs_err, watch_err;    /* 0: none */
static unsigned watches, poll_fails; /* how many there were; are to be */
static int poll_err;
static time_t passed = 1000; /* s: the clock that is not set stands there */

int
clock_gettime(clockid_t id, struct timespec *t)
{
	if (id != CLOCK_MONOTONIC)
		return (int)syscall(SYS_clock_gettime, id, t);
	*t = (struct timespec){.tv_sec = passed};
	return 0;
}

int
statfs(const char *path, struct statfs *fs)
{
	memset(fs, 0, sizeof(*fs));
	errno = statfs_err;
	if (statfs_err || access(path, F_OK) != 0)
		return -1;
	fs->f_type = (unsigned)(fs_type ? fs_type : 0xef53);
	return 0;
}

int
inotify_add_watch(int fd, const char *path, uint32_t mask)
{
	errno = watch_err;
	if (watch_err)
		return -1;
	watches++;
	return (int)syscall(SYS_inotify_add_watch, fd, path, mask);
}

int
poll(struct pollfd *fd, nfds_t n, int ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000L};

	if (poll_fails > 0) {
		poll_fails--;
		errno = poll_err;
		return -1;
	}
	return ppoll(fd, n, ms < 0 ? NULL : &t, NULL);
}

/* ---- databases ---- */

static void
hear(void *arg, const char *line, size_t len)
{
	buf_add(arg, line, len);
}

static bool
heard(const char *text)
{
	bool found;

	buf_addc(&said, 0);
	found = *text ? strstr(said.data, text) != NULL : said.len == 1;
	buf_clear(&said);
	return found;
}

static void
write_to(const char *path)
{
	static char byte;
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);

	byte++;
	if (fd < 0 || write(fd, &byte, 1) != 1 || close(fd) != 0)
		exit(1);
}

/* So many databases in a directory, looked at for the first time. */
static struct watch *
watch_many(const char *where, unsigned n)
{
	struct watch *w = watch_new();
	bool changed[MANY] = {false};

	for (unsigned i = 0; i < n; i++) {
		char *path = xasprintf("%s/%u.db", where, i);

		write_to(path);
		watch_add(w, path);
		free(path);
	}
	watch_look(w, INTERVAL, changed);
	for (unsigned i = 0; i < n; i++)
		if (!changed[i])
			ok(false, "%u has changed before the first look", i);
	return w;
}

/* Which of n a look finds, as bits of their numbers; n: none. */
static bool
finds(struct watch *w, unsigned n, unsigned wanted)
{
	bool changed[MANY] = {false};
	bool good = true;

	watch_look(w, INTERVAL, changed);
	for (unsigned i = 0; i < n; i++)
		good = good && changed[i] == (i == wanted);
	return good;
}

/* Stamps that were young are looked at once more, when they are not any longer:
 * until none is found, then either. */
static bool
settles(struct watch *w, unsigned n)
{
	unsigned quiet = 0;

	for (int i = 0; i < 10 && quiet < 2; i++) {
		quiet = finds(w, n, n) ? quiet + 1 : 0;
		passed += 10;
	}
	return quiet == 2;
}

static void
test_many(void)
{
	struct watch *w = watch_many(".", MANY);
	bool good = settles(w, MANY);

	ok(watches >= MANY, "one directory, watched for each");
	ok(good, "nothing changes");
	for (unsigned i = 0; i < MANY; i++) {
		char *path = xasprintf("%u.db-wal", i);
		bool changed[MANY] = {false};

		write_to(path);
		watch_look(w, INTERVAL, changed);
		good = good && changed[i];
		free(path);
	}
	ok(good, "each of %d that changes is found at once", MANY);
	watch_free(w);
}

/* By stamps, since nothing tells. */
static void
test_blind(const char *what)
{
	struct watch *w;
	unsigned before = watches;

	if (mkdir("blind", 0777) != 0 && errno != EEXIST)
		exit(1);
	w = watch_many("blind", 3);
	ok(watches == before && settles(w, 3), "%s: nothing tells", what);
	write_to("blind/1.db");
	ok(finds(w, 3, 1), "%s: found by its stamps", what);
	watch_free(w);
}

static void
test_moved(void)
{
	struct watch *w;
	bool changed[2] = {false};

	if (mkdir("here", 0777) != 0)
		exit(1);
	w = watch_many("here", 2);
	ok(settles(w, 2), "two in a directory");
	if (rename("here", "there") != 0)
		exit(1);
	watch_look(w, INTERVAL, changed);
	ok(changed[0] && changed[1], "it is moved away");
	write_to("there/1.db");
	ok(settles(w, 2), "where they were there is none");
	if (rename("there", "here") != 0)
		exit(1);
	memset(changed, 0, sizeof(changed));
	watch_look(w, INTERVAL, changed);
	ok(changed[0] && changed[1], "it is back");
	ok(settles(w, 2), "and still");
	write_to("here/0.db");
	ok(finds(w, 2, 0), "what changes there is found");
	if (system("rm -r here") != 0)
		exit(1);
	memset(changed, 0, sizeof(changed));
	watch_look(w, INTERVAL, changed);
	ok(changed[0] && changed[1], "it is removed");
	watch_free(w);
}

/* ---- standard output ---- */

/* What is left of a set of so many bytes, when as much was written as there was
 * room for in a pipe, or a file of that name. */
static void
test_outlet(const char *what, const char *file, size_t len, bool wait,
    enum rc rc, const char *text)
{
	struct outlet o = {0};
	int fd[2] = {-1, -1}, old = dup(STDOUT_FILENO);
	enum rc got;
	bool idle;

	fflush(stdout);
	for (size_t i = 0; i < len; i++)
		buf_addc(&o.set, 'x');
	if (!*file && pipe(fd) != 0)
		exit(1);
	if (*file)
		fd[1] = open(file, O_WRONLY);
	if (fd[1] < 0)
		close(STDOUT_FILENO);
	else
		dup2(fd[1], STDOUT_FILENO);
	outlet_push(&o, wait);
	got = o.rc;
	idle = outlet_is_idle(&o);
	dup2(old, STDOUT_FILENO);
	close(old);
	ok(got == rc && heard(text) && idle == (rc || len <= 65536), "%s",
	    what);
	outlet_release(&o);
	for (int i = 0; i < 2; i++)
		if (fd[i] >= 0)
			close(fd[i]);
}

static void
test_outlets(void)
{
	test_outlet("a set", "", 9, true, RC_OK, "");
	test_outlet("a large one", "", 3 * PIPE_BUF + 1, true, RC_OK, "");
	test_outlet("more than there is room for", "", 65537, false, RC_OK, "");
	poll_err = EINTR;
	poll_fails = 3;
	test_outlet("interrupted", "", 9, true, RC_OK, "");
	poll_err = ENOMEM;
	poll_fails = 1;
	test_outlet("no memory", "", 9, true, RC_SYSTEM,
	    "watch: standard output: Cannot allocate memory\n");
	test_outlet("a full disk", "/dev/full", 9, true, RC_SYSTEM,
	    "watch: standard output: No space left on device\n");
	test_outlet("closed", "/none", 9, true, RC_SYSTEM,
	    "watch: standard output: Bad file descriptor\n");
}

int
main(int argc, char **argv)
{
	char *cmd;

	(void)argc;
	msg_init(argv[0]);
	msg_verbosity(1);
	if (!mkdtemp(dir) || chdir(dir) != 0)
		return 1;
	msg_divert(hear, &said);
	watch_free(NULL);
	test_many();
	fs_type = 0x6969;
	test_blind("NFS");
	fs_type = 0;
	statfs_err = EIO;
	test_blind("what is not to be known");
	statfs_err = 0;
	ok(heard(""), "nothing is said");
	watch_err = ENOSPC;
	test_blind("no watch left");
	ok(heard("blind: no inotify watch is left: by stamps\n"),
	    "which is said");
	watch_err = 0;
	test_moved();
	test_outlets();
	msg_divert(NULL, NULL);
	buf_release(&said);
	cmd = xasprintf("rm -rf %s", dir);
	ok(system(cmd) == 0, "cleaned up");
	free(cmd);
	return tap_done();
}
