/* temporary: see temporary.h. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/directory.h"
#include "base/temporary.h"

#define PREFIX ".segtmp-"

enum {
	SECRET_LEN = 16 + 1, /* 64 bits in hex, and a hyphen */
	TRIES = 64,
	/* Where a file system knows no locks, a leftover is told by its age. */
	OLD_SECONDS = 24 * 60 * 60
};

/* ---- names ---- */

/*
 * The name must not be longer than a file name may be, however long the final
 * one is: the end of that tells files apart, so it is kept.
 */
static char *
name_with(const char *path, const char *secret)
{
	char *dir = path_dir(path), *temp;
	const char *base = path_base(path);
	size_t len = strlen(base);
	size_t most = NAME_MAX - strlen(PREFIX) - strlen(secret);

	if (len > most)
		base += len - most;
	temp = xasprintf("%s/%s%s%s", dir, PREFIX, secret, base);
	free(dir);
	return temp;
}

char *
temporary_name(const char *path)
{
	return name_with(path, "");
}

static char *
secret_name(const char *path)
{
	char secret[SECRET_LEN + 1];
	uint64_t random;

	/* Linux before 3.17. */
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		random = (uint64_t)getpid() << 32 ^ (uint64_t)clock();
	snprintf(
	    secret, sizeof(secret), "%016llx-", (unsigned long long)random);
	return name_with(path, secret);
}

bool
temporary_is(const char *basename)
{
	return strncmp(basename, PREFIX, strlen(PREFIX)) == 0;
}

bool
temporary_exists(const char *path)
{
	char *temp = temporary_name(path);
	bool there = file_exists(temp);

	free(temp);
	return there;
}

/* ---- whose is it? ---- */

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Whether name is a file that fd is open on. */
static bool
names(int dirfd, const char *name, const struct stat *of)
{
	struct stat st;

	return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       same_file(&st, of);
}

static bool
is_ours(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_uid == geteuid();
}

/* Root may have given a file to the owner of the directory already. */
static bool
is_ours_to_remove(int dirfd, const struct stat *st)
{
	struct stat dir;

	return is_ours(st) ||
	       (S_ISREG(st->st_mode) && geteuid() == 0 &&
		   fstat(dirfd, &dir) == 0 && dir.st_uid == st->st_uid);
}

/* Nobody else holds it: its writer is dead. */
static bool
lock(int fd, const struct stat *st)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return true;
	return errno != EWOULDBLOCK && errno != EINTR &&
	       st->st_mtime < time(NULL) - OLD_SECONDS;
}

/*
 * Open a leftover and lock it; -1 if it is none.  Looked at before it is opened,
 * since devices and FIFOs do things when they are; and again when it is locked,
 * since its writer may have given it its name, and another one have made a file
 * of the same name anew.
 */
static int
open_leftover(int dirfd, const char *name, struct stat *st)
{
	const int flags =
	    O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
	int fd;

	if (fstatat(dirfd, name, st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    !is_ours_to_remove(dirfd, st))
		return -1;
	fd = openat(dirfd, name, flags);
	if (fd < 0)
		return -1;
	if (fstat(fd, st) == 0 && is_ours_to_remove(dirfd, st) &&
	    lock(fd, st) && names(dirfd, name, st))
		return fd;
	close(fd);
	return -1;
}

/* ---- making ---- */

/*
 * A sweep by another process may hold what was just made for a moment, and
 * remove it.  Where there are no locks there is no such sweep.
 */
static bool
hold(int fd, const char *temp)
{
	struct stat st;

	if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
		return false;
	return fstat(fd, &st) == 0 && names(AT_FDCWD, temp, &st);
}

/*
 * The name is taken.  By a leftover: it is used again, or removed so that the
 * name is free.  Else false.
 */
static bool
take_up(int *fd, const char *temp, bool keep)
{
	char *dir = path_dir(temp);
	int dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	bool free_now = false;

	free(dir);
	*fd = open_leftover(dirfd, path_base(temp), &st);
	if (*fd >= 0 && !(keep && is_ours(&st) && st.st_nlink == 1)) {
		free_now = unlinkat(dirfd, path_base(temp), 0) == 0;
		close(*fd);
		*fd = -1;
	}
	if (dirfd >= 0)
		close(dirfd);
	return *fd >= 0 || free_now;
}

/* Make temp, which must not be there.  *taken: it is. */
static enum rc
make(int *fd, const char *temp, const char *path, mode_t mode, bool *taken)
{
	*taken = false;
	do
		*fd = open(temp,
		    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	while (*fd < 0 && errno == EINTR);
	if (*fd >= 0) {
		if (hold(*fd, temp))
			return RC_OK;
		close(*fd);
		*fd = -1;
	} else if (errno == ENOENT) {
		return msg_fail(RC_USAGE, "%s: no such directory", path);
	} else if (errno != EEXIST) {
		return msg_errno(path);
	}
	*taken = true;
	return RC_OK;
}

enum rc
temporary_make_secret(int *fd, char **temp, const char *path, mode_t mode)
{
	bool taken;
	enum rc rc;

	for (int i = 0; i < TRIES; i++) {
		*temp = secret_name(path);
		rc = make(fd, *temp, path, mode, &taken);
		if (rc == RC_OK && !taken)
			return RC_OK;
		free(*temp);
		*temp = NULL;
		if (rc)
			return rc;
	}
	return msg_fail(RC_SYSTEM,
	    "%s: its temporary file is removed again and again", path);
}

enum rc
temporary_make(int *fd, char **temp, const char *path, mode_t mode, bool *keep)
{
	bool taken = true;
	enum rc rc = RC_OK;

	*temp = temporary_name(path);
	for (int i = 0; i < TRIES; i++) {
		rc = make(fd, *temp, path, mode, &taken);
		if (rc || !taken || !take_up(fd, *temp, *keep) || *fd >= 0)
			break;
	}
	if (rc == RC_OK && *fd >= 0)
		return RC_OK;
	free(*temp);
	*temp = NULL;
	if (rc)
		return rc;
	*keep = false;
	return temporary_make_secret(fd, temp, path, mode);
}

/* ---- what killed runs left ---- */

static void
sweep_file(int dirfd, const char *name)
{
	struct stat st;
	int fd = open_leftover(dirfd, name, &st);

	if (fd < 0)
		return;
	if (unlinkat(dirfd, name, 0) == 0)
		msg_info("%s: left by a killed run, removed", name);
	close(fd);
}

void
temporary_sweep(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	if (!d)
		return;
	while ((e = readdir(d)))
		if (temporary_is(e->d_name))
			sweep_file(dirfd(d), e->d_name);
	closedir(d);
}

/*
 * Each directory is swept before the first file that this process makes in it;
 * the last few are remembered, which is enough not to read a directory for each
 * of many files, and costs no more than another sweep when it is not.
 */
void
temporary_sweep_once(const char *dir)
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
	temporary_sweep(dir);
}
