/* file: see file.h. */

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
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/acl.h"
#include "base/buf.h"
#include "base/directory.h"
#include "base/file.h"
#include "base/signals.h"
#include "base/temporary.h"

struct file {
	int fd;
	int flags;
	mode_t within;     /* what may be had of it at most */
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
	f->within = 0777;
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

static mode_t
mode_of_new(const char *path, int flags, mode_t within)
{
	struct stat st;

	if (flags & FILE_PRIVATE)
		return 0600;
	return flags & FILE_SAME_MODE && stat(path, &st) == 0
		   ? st.st_mode & 0777
		   : file_default_mode() & within;
}

enum rc
file_create(struct file **out, const char *path, int flags)
{
	char *temp, *dir = path_dir(path);
	mode_t within = acl_within(dir),
	       mode = mode_of_new(path, flags, within);
	bool keep = flags & FILE_KEEP;
	int fd = -1;
	enum rc rc;

	*out = NULL;
	if (!keep)
		temporary_sweep_once(dir);
	rc = temporary_make(&fd, &temp, path, mode, &keep);
	if (rc == RC_OK) {
		/* A leftover has the mode that it was made with. */
		(void)fchmod(fd, mode);
		*out =
		    file_new(fd, path, temp, keep ? flags : flags & ~FILE_KEEP);
		(*out)->within = within;
	}
	free(dir);
	return rc;
}

static const char *
scratch_dir(void)
{
	const char *dir = getenv("TMPDIR");

	return dir && *dir ? dir : "/tmp";
}

static enum rc
no_scratch(const char *dir)
{
	return errno == ENOENT || errno == ENOTDIR
		   ? msg_fail(RC_USAGE, "%s: no such directory (TMPDIR)", dir)
		   : msg_errno(dir);
}

enum rc
file_scratch(struct file **out)
{
	const char *dir = scratch_dir();
	char *path = xasprintf("%s/.segtmp.XXXXXX", dir);
	int fd = open_retry(dir, O_TMPFILE | O_RDWR, 0600);

	*out = NULL;
	/* What O_TMPFILE is to a file system that has none: EISDIR, as to a
	 * kernel, or EOPNOTSUPP. */
	if (fd < 0 && (errno == EISDIR || errno == EOPNOTSUPP ||
			  errno == EINVAL || errno == ENOENT)) {
		fd = mkostemp(path, O_CLOEXEC);
		if (fd >= 0)
			(void)unlink(path);
	}
	if (fd >= 0)
		*out = file_new(fd, dir, NULL, 0);
	free(path);
	return fd >= 0 ? RC_OK : no_scratch(dir);
}

enum rc
file_spool(struct file **out)
{
	char *path = xasprintf("%s/spool", scratch_dir()), *temp;
	int fd = -1;
	enum rc rc = RC_OK;

	*out = NULL;
	if (access(scratch_dir(), F_OK) != 0)
		rc = no_scratch(scratch_dir());
	if (rc == RC_OK) {
		temporary_sweep_once(scratch_dir());
		rc = temporary_make_secret(&fd, &temp, path, 0600);
	}
	if (rc == RC_OK)
		*out = file_new(fd, temp, temp, FILE_PRIVATE);
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
file_chmod(struct file *f, const struct secrecy *source)
{
	struct stat st;

	if (fstat(f->fd, &st) != 0)
		return msg_errno(f->name);
	return file_chmod_as(f, file_default_mode() & f->within &
				    ~secrecy_lacks(source, st.st_gid));
}

/* Permissions are something that a file system need not have. */
enum rc
file_chmod_as(struct file *f, mode_t mode)
{
	if (fchmod(f->fd, mode) == 0 || errno == EPERM || errno == ENOSYS ||
	    errno == EOPNOTSUPP)
		return RC_OK;
	return msg_errno(f->name);
}

enum rc
file_secrecy(struct file *f, struct secrecy *s)
{
	struct stat st;

	if (fstat(f->fd, &st) != 0)
		return msg_errno(f->name);
	*s = secrecy_of(f->fd, NULL, &st);
	return RC_OK;
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
 * Where the file system has neither renameat2()'s flag nor links: the next best
 * is to look.  Those of us who do so at the same time do it one after the
 * other; others had better not make the same file just then.
 */
static int
rename_looked(const char *temp, const char *name)
{
	char *dir = path_dir(name);
	int fd = open_retry(dir, O_RDONLY | O_DIRECTORY, 0), r = -1, err;

	free(dir);
	if (fd >= 0)
		(void)flock(fd, LOCK_EX);
	if (file_exists(name))
		errno = EEXIST;
	else
		r = rename(temp, name);
	err = errno;
	if (fd >= 0)
		close(fd);
	errno = err;
	return r;
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
	if (link(temp, name) == 0) {
		(void)unlink(temp);
		return 0;
	}
	return errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS
		   ? rename_looked(temp, name)
		   : -1;
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
file_commit_new(struct file **f, bool *existed)
{
	struct dirs dirs = {0};
	enum rc rc = file_sync(*f);

	*existed = false;
	if (rc == RC_OK)
		rc = publish(*f, existed);
	if (*existed)
		return rc;
	dirs_add(&dirs, (*f)->name);
	file_close(f);
	return rc_max(rc, dirs_sync(&dirs));
}

enum rc
file_commit(struct file **f)
{
	bool existed;
	enum rc rc = file_commit_new(f, &existed);

	if (existed)
		rc = msg_fail(RC_DATA, "%s: exists already", (*f)->name);
	file_discard(f);
	return rc;
}

enum rc
file_commit_many(struct file_commit *c, size_t n)
{
	struct dirs dirs = {0};
	enum rc rc = RC_OK, sync;

	for (size_t i = 0; n > 1 && i < n; i++)
		if (!c[i].synced)
			file_write_back(c[i].file);
	for (size_t i = 0; i < n; i++) {
		c[i].existed = false;
		c[i].rc = c[i].synced ? RC_OK : file_sync(c[i].file);
	}
	for (size_t i = 0; i < n; i++) {
		if (c[i].follows)
			c[i].rc = rc_max(c[i].rc, c[i - 1].rc);
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
fd_truncate(int fd, const char *name, uint64_t size)
{
	int r;

	do
		r = ftruncate(fd, (off_t)size);
	while (r != 0 && errno == EINTR);
	return r == 0 ? RC_OK : msg_errno(name);
}

enum rc
file_truncate(struct file *f, uint64_t size)
{
	return fd_truncate(f->fd, f->name, size);
}

enum rc
file_reserve(struct file *f, uint64_t size)
{
	uint64_t have = 0;
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

static struct rlimit
limit_of_files(void)
{
	struct rlimit rl = {256, 256};

	(void)getrlimit(RLIMIT_NOFILE, &rl);
	return rl;
}

void
fd_raise_limit(void)
{
	struct rlimit rl = limit_of_files();

	rl.rlim_cur = rl.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &rl);
}

size_t
fd_room(size_t each, size_t others)
{
	rlim_t limit = limit_of_files().rlim_cur;
	size_t files = limit > INT_MAX ? INT_MAX : (size_t)limit;

	others += FD_ALWAYS;
	return files >= others + each ? (files - others) / each : 1;
}
