/* file: see file.h. */

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

#include "base/buf.h"
#include "base/directory.h"
#include "base/file.h"
#include "base/signals.h"

enum {
	/* What one system call moves: below it the call's cost shows, above it
	 * the data leaves the cache between two uses. */
	PIECE = 1 << 20,
	/* From here on mapping a file is cheaper than reading it. */
	MAP_FROM = 256 << 10
};

struct file {
	int fd;
	int flags;
	char *name;        /* final name; in messages */
	char *temp;        /* temporary name, or NULL: read-only or committed */
	struct file *next; /* in the list of uncommitted files */
};

/*
 * The uncommitted files, for the exit and signal handlers.  A handler may run
 * at any moment, so that the list is changed with the signals blocked.
 */
static struct file *uncommitted;

/* ---- temporary files at exit and on signals ---- */

static void
remove_uncommitted(void)
{
	for (struct file *f = uncommitted; f; f = f->next)
		if (!(f->flags & FILE_KEEP))
			(void)unlink(f->temp);
}

static void
list_add(struct file *f)
{
	sigset_t old;

	signals_at_end(remove_uncommitted);
	signals_block(&old);
	f->next = uncommitted;
	uncommitted = f;
	sigprocmask(SIG_SETMASK, &old, NULL);
}

static void
list_remove(struct file *f)
{
	sigset_t old;

	signals_block(&old);
	for (struct file **p = &uncommitted; *p; p = &(*p)->next) {
		if (*p == f) {
			*p = f->next;
			break;
		}
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
}

/* ---- opening ---- */

static struct file *
file_new(int fd, const char *name, char *temp, int flags)
{
	struct file *f = xcalloc(1, sizeof(*f));

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
file_open(struct file **out, const char *path)
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

enum rc
file_open_there(struct file **out, const char *path, const char *hint)
{
	enum rc rc = file_open(out, path);

	return rc == RC_ABSENT
		   ? msg_fail(RC_DATA, "%s: no such file%s", path, hint)
		   : rc;
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
	mode_t mode = flags & FILE_PRIVATE ? 0600 : 0666;
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

enum rc
file_create(struct file **out, const char *path, int flags)
{
	char *temp = dir_temporary(path), *dir = path_dir(path);
	int fd = -1;
	enum rc rc;

	*out = NULL;
	if (!(flags & FILE_KEEP))
		dir_sweep_once(dir, path_base(temp));
	rc = open_temp(&fd, path, temp, flags);
	if (rc)
		goto out;
	if (!(flags & FILE_KEEP) && ftruncate(fd, 0) != 0) {
		rc = msg_errno(path);
		close(fd);
		goto out;
	}
	/* A leftover has the mode that it was made with. */
	(void)fchmod(fd, flags & FILE_PRIVATE ? 0600 : file_default_mode());
	*out = file_new(fd, path, temp, flags);
	temp = NULL;
out:
	free(temp);
	free(dir);
	return rc;
}

enum rc
file_scratch(struct file **out)
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
file_default_mode(void)
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
file_chmod(struct file *f, mode_t mode)
{
	return fchmod(f->fd, mode) == 0 ? RC_OK : msg_errno(f->name);
}

/* ---- the end of a file ---- */

static void
file_free(struct file **f)
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
file_close(struct file **f)
{
	if (!*f)
		return;
	if ((*f)->temp && !((*f)->flags & FILE_KEEP))
		(void)unlink((*f)->temp);
	file_free(f);
}

void
file_discard(struct file **f)
{
	if (*f)
		(*f)->flags &= ~FILE_KEEP;
	file_close(f);
}

enum rc
file_sync(struct file *f)
{
	int r;

	do
		r = fsync(f->fd);
	while (r != 0 && errno == EINTR);
	return r == 0 ? RC_OK : msg_errno(f->name);
}

void
file_write_back(struct file *f)
{
	(void)sync_file_range(f->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

/*
 * Without FILE_REPLACE the name must be free at the moment of the rename, not
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
file_commit(struct file **f)
{
	struct file_commit c = {.file = *f};
	char *name = xstrdup((*f)->name);
	enum rc rc = file_commit_many(&c, 1);

	*f = NULL;
	if (c.existed)
		rc = msg_fail(RC_DATA, "%s: exists already", name);
	free(name);
	return rc;
}

/* The name of a synced file; the directory is then the caller's to sync. */
static enum rc
publish(struct file *f, bool *existed)
{
	if (f->flags & FILE_REPLACE ? rename(f->temp, f->name)
				    : rename_new(f->temp, f->name)) {
		if (errno != EEXIST || f->flags & FILE_REPLACE)
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
file_commit_many(struct file_commit *c, size_t n)
{
	struct dirs dirs = {0};
	enum rc rc = RC_OK, sync;

	for (size_t i = 0; n > 1 && i < n; i++)
		file_write_back(c[i].file);
	for (size_t i = 0; i < n; i++) {
		c[i].existed = false;
		c[i].rc = file_sync(c[i].file);
	}
	for (size_t i = 0; i < n; i++) {
		if (c[i].rc == RC_OK)
			c[i].rc = publish(c[i].file, &c[i].existed);
		dirs_add(&dirs, c[i].file->name);
		if (c[i].existed)
			file_discard(&c[i].file);
		file_close(&c[i].file);
	}
	sync = dirs_sync(&dirs);
	for (size_t i = 0; i < n; i++) {
		if (c[i].rc == RC_OK)
			c[i].rc = sync;
		rc = rc_max(rc, c[i].rc);
	}
	return rc;
}

/* ---- contents ---- */

const char *
file_name(const struct file *f)
{
	return f->name;
}

const char *
file_path(const struct file *f)
{
	return f->temp ? f->temp : f->name;
}

int
file_fd(const struct file *f)
{
	return f->fd;
}

enum rc
file_size(struct file *f, uint64_t *size)
{
	struct stat st;

	if (fstat(f->fd, &st) != 0)
		return msg_errno(f->name);
	*size = (uint64_t)st.st_size;
	return RC_OK;
}

enum rc
file_truncate(struct file *f, uint64_t size)
{
	return ftruncate(f->fd, (off_t)size) == 0 ? RC_OK : msg_errno(f->name);
}

enum rc
file_reserve(struct file *f, uint64_t size)
{
	uint64_t have;
	int r;
	enum rc rc = file_size(f, &have);

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
fd_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return fd >= 0 && poll(&p, 1, 0) > 0;
}

void
file_sequential(struct file *f)
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
file_readv(struct file *f, struct iovec *v, int count, uint64_t offset)
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
file_read(struct file *f, void *p, size_t len, uint64_t offset)
{
	struct iovec v = {.iov_base = p, .iov_len = len};

	return file_readv(f, &v, 1, offset);
}

enum rc
file_writev(struct file *f, struct iovec *v, int count, uint64_t offset)
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
file_write(struct file *f, const void *p, size_t len, uint64_t offset)
{
	union {
		const void *from;
		void *to;
	} u = {.from = p}; /* struct iovec has no const */
	struct iovec v = {.iov_base = u.to, .iov_len = len};

	return file_writev(f, &v, 1, offset);
}

static enum rc
copy_by_hand(struct file *dst, struct file *src, uint64_t at, uint64_t size)
{
	char *piece = xmalloc(PIECE);
	enum rc rc = RC_OK;

	while (rc == RC_OK && at < size) {
		size_t n = size - at < PIECE ? (size_t)(size - at) : PIECE;

		rc = file_read(src, piece, n, at);
		if (rc == RC_OK)
			rc = file_write(dst, piece, n, at);
		at += n;
	}
	free(piece);
	return rc;
}

enum rc
file_copy(struct file *dst, struct file *src)
{
	uint64_t size;
	loff_t from = 0, to = 0;
	ssize_t r;
	enum rc rc = file_size(src, &size);

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
file_map(struct file_map *m, struct file *f, uint64_t limit)
{
	uint64_t size;
	void *p;
	enum rc rc = file_size(f, &size);

	*m = (struct file_map){0};
	if (rc)
		return rc;
	if (size > limit || size > SIZE_MAX)
		return msg_fail(RC_DATA, "%s: too large", f->name);
	if (size < MAP_FROM) {
		p = xmalloc((size_t)size);
		rc = file_read(f, p, (size_t)size, 0);
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
file_unmap(struct file_map *m)
{
	union {
		const void *from;
		void *to;
	} u = {.from = m->data};

	if (m->mapped)
		munmap(u.to, m->len);
	else
		free(u.to);
	*m = (struct file_map){0};
}

size_t
fd_raise_limit(void)
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
