/*
 * fs: a file system that is watched, or lacks something, or fails; preloaded
 * into a command (LD_PRELOAD; fs() in tests/lib.sh).
 *
 *   FS_LOG=FILE    a line "OP PATH" (or "OP PATH PATH") for each operation that
 *                  changes files or makes them durable, before it is done
 *   FS_KILL=N      the process is killed before the Nth of these
 *   FS_FAIL=RULES  OP[@PART][#N]=ERRNO, separated by blanks: operations whose
 *                  path contains PART (ends in it: PART$) fail, all or the
 *                  Nth alone
 *   FS_RUN=RULE    OP[@PART][#N]=COMMAND: run by sh before the operation, once
 *
 * OP is the function's name: open (that creates), fsync, fdatasync, rename,
 * renameat2, link, linkat, unlink, unlinkat, mkdir, rmdir, ftruncate, write (all that
 * write), fchmod, fchown, tmpfile (open without a name), flock, lock (fcntl),
 * mmap (shared), fallocate, ioctl (clones), copy_file_range, opendir, readdir,
 * pread (all that read at a place), lstat.
 * From tmpfile on they are neither logged nor counted.
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
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
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
static int log_fd = -1;
static bool ready, busy;

static const struct {
	const char *name;
	int err;
} errnos[] = {{"EPERM", EPERM}, {"EIO", EIO}, {"ENOSPC", ENOSPC},
    {"EACCES", EACCES}, {"EBUSY", EBUSY}, {"EINVAL", EINVAL},
    {"ENOSYS", ENOSYS}, {"ENODEV", ENODEV}, {"ENOLCK", ENOLCK},
    {"EOPNOTSUPP", EOPNOTSUPP}, {"EXDEV", EXDEV}, {"EROFS", EROFS},
    {"EMFILE", EMFILE}, {"ENOENT", ENOENT}};

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
		kill_at = strtol(kills, NULL, 10);
	if (log)
		log_fd = REAL(open)(
		    log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
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
applies(struct rule *r, const char *op, const char *path)
{
	if (strcmp(r->op, op) != 0 || !contains(path, r->part))
		return false;
	r->seen++;
	return r->nth == 0 || r->seen == r->nth;
}

static bool
fails(const char *op, const char *path)
{
	for (size_t i = 0; i < n_rules; i++) {
		if (!applies(&rules[i], op, path))
			continue;
		errno = EIO;
		for (size_t k = 0; k < sizeof(errnos) / sizeof(*errnos); k++)
			if (strcmp(errnos[k].name, rules[i].does) == 0)
				errno = errnos[k].err;
		return true;
	}
	return false;
}

static void
run_once(const char *op, const char *path)
{
	const char *mine = getenv("LD_PRELOAD");
	char *old;

	if (!run_pending || !applies(&run, op, path))
		return;
	run_pending = false;
	old = strdup(mine ? mine : "");
	unsetenv("LD_PRELOAD");
	if (system(run.does) != 0)
		abort();
	setenv("LD_PRELOAD", old, 1);
	free(old);
}

/* What changes nothing: may only fail. */
static bool
quiet(const char *op, const char *path)
{
	int err = errno;
	bool bad;

	if (busy)
		return false;
	busy = true;
	if (!ready)
		begin();
	run_once(op, path);
	errno = err;
	bad = fails(op, path);
	busy = false;
	return bad;
}

/* Before an operation: true if it is to fail, with errno. */
static bool
change(const char *op, const char *path, const char *to)
{
	char line[2 * 4096 + 64];
	int err = errno, n;

	if (busy)
		return false;
	busy = true;
	if (!ready)
		begin();
	if (++ops == kill_at)
		kill(getpid(), SIGKILL);
	n = snprintf(line, sizeof(line), "%s %s%s%s\n", op, path, to ? " " : "",
	    to ? to : "");
	if (log_fd >= 0 && n > 0 && REAL(write)(log_fd, line, (size_t)n) < 0)
		abort();
	busy = false;
	errno = err;
	return quiet(op, path);
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
#define TWICE(name) __attribute__((alias(#name)))

/* ---- names ---- */

int
open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	if (flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
		if (flags & O_CREAT ? change("open", path, NULL)
				    : quiet("tmpfile", path))
			return -1;
	}
	return REAL(open)(path, flags, mode);
}
int open64(const char *, int, ...) TWICE(open);

int
rename(const char *from, const char *to)
{
	return change("rename", from, to) ? -1 : REAL(rename)(from, to);
}

int
link(const char *from, const char *to)
{
	return change("link", from, to) ? -1 : REAL(link)(from, to);
}

static const char *path_of(int, char *, size_t);

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
		   : REAL(linkat)(fd, from, to_fd, to, flags);
}

int
unlink(const char *path)
{
	return change("unlink", path, NULL) ? -1 : REAL(unlink)(path);
}

int
unlinkat(int fd, const char *path, int flags)
{
	return change("unlinkat", path, NULL) ? -1
					      : REAL(unlinkat)(fd, path, flags);
}

int
mkdir(const char *path, mode_t mode)
{
	return change("mkdir", path, NULL) ? -1 : REAL(mkdir)(path, mode);
}

int
rmdir(const char *path)
{
	return change("rmdir", path, NULL) ? -1 : REAL(rmdir)(path);
}

/* The C library need not have renameat2(). */
long
syscall(long number, ...)
{
	long a[6];
	va_list ap;

	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (number == SYS_renameat2 &&
	    change("renameat2", (const char *)a[1], (const char *)a[3]))
		return -1;
	return REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* ---- contents ---- */

int
fsync(int fd)
{
	return change("fsync", PATH_OF(fd), NULL) ? -1 : REAL(fsync)(fd);
}

int
fdatasync(int fd)
{
	return change("fdatasync", PATH_OF(fd), NULL) ? -1
						      : REAL(fdatasync)(fd);
}

int
ftruncate(int fd, off_t size)
{
	return change("ftruncate", PATH_OF(fd), NULL)
		   ? -1
		   : REAL(ftruncate)(fd, size);
}
int ftruncate64(int, off_t) TWICE(ftruncate);

ssize_t
write(int fd, const void *p, size_t n)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    change("write", PATH_OF(fd), NULL))
		return -1;
	return REAL(write)(fd, p, n);
}

ssize_t
pwrite(int fd, const void *p, size_t n, off_t at)
{
	return change("write", PATH_OF(fd), NULL) ? -1
						  : REAL(pwrite)(fd, p, n, at);
}
ssize_t pwrite64(int, const void *, size_t, off_t) TWICE(pwrite);

ssize_t
pwritev(int fd, const struct iovec *v, int n, off_t at)
{
	return change("write", PATH_OF(fd), NULL) ? -1
						  : REAL(pwritev)(fd, v, n, at);
}
ssize_t pwritev64(int, const struct iovec *, int, off_t) TWICE(pwritev);

ssize_t
copy_file_range(
    int in, off_t *from, int out, off_t *to, size_t n, unsigned flags)
{
	return quiet("copy_file_range", PATH_OF(out))
		   ? -1
		   : REAL(copy_file_range)(in, from, out, to, n, flags);
}

int
fallocate(int fd, int mode, off_t at, off_t n)
{
	return quiet("fallocate", PATH_OF(fd))
		   ? -1
		   : REAL(fallocate)(fd, mode, at, n);
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
	return change("fchmod", PATH_OF(fd), NULL) ? -1
						   : REAL(fchmod)(fd, mode);
}

int
fchown(int fd, uid_t uid, gid_t gid)
{
	return change("fchown", PATH_OF(fd), NULL) ? -1
						   : REAL(fchown)(fd, uid, gid);
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

	va_start(ap, op);
	arg = va_arg(ap, void *);
	va_end(ap);
	return quiet("ioctl", PATH_OF(fd)) ? -1 : REAL(ioctl)(fd, op, arg);
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
lstat(const char *path, struct stat *st)
{
	return quiet("lstat", path) ? -1 : REAL(lstat)(path, st);
}
int lstat64(const char *, struct stat64 *) TWICE(lstat);

ssize_t
pread(int fd, void *p, size_t n, off_t at)
{
	return quiet("pread", PATH_OF(fd)) ? -1 : REAL(pread)(fd, p, n, at);
}
ssize_t pread64(int, void *, size_t, off_t) TWICE(pread);

ssize_t
preadv(int fd, const struct iovec *v, int n, off_t at)
{
	return quiet("pread", PATH_OF(fd)) ? -1 : REAL(preadv)(fd, v, n, at);
}
ssize_t preadv64(int, const struct iovec *, int, off_t) TWICE(preadv);
