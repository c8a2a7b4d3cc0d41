/*
 * fs: a file system that is watched, or lacks something, or fails; preloaded
 * into a command (LD_PRELOAD; fs() in tests/lib.sh).
 *
 *   FS_LOG=FILE    a line "OP PATH" (or "OP PATH PATH") for each operation that
 *                  changes files or makes them durable, before it is done
 *   FS_TRACE=FILE  the same with what is written, after it is done (trace.h)
 *   FS_READS=FILE  a line "BYTES PATH" for each reading at a place, and what is
 *                  copied in the kernel
 *   FS_KILL=N      the process is killed before the Nth of these; N+: after it
 *   FS_FAIL=RULES  OP[@PART][#N]=ERRNO, separated by blanks: operations whose
 *                  path contains PART (ends in it: PART$) fail, all or the
 *                  Nth alone.  SHORT: what is written is cut in half
 *   FS_COARSE=1    stamps are as coarse as FAT's, two seconds, for stat()
 *   FS_RUN=RULE    OP[@PART][#N]=COMMAND: run by sh before the operation, once;
 *                  !COMMAND: before each
 *
 * OP is the function's name: open (that creates), tmpfile (open without a name),
 * fsync, fdatasync, rename, renameat, renameat2, link, linkat, unlink, unlinkat,
 * mkdir, rmdir, ftruncate, write (all that write, but to standard output),
 * copy_file_range, fallocate, fchmod, fchown, futimens; "any" is each of these.
 * Neither logged nor counted: flock, lock (fcntl), mmap (shared), ioctl (clones),
 * fsetxattr, opendir, readdir, pread (all that read at a place), stat, fstat, lstat,
 * inotify_init1, inotify_add_watch, poll, fork.
 */

/* open() is to be open() here, and open64() the same. */
#undef _FILE_OFFSET_BITS
#undef _TIME_BITS
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { RULES = 16 };

static struct rule {
	char op[32], part[128], does[256];
	long nth, seen;
} rules[RULES];
static size_t n_rules;
static bool run_pending;
static struct rule run;
static long ops, kill_at;
static bool kill_after;
static int log_fd = -1, reads_fd = -1;
static bool ready;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;

/* Of the operation that this thread is at: we are at work ourselves; it dies
 * when it is done; it writes half; no other thread is at one. */
static _Thread_local bool busy, doomed, halved, alone;

static const struct {
	const char *name;
	int err;
} errnos[] = {{"EPERM", EPERM}, {"EIO", EIO}, {"ENOSPC", ENOSPC},
    {"EACCES", EACCES}, {"EBUSY", EBUSY}, {"EINVAL", EINVAL},
    {"ENOSYS", ENOSYS}, {"ENODEV", ENODEV}, {"ENOLCK", ENOLCK},
    {"EOPNOTSUPP", EOPNOTSUPP}, {"EXDEV", EXDEV}, {"EROFS", EROFS},
    {"EMFILE", EMFILE}, {"ENOENT", ENOENT}, {"EINTR", EINTR},
    {"EDQUOT", EDQUOT}, {"EAGAIN", EAGAIN}, {"ENOMEM", ENOMEM}};

/* The next one of that name behind this library. */
#define REAL(name) (__extension__(__typeof__(&(name))) real(#name))

static void *
real(const char *name)
{
	void *p = dlsym(RTLD_NEXT, name);

	if (!p)
		abort();
	return p;
}

#include "trace.h"

static bool
parse_rule(struct rule *r, const char *text)
{
	const char *eq = strchr(text, '=');
	size_t n = strcspn(text, "@#=");

	memset(r, 0, sizeof(*r));
	if (!eq || n >= sizeof(r->op))
		return false;
	memcpy(r->op, text, n);
	if (text[n] == '@') {
		text += n + 1;
		n = strcspn(text, "#=");
		if (n >= sizeof(r->part))
			return false;
		memcpy(r->part, text, n);
	}
	if (text[n] == '#')
		r->nth = strtol(text + n + 1, NULL, 10);
	snprintf(r->does, sizeof(r->does), "%s", eq + 1);
	return true;
}

static void
begin(void)
{
	char *fail = getenv("FS_FAIL"), *log = getenv("FS_LOG");
	char *kills = getenv("FS_KILL"), *what = getenv("FS_RUN");
	char *reads = getenv("FS_READS");

	ready = true;
	if (fail) {
		char *all = strdup(fail), *save = NULL;

		for (char *t = strtok_r(all, " ", &save); t && n_rules < RULES;
		     t = strtok_r(NULL, " ", &save))
			if (!parse_rule(&rules[n_rules++], t))
				abort();
		free(all);
	}
	if (what) {
		if (!parse_rule(&run, what))
			abort();
		run_pending = true;
	}
	if (kills)
		kill_at = strtol(kills, &kills, 10);
	kill_after = kills && *kills == '+';
	if (log)
		log_fd = REAL(open)(
		    log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (reads)
		reads_fd = REAL(open)(
		    reads, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	trace_begin();
}

/* A PART that ends in "$" is the end of the path. */
static bool
contains(const char *path, const char *part)
{
	size_t n = strlen(part), len = strlen(path);

	if (n == 0 || part[n - 1] != '$')
		return strstr(path, part) != NULL;
	return len >= n - 1 && strncmp(path + len - (n - 1), part, n - 1) == 0;
}

static bool
applies(struct rule *r, const char *op, const char *path, bool counted)
{
	bool any = counted && strcmp(r->op, "any") == 0;

	if ((!any && strcmp(r->op, op) != 0) || !contains(path, r->part))
		return false;
	r->seen++;
	return r->nth == 0 || r->seen == r->nth;
}

static bool
fails(const char *op, const char *path, bool counted)
{
	for (size_t i = 0; i < n_rules; i++) {
		if (!applies(&rules[i], op, path, counted))
			continue;
		halved = strcmp(rules[i].does, "SHORT") == 0;
		if (halved)
			return false;
		errno = EIO;
		for (size_t k = 0; k < sizeof(errnos) / sizeof(*errnos); k++)
			if (strcmp(errnos[k].name, rules[i].does) == 0)
				errno = errnos[k].err;
		return true;
	}
	return false;
}

static void
run_once(const char *op, const char *path, bool counted)
{
	const char *mine = getenv("LD_PRELOAD");
	char *old;

	if (!run_pending || !applies(&run, op, path, counted))
		return;
	run_pending = *run.does == '!';
	old = strdup(mine ? mine : "");
	unsetenv("LD_PRELOAD");
	if (system(run.does + run_pending) != 0)
		abort();
	setenv("LD_PRELOAD", old, 1);
	free(old);
}

/* Is it to fail, with errno? */
static bool
is_to_fail(const char *op, const char *path, bool counted)
{
	int err = errno;
	bool bad;

	run_once(op, path, counted);
	errno = err;
	pthread_mutex_lock(&lock);
	bad = fails(op, path, counted);
	pthread_mutex_unlock(&lock);
	return bad;
}

/* "make coverage" counts him too. */
static void
die(void)
{
	void *dump = dlsym(RTLD_DEFAULT, "counting_dump");

	busy = true;
	if (dump)
		(__extension__(void (*)(void)) dump)();
	kill(getpid(), SIGKILL);
}

static long
count(const char *op, const char *path, const char *to)
{
	char line[2 * 4096 + 64];
	long nth;
	int n;

	pthread_mutex_lock(&lock);
	nth = ++ops;
	if (nth == kill_at && !kill_after)
		die();
	n = snprintf(line, sizeof(line), "%s %s%s%s\n", op, path, to ? " " : "",
	    to ? to : "");
	if (log_fd >= 0 && n > 0 && REAL(write)(log_fd, line, (size_t)n) < 0)
		abort();
	pthread_mutex_unlock(&lock);
	return nth;
}

static void
begin_once(void)
{
	pthread_mutex_lock(&lock);
	if (!ready)
		begin();
	pthread_mutex_unlock(&lock);
}

/*
 * What "make coverage" counts with is none of the command's.  A lock that fails
 * would have two processes write it at once, and the counts be lost.
 */
static bool
is_counter(const char *path)
{
	return contains(path, ".gcda$");
}

/* What changes nothing: may only fail. */
static bool
quiet(const char *op, const char *path)
{
	bool bad;

	if (busy || is_counter(path))
		return false;
	busy = true;
	begin_once();
	bad = is_to_fail(op, path, false);
	busy = false;
	return bad;
}

/* Where it is to be killed, one thread at a time is at an operation: what one has
 * done and not yet written down when another kills would be in no log. */
static void
leave(void)
{
	if (alone)
		pthread_mutex_unlock(&one);
	alone = false;
}

/* Before an operation: true if it is to fail, with errno. */
static bool
change(const char *op, const char *path, const char *to)
{
	int err = errno;
	bool bad;

	if (busy || is_counter(path))
		return false;
	busy = true;
	begin_once();
	if (kill_at > 0)
		alone = pthread_mutex_lock(&one) == 0;
	doomed = count(op, path, to) == kill_at && kill_after;
	errno = err;
	bad = is_to_fail(op, path, true);
	busy = false;
	if (bad)
		leave();
	return bad;
}

/* After it: how it went is passed through. */
static long
done(long result)
{
	halved = false;
	if (doomed && !busy)
		die();
	if (!busy)
		leave();
	return result;
}

/* Its length, or half of it; at least a byte. */
static size_t
length(size_t n)
{
	return halved && n > 1 ? n / 2 : n;
}

static const char *
path_of(int fd, char *buf, size_t size)
{
	char link[64];
	ssize_t n;
	int err = errno;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, buf, size - 1);
	buf[n < 0 ? 0 : n] = 0;
	errno = err;
	return buf;
}

#define PATH_OF(fd) path_of(fd, (char[4096]){0}, 4096)

/* So many bytes were. */
static ssize_t
was_read(int fd, ssize_t bytes)
{
	char line[4096 + 64];
	int n, err = errno;

	if (reads_fd < 0 || bytes <= 0)
		return bytes;
	n = snprintf(line, sizeof(line), "%zd %s\n", bytes, PATH_OF(fd));
	if (n > 0 && REAL(write)(reads_fd, line, (size_t)n) < 0)
		abort();
	errno = err;
	return bytes;
}

static const char *
path_at(int dir, const char *name, char *buf, size_t size)
{
	size_t n;

	if (dir == AT_FDCWD || *name == '/')
		return name;
	n = strlen(path_of(dir, buf, size));
	snprintf(buf + n, size - n, "/%s", name);
	return buf;
}

#define PATH_AT(dir, name) path_at(dir, name, (char[4096]){0}, 4096)
#define TWICE(name) __attribute__((alias(#name)))

/* ---- names ---- */

static int
create(int dir, const char *name, const char *path, int flags, mode_t mode)
{
	bool there = faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	int fd;

	if (change("open", path, NULL))
		return -1;
	fd = REAL(openat)(dir, name, flags, mode);
	if (fd >= 0 && (!there || flags & O_TRUNC))
		trace_fd(there ? "ftruncate" : "create", fd, 0, 0);
	return (int)done(fd);
}

int
open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	if (flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	if (flags & O_CREAT && !busy)
		return create(AT_FDCWD, path, path, flags, mode);
	if ((flags & O_TMPFILE) == O_TMPFILE) {
		if (change("tmpfile", path, NULL))
			return -1;
		return (int)done(REAL(open)(path, flags, mode));
	}
	return REAL(open)(path, flags, mode);
}
int open64(const char *, int, ...) TWICE(open);

int
openat(int dir, const char *name, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	if (!(flags & O_CREAT))
		return REAL(openat)(dir, name, flags);
	va_start(ap, flags);
	mode = va_arg(ap, mode_t);
	va_end(ap);
	return create(dir, name, PATH_AT(dir, name), flags, mode);
}
int openat64(int, const char *, int, ...) TWICE(openat);

int
mkostemp(char *path, int flags)
{
	return change("open", path, NULL)
		   ? -1
		   : (int)done(REAL(mkostemp)(path, flags));
}
int mkostemp64(char *, int) TWICE(mkostemp);

/* The end of what gives a name. */
static int
named(const char *op, int result, const char *from, const char *to)
{
	if (result == 0)
		trace_names(op, from, to);
	return (int)done(result);
}

int
rename(const char *from, const char *to)
{
	return change("rename", from, to)
		   ? -1
		   : named("rename", REAL(rename)(from, to), from, to);
}

int
renameat(int dir, const char *name, int to_dir, const char *to_name)
{
	const char *from = PATH_AT(dir, name), *to = PATH_AT(to_dir, to_name);

	return change("renameat", from, to)
		   ? -1
		   : named("rename", REAL(renameat)(dir, name, to_dir, to_name),
			 from, to);
}

int
link(const char *from, const char *to)
{
	return change("link", from, to)
		   ? -1
		   : named("link", REAL(link)(from, to), from, to);
}

/* Of a file that is open: its name. */
int
linkat(int fd, const char *from, int to_fd, const char *to, int flags)
{
	int open_fd;
	char name[4096];
	const char *shown = from;

	if (sscanf(from, "/proc/self/fd/%d", &open_fd) == 1)
		shown = path_of(open_fd, name, sizeof(name));
	return change("linkat", shown, to)
		   ? -1
		   : named("link", REAL(linkat)(fd, from, to_fd, to, flags),
			 shown, to);
}

int
unlink(const char *path)
{
	return change("unlink", path, NULL)
		   ? -1
		   : named("unlink", REAL(unlink)(path), path, NULL);
}

int
unlinkat(int dir, const char *name, int flags)
{
	const char *path = PATH_AT(dir, name);

	return change("unlinkat", path, NULL)
		   ? -1
		   : named("unlink", REAL(unlinkat)(dir, name, flags), path,
			 NULL);
}

int
mkdir(const char *path, mode_t mode)
{
	return change("mkdir", path, NULL)
		   ? -1
		   : named("mkdir", REAL(mkdir)(path, mode), path, NULL);
}

int
rmdir(const char *path)
{
	return change("rmdir", path, NULL)
		   ? -1
		   : named("rmdir", REAL(rmdir)(path), path, NULL);
}

/* The C library need not have renameat2(). */
long
syscall(long number, ...)
{
	long a[6];
	va_list ap;
	const char *from, *to;

	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (number != SYS_renameat2)
		return REAL(syscall)(
		    number, a[0], a[1], a[2], a[3], a[4], a[5]);
	from = (const char *)a[1];
	to = (const char *)a[3];
	if (change("renameat2", from, to))
		return -1;
	return named("rename",
	    (int)REAL(syscall)(number, a[0], from, a[2], to, a[4]), from, to);
}

/* ---- contents ---- */

/* The end of what syncs. */
static int
synced(int result, int fd)
{
	if (result == 0)
		trace_fd("fsync", fd, 0, 0);
	return (int)done(result);
}

int
fsync(int fd)
{
	return change("fsync", PATH_OF(fd), NULL) ? -1
						  : synced(REAL(fsync)(fd), fd);
}

int
fdatasync(int fd)
{
	return change("fdatasync", PATH_OF(fd), NULL)
		   ? -1
		   : synced(REAL(fdatasync)(fd), fd);
}

int
ftruncate(int fd, off_t size)
{
	int r;

	if (change("ftruncate", PATH_OF(fd), NULL))
		return -1;
	r = REAL(ftruncate)(fd, size);
	if (r == 0)
		trace_fd("ftruncate", fd, size, 0);
	return (int)done(r);
}
int ftruncate64(int, off_t) TWICE(ftruncate);

/* The end of what writes. */
static ssize_t
written(ssize_t result, int fd, off_t at)
{
	if (result > 0)
		trace_fd("write", fd, at, (size_t)result);
	return done(result);
}

ssize_t
write(int fd, const void *p, size_t n)
{
	struct stat st;
	off_t at;

	if (fd == STDOUT_FILENO || fstat(fd, &st) != 0 ||
	    !S_ISREG(st.st_mode) || busy)
		return REAL(write)(fd, p, n);
	if (change("write", PATH_OF(fd), NULL))
		return -1;
	at = REAL(fcntl)(fd, F_GETFL) & O_APPEND ? st.st_size
						 : lseek(fd, 0, SEEK_CUR);
	return written(REAL(write)(fd, p, length(n)), fd, at);
}

ssize_t
pwrite(int fd, const void *p, size_t n, off_t at)
{
	return change("write", PATH_OF(fd), NULL)
		   ? -1
		   : written(REAL(pwrite)(fd, p, length(n), at), fd, at);
}
ssize_t pwrite64(int, const void *, size_t, off_t) TWICE(pwrite);

ssize_t
pwritev(int fd, const struct iovec *v, int n, off_t at)
{
	if (change("write", PATH_OF(fd), NULL))
		return -1;
	if (halved && n > 0)
		return written(
		    REAL(pwrite)(fd, v->iov_base, length(v->iov_len), at), fd,
		    at);
	return written(REAL(pwritev)(fd, v, n, at), fd, at);
}
ssize_t pwritev64(int, const struct iovec *, int, off_t) TWICE(pwritev);

int
inotify_init1(int flags)
{
	return quiet("inotify_init1", "") ? -1 : REAL(inotify_init1)(flags);
}

int
inotify_add_watch(int fd, const char *path, uint32_t mask)
{
	return quiet("inotify_add_watch", path)
		   ? -1
		   : REAL(inotify_add_watch)(fd, path, mask);
}

ssize_t
copy_file_range(
    int in, off_t *from, int out, off_t *to, size_t n, unsigned flags)
{
	off_t at = to ? *to : lseek(out, 0, SEEK_CUR);

	if (change("copy_file_range", PATH_OF(out), NULL))
		return -1;
	return was_read(in,
	    written(REAL(copy_file_range)(in, from, out, to, length(n), flags),
		out, at));
}

int
fallocate(int fd, int mode, off_t at, off_t n)
{
	return change("fallocate", PATH_OF(fd), NULL)
		   ? -1
		   : (int)done(REAL(fallocate)(fd, mode, at, n));
}
int fallocate64(int, int, off_t, off_t) TWICE(fallocate);

void *
mmap(void *p, size_t n, int prot, int flags, int fd, off_t at)
{
	if (fd >= 0 && flags & MAP_SHARED && quiet("mmap", PATH_OF(fd)))
		return MAP_FAILED;
	return REAL(mmap)(p, n, prot, flags, fd, at);
}
void *mmap64(void *, size_t, int, int, int, off_t) TWICE(mmap);

/* ---- who may, and who has it ---- */

int
fchmod(int fd, mode_t mode)
{
	return change("fchmod", PATH_OF(fd), NULL)
		   ? -1
		   : (int)done(REAL(fchmod)(fd, mode));
}

int
fchown(int fd, uid_t uid, gid_t gid)
{
	return change("fchown", PATH_OF(fd), NULL)
		   ? -1
		   : (int)done(REAL(fchown)(fd, uid, gid));
}

int
futimens(int fd, const struct timespec times[2])
{
	return change("futimens", PATH_OF(fd), NULL)
		   ? -1
		   : (int)done(REAL(futimens)(fd, times));
}

int
fsetxattr(int fd, const char *name, const void *value, size_t n, int flags)
{
	return quiet("fsetxattr", PATH_OF(fd))
		   ? -1
		   : REAL(fsetxattr)(fd, name, value, n, flags);
}

int
flock(int fd, int op)
{
	return quiet("flock", PATH_OF(fd)) ? -1 : REAL(flock)(fd, op);
}

int
fcntl(int fd, int op, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, op);
	arg = va_arg(ap, void *);
	va_end(ap);
	if ((op == F_SETLK || op == F_SETLKW || op == F_OFD_SETLK ||
		op == F_OFD_GETLK) &&
	    quiet("lock", PATH_OF(fd)))
		return -1;
	return REAL(fcntl)(fd, op, arg);
}
int fcntl64(int, int, ...) TWICE(fcntl);

int
ioctl(int fd, unsigned long op, ...)
{
	va_list ap;
	void *arg;
	int r;

	va_start(ap, op);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (quiet("ioctl", PATH_OF(fd)))
		return -1;
	r = REAL(ioctl)(fd, op, arg);
	if (op == FICLONE && r == 0)
		trace_fd("write", fd, 0, SIZE_MAX);
	return r;
}

/* ---- others ---- */

int
poll(struct pollfd *fd, nfds_t n, int ms)
{
	return quiet("poll", "") ? -1 : REAL(poll)(fd, n, ms);
}

pid_t
fork(void)
{
	return quiet("fork", "") ? -1 : REAL(fork)();
}

/* ---- directories ---- */

DIR *
opendir(const char *path)
{
	return quiet("opendir", path) ? NULL : REAL(opendir)(path);
}

struct dirent *
readdir(DIR *d)
{
	return quiet("readdir", PATH_OF(dirfd(d))) ? NULL : REAL(readdir)(d);
}

#ifdef __GLIBC__
struct dirent64 *
readdir64(DIR *d)
{
	return quiet("readdir", PATH_OF(dirfd(d))) ? NULL : REAL(readdir64)(d);
}
#endif

/* ---- reading ---- */

int
fstat(int fd, struct stat *st)
{
	return quiet("fstat", PATH_OF(fd)) ? -1 : REAL(fstat)(fd, st);
}
int fstat64(int, struct stat64 *) TWICE(fstat);

int
lstat(const char *path, struct stat *st)
{
	return quiet("lstat", path) ? -1 : REAL(lstat)(path, st);
}
int lstat64(const char *, struct stat64 *) TWICE(lstat);

int
stat(const char *path, struct stat *st)
{
	int r = quiet("stat", path) ? -1 : REAL(stat)(path, st);

	if (r == 0 && getenv("FS_COARSE")) {
		st->st_mtim.tv_sec &= ~1;
		st->st_ctim.tv_sec &= ~1;
		st->st_mtim.tv_nsec = st->st_ctim.tv_nsec = 0;
	}
	return r;
}
int stat64(const char *, struct stat64 *) TWICE(stat);

ssize_t
pread(int fd, void *p, size_t n, off_t at)
{
	return quiet("pread", PATH_OF(fd))
		   ? -1
		   : was_read(fd, REAL(pread)(fd, p, n, at));
}
ssize_t pread64(int, void *, size_t, off_t) TWICE(pread);

ssize_t
preadv(int fd, const struct iovec *v, int n, off_t at)
{
	return quiet("pread", PATH_OF(fd))
		   ? -1
		   : was_read(fd, REAL(preadv)(fd, v, n, at));
}
ssize_t preadv64(int, const struct iovec *, int, off_t) TWICE(preadv);
