/*
 * What is said, and returned, when a system call fails: of files, directories
 * and the sort.  The calls are this program's own, which come before those of
 * the C library.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/coalesce.h"
#include "base/directory.h"
#include "base/file.h"
#include "base/handover.h"
#include "base/sort.h"
#include "base/temporary.h"
#include "cut/livevfs.h"
#include "tap.h"

static char dir[] = "/tmp/segtools-failing.XXXXXX";

/* ---- calls that fail ---- */

/* The call that fails with err, so many times from the nth on. */
static const char *failing = "";
static int err, times, nth;

static void
fail(const char *call, int with, int many)
{
	failing = call;
	err = with;
	times = many;
	nth = 1;
}

static bool
fails(const char *call)
{
	if (strcmp(call, failing) != 0 || times == 0 || --nth > 0)
		return false;
	times--;
	errno = err;
	return true;
}

int
fstat(int fd, struct stat *st)
{
	return fails("fstat") ? -1 : fstatat(fd, "", st, AT_EMPTY_PATH);
}

int
flock(int fd, int how)
{
	return fails("flock") ? -1 : (int)syscall(SYS_flock, fd, how);
}

ssize_t
getrandom(void *p, size_t n, unsigned flags)
{
	return fails("getrandom") ? -1 : syscall(SYS_getrandom, p, n, flags);
}

ssize_t
preadv(int fd, const struct iovec *v, int n, off_t at)
{
	(void)n;
	return fails("preadv") ? -1 : pread(fd, v->iov_base, v->iov_len, at);
}

ssize_t
pwritev(int fd, const struct iovec *v, int n, off_t at)
{
	(void)n;
	return fails("pwritev") ? -1 : pwrite(fd, v->iov_base, v->iov_len, at);
}

ssize_t
copy_file_range(
    int in, off_t *from, int out, off_t *to, size_t n, unsigned flags)
{
	return fails("copy_file_range")
		   ? -1
		   : syscall(SYS_copy_file_range, in, from, out, to, n, flags);
}

ssize_t
readlink(const char *path, char *to, size_t n)
{
	return fails("readlink")
		   ? -1
		   : syscall(SYS_readlinkat, AT_FDCWD, path, to, n);
}

/* A file system that can clone files; what it gives is not what it got. */
static bool clones;

int
ioctl(int fd, unsigned long what, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, what);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (clones && what == FICLONE)
		return pwrite(fd, "cloned", 6, 0) == 6 ? 0 : -1;
	return (int)syscall(SYS_ioctl, fd, what, arg);
}

/* ---- what is said ---- */

static struct buf said;

static void
hear(void *arg, const char *line, size_t len)
{
	buf_add(arg, line, len);
}

/* The call of the moment gave that, and said that; then all is well again. */
static void
gave(enum rc rc, enum rc wanted, const char *text, const char *what)
{
	char *line = *text ? xasprintf("failing: %s\n", text) : xstrdup("");

	fail("", 0, 0);
	buf_addc(&said, 0);
	if (!ok(rc == wanted && strcmp(said.data, line) == 0, "%s", what))
		printf("# status %d: %s", (int)rc, said.data);
	buf_clear(&said);
	free(line);
}

/* ---- files ---- */

static struct file *
made(const char *name, size_t len)
{
	struct file *f;
	char *bytes = xcalloc(1, len + 1);

	if (file_create(&f, name, FILE_REPLACE) ||
	    file_write(f, bytes, len, 0) || file_sync(f))
		exit(1);
	free(bytes);
	return f;
}

static void
test_stat(void)
{
	struct file *f = made("a", 3), *to = made("to", 0), *g;
	struct handover_stamp stamp;
	struct file_map map;
	uint64_t size;
	struct secrecy secrecy;

	fail("fstat", EIO, 1);
	gave(file_secrecy(f, &secrecy), RC_SYSTEM, "a: Input/output error",
	    "mode");
	fail("fstat", ESTALE, 1);
	gave(file_size(f, &size), RC_SYSTEM, "a: Stale file handle", "size");
	fail("fstat", EIO, 1);
	gave(file_chmod(f, &(struct secrecy){0}), RC_SYSTEM,
	    "a: Input/output error", "who may read it");
	fail("fstat", EIO, 1);
	gave(handover_look(f, &stamp), RC_SYSTEM, "a: Input/output error",
	    "what is handed over");
	fail("fstat", EIO, 1);
	gave(file_copy(to, f), RC_SYSTEM, "a: Input/output error", "a copy");
	fail("fstat", EIO, 1);
	gave(file_map(&map, f, 9), RC_SYSTEM, "a: Input/output error", "a map");
	gave(file_map(&map, f, 2), RC_DATA, "a: too large", "one too large");
	if (file_commit(&f))
		exit(1);
	fail("fstat", EIO, 1);
	gave(file_open(&g, "a"), RC_DATA, "a: not a regular file",
	    "opened, and then?");
	file_close(&to);
}

static void
test_again(void)
{
	struct file *f = made("again", 1 << 20), *to = made("to", 0);
	char b[4];
	uint64_t size = 0;

	fail("preadv", EINTR, 3);
	gave(file_read(f, b, 4, 0), RC_OK, "", "a read that is interrupted");
	fail("pwritev", EINTR, 3);
	gave(file_write(f, "abcd", 4, 0), RC_OK, "", "a write");
	fail("copy_file_range", EINTR, 3);
	gave(file_copy(to, f), RC_OK, "", "a copy");
	gave(file_size(to, &size), RC_OK, "", "it has a size");
	ok(size == 1 << 20, "that of the other");
	fail("preadv", EIO, 1);
	gave(file_read(f, b, 4, 0), RC_SYSTEM, "again: Input/output error",
	    "a read that fails");
	fail("pwritev", ENOSPC, 1);
	gave(file_write(f, b, 4, 0), RC_SYSTEM,
	    "again: No space left on device", "a write");
	file_close(&f);
	file_close(&to);
}

/* What is checked on the way, at most so much, as text. */
static enum rc
check_none(void *arg)
{
	(void)arg;
	return RC_OK;
}

static enum rc
check_text(void *arg, const void *data, size_t len)
{
	strncat(arg, data, len);
	return RC_OK;
}

static void
test_checked(void)
{
	char text[20] = "";
	struct file *f = made("from", 0), *to = made("to", 0);
	const struct file_check check = {
	    check_none, check_text, check_none, text};

	if (file_write(f, "copied", 6, 0))
		exit(1);
	gave(file_copy_checked(to, f, &check), RC_OK, "", "a copy");
	ok(strcmp(text, "copied") == 0, "is checked while it is made");
	clones = true;
	*text = 0;
	gave(file_copy_checked(to, f, &check), RC_OK, "", "a clone");
	ok(strcmp(text, "cloned") == 0, "is checked itself");
	clones = false;
	file_close(&f);
	file_close(&to);
}

static void
test_limit(void)
{
	struct rlimit old, few = {8, 0};

	getrlimit(RLIMIT_NOFILE, &old);
	few.rlim_max = old.rlim_max < 64 ? old.rlim_max : 64;
	/* Under valgrind nothing but the soft one may be set. */
	if (setrlimit(RLIMIT_NOFILE, &few) != 0)
		few = old;
	fd_raise_limit();
	ok(fd_room(1, 0) == few.rlim_max - FD_ALWAYS,
	    "as many files as there may be");
}

/* ---- temporary files ---- */

static void
test_temporary(void)
{
	char name[NAME_MAX + 1], *temp;
	struct file *f;

	memset(name, 'n', NAME_MAX - 1);
	name[NAME_MAX - 1] = 'z';
	name[NAME_MAX] = 0;
	temp = temporary_name(name);
	ok(strlen(path_base(temp)) == NAME_MAX && temporary_is(temp + 2) &&
		temp[strlen(temp) - 1] == 'z',
	    "the end of a long name is kept");
	free(temp);

	fail("flock", EWOULDBLOCK, INT_MAX);
	gave(file_create(&f, "held", 0), RC_SYSTEM,
	    "held: its temporary file is removed again and again",
	    "others hold each that is made");
	temporary_sweep(".");
	fail("getrandom", ENOSYS, INT_MAX);
	gave(file_spool(&f), RC_OK, "", "without random numbers");
	file_close(&f);
	temporary_sweep("nowhere");
	ok(!file_exists("nowhere"), "no directory, nothing to sweep");
	setenv("TMPDIR", "/proc/self", 1);
	gave(file_spool(&f), RC_USAGE, "/proc/self/spool: no such directory",
	    "where nothing can be made");
	setenv("TMPDIR", dir, 1);
}

/* ---- directories ---- */

static void
test_directories(void)
{
	char *root = path_dir("/x"), *path;

	ok(strcmp(root, "/") == 0, "the directory of what is in the root");
	free(root);
	gave(dir_sync("none"), RC_DATA, "none: No such file or directory",
	    "a sync of what has gone");
	if (symlink("a", "link") != 0)
		exit(1);
	fail("readlink", ENOENT, 1);
	gave(path_followed(&path, "link"), RC_DATA,
	    "link: No such file or directory", "a link that has just gone");
	free(path);
	gave(path_followed(&path, "link"), RC_OK, "", "one that has not");
	ok(strcmp(path, "./a") == 0, "is followed");
	free(path);
	gave(dir_make("a/b"), RC_USAGE, "a/b: Not a directory",
	    "made in a file");
}

/* ---- the sort, and what is written in large pieces ---- */

enum { RECORD = 24 };

static int
cmp_record(const void *a, const void *b)
{
	return memcmp(a, b, RECORD);
}

/* Sorts so many, and gives its status. */
static enum rc
sorted(struct sort *s, unsigned n)
{
	char r[RECORD] = {0};
	enum rc rc = RC_OK;
	unsigned got = 0;

	for (unsigned i = 0; i < n && rc == RC_OK; i++) {
		snprintf(r, sizeof(r), "%u", i * 7919 % n);
		rc = sort_add(s, r);
	}
	while (rc == RC_OK && (rc = sort_next(s, r)) == RC_OK)
		got++;
	return rc == RC_ABSENT && got == n ? RC_OK : rc;
}

static void
test_sort(void)
{
	const unsigned n = SORT_MEMORY / RECORD * 3 / 2;
	char *no_space = xasprintf("%s: No space left on device", dir);
	char *broken = xasprintf("%s: Input/output error", dir);
	struct sort *s;

	for (int i = 0; i < 5; i++) {
		s = sort_new(RECORD, cmp_record);
		/* A run spilled, the last one; the heads, and what follows. */
		fail(i < 2   ? "pwritev"
		     : i < 4 ? "preadv"
			     : "",
		    i < 2 ? ENOSPC : EIO, 1);
		nth = (const int[]){1, 2, 1, 3, 1}[i];
		gave(sorted(s, n), i < 4 ? RC_SYSTEM : RC_OK,
		    i < 2   ? no_space
		    : i < 4 ? broken
			    : "",
		    "runs in a scratch file");
		sort_free(s);
	}
	setenv("TMPDIR", "none", 1);
	s = sort_new(RECORD, cmp_record);
	gave(sorted(s, n), RC_USAGE, "none: no such directory (TMPDIR)",
	    "no place for it");
	sort_free(s);
	setenv("TMPDIR", dir, 1);
	free(no_space);
	free(broken);
}

static void
test_coalesce(void)
{
	struct file *f = made("c", 0);
	struct coalesce *g = coalesce_new(f, 0);
	static char bytes[4096];
	enum rc rc = RC_OK;

	fail("pwritev", ENOSPC, 1);
	for (size_t i = 0; i < sizeof(bytes) && rc == RC_OK; i += 2)
		rc = coalesce_add(g, bytes + i, 1);
	gave(rc, RC_SYSTEM, "c: No space left on device",
	    "more pieces than one write takes");
	coalesce_free(g);
	file_close(&f);
}

/* ---- where a database is ---- */

static void
test_paths(void)
{
	struct livevfs v = {.path = "none"};
	struct rlimit old, none;
	char *deep = xstrdup(dir), *more;

	gave(livevfs_path(&v), RC_DATA, "none: No such file or directory",
	    "a database that went");
	livevfs_release(&v);
	for (int i = 0; i < 4; i++) {
		more = xasprintf("%s/%0200d", deep, 0);
		free(deep);
		deep = more;
		if (mkdir(deep, 0777) != 0)
			exit(1);
	}
	v = (struct livevfs){.path = deep};
	getrlimit(RLIMIT_NOFILE, &old);
	none = (struct rlimit){3, old.rlim_max};
	setrlimit(RLIMIT_NOFILE, &none);
	more = xasprintf("%s: Too many open files", deep);
	gave(livevfs_path(&v), RC_SYSTEM, more, "a long path, and no files");
	setrlimit(RLIMIT_NOFILE, &old);
	livevfs_release(&v);
	free(more);
	free(deep);
}

int
main(int argc, char **argv)
{
	char *cmd;

	(void)argc;
	msg_init(argv[0]);
	if (!mkdtemp(dir) || chdir(dir) != 0)
		return 1;
	setenv("TMPDIR", dir, 1);
	msg_divert(hear, &said);
	test_stat();
	test_again();
	test_checked();
	test_temporary();
	test_directories();
	test_sort();
	test_coalesce();
	test_paths();
	test_limit();
	msg_divert(NULL, NULL);
	buf_release(&said);
	cmd = xasprintf("rm -rf %s", dir);
	ok(system(cmd) == 0, "cleaned up");
	free(cmd);
	return tap_done();
}
