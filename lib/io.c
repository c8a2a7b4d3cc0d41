/* io: see io.h. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"
#include "io.h"

#define TEMP_PREFIX ".segtmp-"

enum {
	/* What one system call moves: below it the call's cost shows, above it
	 * the data leaves the cache between two uses. */
	PIECE = 1 << 20,
	/* From here on mapping a file is cheaper than reading it. */
	MAP_FROM = 256 << 10
};

struct io_file {
	int fd;
	int flags;
	char *name; /* final name; in messages */
	char *temp; /* temporary name, or NULL: read-only or committed */
	struct io_file *next; /* in the list of uncommitted files */
};

/*
 * The uncommitted files, for the exit and signal handlers.  A handler may run
 * at any moment, so that the list is changed with the signals blocked.
 */
static struct io_file *uncommitted;

static const int end_signals[] = {SIGINT, SIGTERM, SIGHUP};
static volatile sig_atomic_t deferred;
static volatile sig_atomic_t interrupted;

/* ---- temporary files at exit and on signals ---- */

static void
remove_uncommitted(void)
{
	for (struct io_file *f = uncommitted; f; f = f->next)
		if (!(f->flags & IO_KEEP))
			(void)unlink(f->temp);
}

static void
die_by(int sig)
{
	signal(sig, SIG_DFL);
	raise(sig);
}

static void
on_signal(int sig)
{
	if (deferred) {
		interrupted = sig;
		return;
	}
	remove_uncommitted();
	die_by(sig);
}

static void
block_signals(sigset_t *old)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < 3; i++)
		sigaddset(&set, end_signals[i]);
	sigprocmask(SIG_BLOCK, &set, old);
}

static void
install_handlers(void)
{
	static bool installed;
	struct sigaction sa = {.sa_handler = on_signal}, old;

	if (installed)
		return;
	installed = true;
	atexit(remove_uncommitted);
	for (size_t i = 0; i < 3; i++) {
		/* nohup and the like ignore a signal: leave it so. */
		if (sigaction(end_signals[i], NULL, &old) == 0 &&
		    old.sa_handler != SIG_IGN)
			sigaction(end_signals[i], &sa, NULL);
	}
}

void
io_defer_signals(bool defer)
{
	install_handlers();
	deferred = defer;
	if (!defer && interrupted)
		io_die();
}

int
io_interrupted(void)
{
	return interrupted;
}

void
io_die(void)
{
	sigset_t set;
	int sig = interrupted ? (int)interrupted : SIGTERM;

	remove_uncommitted();
	sigemptyset(&set);
	sigaddset(&set, sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	die_by(sig);
	_exit(128 + sig);
}

static void
list_add(struct io_file *f)
{
	sigset_t old;

	install_handlers();
	block_signals(&old);
	f->next = uncommitted;
	uncommitted = f;
	sigprocmask(SIG_SETMASK, &old, NULL);
}

static void
list_remove(struct io_file *f)
{
	sigset_t old;

	block_signals(&old);
	for (struct io_file **p = &uncommitted; *p; p = &(*p)->next) {
		if (*p == f) {
			*p = f->next;
			break;
		}
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
}

/* ---- names ---- */

/* The directory part of a path, for opening: malloced. */
static char *
dir_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return xstrdup(".");
	return slash == path ? xstrdup("/")
			     : xstrndup(path, (size_t)(slash - path));
}

static const char *
base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/*
 * The temporary name must not be longer than a file name may be, however long
 * the final one is: the end of the name tells files apart, so that is kept.
 */
static char *
temp_name(const char *path)
{
	char *dir = dir_of(path), *temp;
	const char *base = base_of(path);
	size_t len = strlen(base), most = NAME_MAX - strlen(TEMP_PREFIX);

	if (len > most)
		base += len - most;
	temp = xasprintf("%s/%s%s", dir, TEMP_PREFIX, base);
	free(dir);
	return temp;
}

bool
io_is_temporary(const char *basename)
{
	return strncmp(basename, TEMP_PREFIX, strlen(TEMP_PREFIX)) == 0;
}

/* ---- opening ---- */

static struct io_file *
file_new(int fd, const char *name, char *temp, int flags)
{
	struct io_file *f = xcalloc(1, sizeof(*f));

	f->fd = fd;
	f->name = xstrdup(name);
	f->temp = temp;
	f->flags = flags;
	if (temp)
		list_add(f);
	return f;
}

static int
open_retry(const char *path, int flags, mode_t mode)
{
	int fd;

	do
		fd = open(path, flags | O_CLOEXEC, mode);
	while (fd < 0 && errno == EINTR);
	return fd;
}

enum rc
io_open(struct io_file **out, const char *path)
{
	struct stat st;
	/* O_NONBLOCK: a FIFO in a directory must not hang us. */
	int fd = open_retry(path, O_RDONLY | O_NONBLOCK, 0);

	*out = NULL;
	if (fd < 0)
		return errno == ENOENT ? RC_ABSENT : msg_errno(path);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return msg_fail(RC_DATA, "%s: not a regular file", path);
	}
	*out = file_new(fd, path, NULL, 0);
	return RC_OK;
}

/* Lock the open file, and tell whether temp still names it. */
static bool
lock_named(int fd, const char *temp)
{
	struct stat a, b;

	return flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &a) == 0 &&
	       stat(temp, &b) == 0 && a.st_ino == b.st_ino &&
	       a.st_dev == b.st_dev;
}

/*
 * Open and lock temp.  A sweep by another process may hold it for a moment, or
 * remove it between the two, hence the second look and other tries, for a
 * second: the other one may have lost the processor meanwhile.
 */
static enum rc
open_temp(int *fd, const char *path, const char *temp, int flags)
{
	mode_t mode = flags & IO_PRIVATE ? 0600 : 0666;
	int err = EAGAIN;

	for (long wait = 1000000; wait <= 512000000; wait *= 2) {
		*fd = open_retry(temp, O_RDWR | O_CREAT | O_NOFOLLOW, mode);
		if (*fd < 0)
			return errno == ENOENT
				   ? msg_fail(RC_USAGE, "%s: no such directory",
					 path)
				   : msg_errno(path);
		if (lock_named(*fd, temp))
			return RC_OK;
		err = errno;
		close(*fd);
		*fd = -1;
		nanosleep(&(struct timespec){.tv_nsec = wait}, NULL);
	}
	if (err == EWOULDBLOCK || err == EAGAIN)
		return msg_fail(
		    RC_SYSTEM, "%s: another process is writing it", path);
	errno = err;
	return msg_errno(path);
}

static void sweep_once(const char *dir, const char *but);

enum rc
io_create(struct io_file **out, const char *path, int flags)
{
	char *temp = temp_name(path), *dir = dir_of(path);
	int fd = -1;
	enum rc rc;

	*out = NULL;
	if (!(flags & IO_KEEP))
		sweep_once(dir, base_of(temp));
	rc = open_temp(&fd, path, temp, flags);
	if (rc)
		goto out;
	if (!(flags & IO_KEEP) && ftruncate(fd, 0) != 0) {
		rc = msg_errno(path);
		close(fd);
		goto out;
	}
	/* A leftover has the mode that it was made with. */
	(void)fchmod(fd, flags & IO_PRIVATE ? 0600 : io_default_mode());
	*out = file_new(fd, path, temp, flags);
	temp = NULL;
out:
	free(temp);
	free(dir);
	return rc;
}

enum rc
io_scratch(struct io_file **out)
{
	const char *dir = getenv("TMPDIR");
	char *path = xasprintf("%s/segtmp.XXXXXX", dir && *dir ? dir : "/tmp");
	int fd = mkostemp(path, O_CLOEXEC);
	enum rc rc = RC_OK;

	*out = NULL;
	if (fd < 0) {
		rc = msg_errno(path);
	} else {
		(void)unlink(path);
		*out = file_new(fd, path, NULL, 0);
	}
	free(path);
	return rc;
}

mode_t
io_default_mode(void)
{
	static bool known;
	static mode_t mode;

	if (!known) {
		mode_t mask = umask(0);

		umask(mask);
		mode = 0666 & ~mask;
		known = true;
	}
	return mode;
}

enum rc
io_chmod(struct io_file *f, mode_t mode)
{
	return fchmod(f->fd, mode) == 0 ? RC_OK : msg_errno(f->name);
}

/* ---- the end of a file ---- */

static void
file_free(struct io_file **f)
{
	if ((*f)->temp)
		list_remove(*f);
	close((*f)->fd);
	free((*f)->temp);
	free((*f)->name);
	free(*f);
	*f = NULL;
}

void
io_close(struct io_file **f)
{
	if (!*f)
		return;
	if ((*f)->temp && !((*f)->flags & IO_KEEP))
		(void)unlink((*f)->temp);
	file_free(f);
}

void
io_discard(struct io_file **f)
{
	if (*f)
		(*f)->flags &= ~IO_KEEP;
	io_close(f);
}

enum rc
io_sync(struct io_file *f)
{
	int r;

	do
		r = fsync(f->fd);
	while (r != 0 && errno == EINTR);
	return r == 0 ? RC_OK : msg_errno(f->name);
}

void
io_write_back(struct io_file *f)
{
	(void)sync_file_range(f->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

/*
 * Without IO_REPLACE the name must be free at the moment of the rename, not
 * only before it.  link() is that where renameat2() is not (called by
 * number, for C libraries that lack it).
 */
static int
rename_new(const char *temp, const char *name)
{
	if (syscall(SYS_renameat2, AT_FDCWD, temp, AT_FDCWD, name,
		RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (link(temp, name) != 0)
		return -1;
	(void)unlink(temp);
	return 0;
}

enum rc
io_commit(struct io_file **f)
{
	struct io_commit c = {.file = *f};
	char *name = xstrdup((*f)->name);
	enum rc rc = io_commit_many(&c, 1);

	*f = NULL;
	if (c.existed)
		rc = msg_fail(RC_DATA, "%s: exists already", name);
	free(name);
	return rc;
}

/* The name of a synced file; the directory is then the caller's to sync. */
static enum rc
publish(struct io_file *f, bool *existed)
{
	if (f->flags & IO_REPLACE ? rename(f->temp, f->name)
				  : rename_new(f->temp, f->name)) {
		if (errno != EEXIST || f->flags & IO_REPLACE)
			return msg_errno(f->name);
		*existed = true;
		return RC_OK;
	}
	list_remove(f);
	free(f->temp);
	f->temp = NULL;
	return RC_OK;
}

enum rc
io_commit_many(struct io_commit *c, size_t n)
{
	struct io_dirs dirs = {0};
	enum rc rc = RC_OK, sync;

	for (size_t i = 0; n > 1 && i < n; i++)
		io_write_back(c[i].file);
	for (size_t i = 0; i < n; i++) {
		c[i].existed = false;
		c[i].rc = io_sync(c[i].file);
	}
	for (size_t i = 0; i < n; i++) {
		if (c[i].rc == RC_OK)
			c[i].rc = publish(c[i].file, &c[i].existed);
		io_dirs_add(&dirs, c[i].file->name);
		if (c[i].existed)
			io_discard(&c[i].file);
		io_close(&c[i].file);
	}
	sync = io_dirs_sync(&dirs);
	for (size_t i = 0; i < n; i++) {
		if (c[i].rc == RC_OK)
			c[i].rc = sync;
		rc = rc_max(rc, c[i].rc);
	}
	return rc;
}

/* ---- contents ---- */

const char *
io_name(const struct io_file *f)
{
	return f->name;
}

const char *
io_path(const struct io_file *f)
{
	return f->temp ? f->temp : f->name;
}

int
io_fd(const struct io_file *f)
{
	return f->fd;
}

enum rc
io_size(struct io_file *f, uint64_t *size)
{
	struct stat st;

	if (fstat(f->fd, &st) != 0)
		return msg_errno(f->name);
	*size = (uint64_t)st.st_size;
	return RC_OK;
}

enum rc
io_truncate(struct io_file *f, uint64_t size)
{
	return ftruncate(f->fd, (off_t)size) == 0 ? RC_OK : msg_errno(f->name);
}

enum rc
io_reserve(struct io_file *f, uint64_t size)
{
	uint64_t have;
	int r;
	enum rc rc = io_size(f, &have);

	if (rc || have >= size)
		return rc;
	do
		r = fallocate(f->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)size);
	while (r != 0 && errno == EINTR);
	/* What else it fails with, writing will say if it matters. */
	if (r != 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
		return msg_errno(f->name);
	return RC_OK;
}

bool
io_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return fd >= 0 && poll(&p, 1, 0) > 0;
}

void
io_sequential(struct io_file *f)
{
	(void)posix_fadvise(f->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
}

/* Take n bytes off the front of a vector. */
static void
advance(struct iovec **v, int *count, size_t n)
{
	while (*count > 0 && n >= (*v)->iov_len) {
		n -= (*v)->iov_len;
		(*v)++;
		(*count)--;
	}
	if (n > 0) {
		(*v)->iov_base = (char *)(*v)->iov_base + n;
		(*v)->iov_len -= n;
	}
}

enum rc
io_readv(struct io_file *f, struct iovec *v, int count, uint64_t offset)
{
	ssize_t r;

	advance(&v, &count, 0);
	while (count > 0) {
		r = preadv(
		    f->fd, v, count < IOV_MAX ? count : IOV_MAX, (off_t)offset);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return msg_errno(f->name);
		if (r == 0)
			return msg_fail(RC_DATA, "%s: cut short", f->name);
		offset += (uint64_t)r;
		advance(&v, &count, (size_t)r);
	}
	return RC_OK;
}

enum rc
io_read(struct io_file *f, void *p, size_t len, uint64_t offset)
{
	struct iovec v = {.iov_base = p, .iov_len = len};

	return io_readv(f, &v, 1, offset);
}

enum rc
io_writev(struct io_file *f, struct iovec *v, int count, uint64_t offset)
{
	ssize_t r;

	advance(&v, &count, 0);
	while (count > 0) {
		r = pwritev(
		    f->fd, v, count < IOV_MAX ? count : IOV_MAX, (off_t)offset);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return msg_errno(f->name);
		offset += (uint64_t)r;
		advance(&v, &count, (size_t)r);
	}
	return RC_OK;
}

enum rc
io_write(struct io_file *f, const void *p, size_t len, uint64_t offset)
{
	union {
		const void *from;
		void *to;
	} u = {.from = p}; /* struct iovec has no const */
	struct iovec v = {.iov_base = u.to, .iov_len = len};

	return io_writev(f, &v, 1, offset);
}

static enum rc
copy_by_hand(
    struct io_file *dst, struct io_file *src, uint64_t at, uint64_t size)
{
	char *piece = xmalloc(PIECE);
	enum rc rc = RC_OK;

	while (rc == RC_OK && at < size) {
		size_t n = size - at < PIECE ? (size_t)(size - at) : PIECE;

		rc = io_read(src, piece, n, at);
		if (rc == RC_OK)
			rc = io_write(dst, piece, n, at);
		at += n;
	}
	free(piece);
	return rc;
}

enum rc
io_copy(struct io_file *dst, struct io_file *src)
{
	uint64_t size;
	loff_t from = 0, to = 0;
	ssize_t r;
	enum rc rc = io_size(src, &size);

	if (rc)
		return rc;
	if (ioctl(dst->fd, FICLONE, src->fd) == 0)
		return RC_OK;
	while ((uint64_t)from < size) {
		r = copy_file_range(src->fd, &from, dst->fd, &to,
		    (size_t)(size - (uint64_t)from), 0);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0 && (errno == ENOSPC || errno == EIO))
			return msg_errno(dst->name);
		if (r <= 0)
			break; /* file systems that can't: by hand */
	}
	return copy_by_hand(dst, src, (uint64_t)from, size);
}

enum rc
io_map(struct io_map *m, struct io_file *f, uint64_t limit)
{
	uint64_t size;
	void *p;
	enum rc rc = io_size(f, &size);

	*m = (struct io_map){0};
	if (rc)
		return rc;
	if (size > limit || size > SIZE_MAX)
		return msg_fail(RC_DATA, "%s: too large", f->name);
	if (size < MAP_FROM) {
		p = xmalloc((size_t)size);
		rc = io_read(f, p, (size_t)size, 0);
		if (rc) {
			free(p);
			return rc;
		}
	} else {
		p = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, f->fd, 0);
		if (p == MAP_FAILED)
			return msg_errno(f->name);
		m->mapped = true;
	}
	m->data = p;
	m->len = (size_t)size;
	return RC_OK;
}

void
io_unmap(struct io_map *m)
{
	union {
		const void *from;
		void *to;
	} u = {.from = m->data};

	if (m->mapped)
		munmap(u.to, m->len);
	else
		free(u.to);
	*m = (struct io_map){0};
}

/* ---- directories ---- */

enum rc
io_sync_dir(const char *dir)
{
	int fd = open_retry(dir, O_RDONLY | O_DIRECTORY, 0);
	enum rc rc = RC_OK;

	if (fd < 0)
		return msg_errno(dir);
	/* Some file systems know no fsync of a directory, and need none. */
	if (fsync(fd) != 0 && errno != EINVAL && errno != EROFS)
		rc = msg_errno(dir);
	close(fd);
	return rc;
}

void
io_dirs_add(struct io_dirs *d, const char *file)
{
	char *dir = dir_of(file);

	for (size_t i = 0; i < d->n; i++) {
		if (strcmp(d->dir[i], dir) == 0) {
			free(dir);
			return;
		}
	}
	if (d->n == d->cap) {
		d->cap = d->cap ? 2 * d->cap : 8;
		d->dir = xreallocarray(d->dir, d->cap, sizeof(*d->dir));
	}
	d->dir[d->n++] = dir;
}

enum rc
io_dirs_sync(struct io_dirs *d)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < d->n; i++) {
		/* Gone: so is what was in it. */
		if (access(d->dir[i], F_OK) == 0 || errno != ENOENT)
			rc = rc_max(rc, io_sync_dir(d->dir[i]));
		free(d->dir[i]);
	}
	free(d->dir);
	*d = (struct io_dirs){0};
	return rc;
}

enum rc
io_remove(const char *path)
{
	char *dir;
	enum rc rc;

	if (unlink(path) != 0)
		return errno == ENOENT ? RC_ABSENT : msg_errno(path);
	dir = dir_of(path);
	rc = io_sync_dir(dir);
	free(dir);
	return rc;
}

enum rc
io_mkdir(const char *dir)
{
	struct stat st;
	char *parent;
	enum rc rc;

	if (mkdir(dir, 0777) != 0) {
		if (errno == EEXIST) {
			if (stat(dir, &st) == 0 && S_ISDIR(st.st_mode))
				return RC_OK;
			return msg_fail(RC_USAGE, "%s: not a directory", dir);
		}
		if (errno == ENOENT)
			return msg_fail(RC_USAGE,
			    "%s: its parent directory does not exist", dir);
		return msg_errno(dir);
	}
	parent = dir_of(dir);
	rc = io_sync_dir(parent);
	free(parent);
	return rc;
}

enum rc
io_mkdir_below(const char *base, const char *relative)
{
	struct buf path = {0};
	const char *p = relative;
	size_t n;
	enum rc rc = RC_OK;

	buf_adds(&path, base);
	while (rc == RC_OK && *p) {
		n = strcspn(p, "/");
		buf_addc(&path, '/');
		buf_add(&path, p, n);
		p += n + (p[n] == '/');
		rc = io_mkdir(path.data);
	}
	buf_release(&path);
	return rc;
}

bool
io_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/* Remove a leftover: it is one if nobody holds its lock. */
static void
sweep_file(int dirfd, const char *name)
{
	int fd =
	    openat(dirfd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && unlinkat(dirfd, name, 0) == 0)
		msg_info("%s: left by a killed run, removed", name);
	close(fd);
}

static void
sweep(const char *dir, const char *but)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	if (!d)
		return;
	while ((e = readdir(d)))
		if (io_is_temporary(e->d_name) &&
		    (!but || strcmp(e->d_name, but) != 0))
			sweep_file(dirfd(d), e->d_name);
	closedir(d);
}

void
io_sweep(const char *dir)
{
	sweep(dir, NULL);
}

/*
 * Each directory is swept before the first file that this process makes in it;
 * the last few are remembered, which is enough not to read a directory for each
 * of many files, and costs no more than another sweep when it is not.
 */
static void
sweep_once(const char *dir, const char *but)
{
	enum { REMEMBERED = 64 };
	static struct {
		dev_t dev;
		ino_t ino;
	} seen[REMEMBERED];
	static unsigned next;
	struct stat st;

	if (stat(dir, &st) != 0)
		return;
	for (unsigned i = 0; i < REMEMBERED && i < next; i++)
		if (seen[i].dev == st.st_dev && seen[i].ino == st.st_ino)
			return;
	seen[next % REMEMBERED].dev = st.st_dev;
	seen[next % REMEMBERED].ino = st.st_ino;
	next++;
	sweep(dir, but);
}

size_t
io_raise_open_files(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) != 0)
		return 256;
	if (rl.rlim_cur < rl.rlim_max) {
		rlim_t old = rl.rlim_cur;

		rl.rlim_cur = rl.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &rl) != 0)
			rl.rlim_cur = old;
	}
	return rl.rlim_cur > INT_MAX ? INT_MAX : (size_t)rl.rlim_cur;
}

/* ---- stdout ---- */

static enum rc
stdout_failed(void)
{
	static bool reported;

	if (reported)
		return RC_SYSTEM;
	reported = true;
	return msg_fail(RC_SYSTEM, "standard output: %s", strerror(errno));
}

enum rc
io_check_stdout(void)
{
	return ferror(stdout) ? stdout_failed() : RC_OK;
}

enum rc
io_close_stdout(void)
{
	bool bad = ferror(stdout) != 0;

	/* What an earlier write failed with is not known any more, unless the
	 * last one meets it again. */
	errno = EIO;
	if (fclose(stdout) != 0 || bad)
		return stdout_failed();
	return RC_OK;
}
