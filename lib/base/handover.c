/*
 * handover: see handover.h.
 *
 * A link and not a rename: until the old name is removed, after all is durable,
 * the segment is whole where it was, wherever the process is killed.  What gets
 * the name is the file that is open, whatever its old name means by now.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/buf.h"
#include "base/directory.h"
#include "base/handover.h"
#include "base/temporary.h"

static uint64_t
ns(struct timespec t)
{
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static struct handover_stamp
stamp_of(const struct stat *st)
{
	const uint64_t was[] = {st->st_dev, st->st_ino, (uint64_t)st->st_size,
	    ns(st->st_mtim), ns(st->st_ctim)};

	return (struct handover_stamp){XXH3_64bits(was, sizeof(was))};
}

enum rc
handover_look(struct file *f, struct handover_stamp *seen)
{
	struct stat st;

	if (fstat(file_fd(f), &st) != 0)
		return msg_errno(file_name(f));
	*seen = stamp_of(&st);
	return RC_OK;
}

/* By its name itself, no symbolic link, and by no other. */
static bool
is_its_only_name(const char *name, const struct stat *st)
{
	struct stat at;

	return st->st_nlink == 1 && lstat(name, &at) == 0 &&
	       S_ISREG(at.st_mode) && at.st_dev == st->st_dev &&
	       at.st_ino == st->st_ino;
}

/* Would a file made in dir be for the same people? */
static bool
is_as_made_in(const char *dir, int fd, const struct stat *st)
{
	struct stat d;

	return stat(dir, &d) == 0 && d.st_dev == st->st_dev &&
	       st->st_uid == geteuid() &&
	       st->st_gid == (d.st_mode & S_ISGID ? d.st_gid : getegid()) &&
	       getxattr(dir, "system.posix_acl_default", NULL, 0) <= 0 &&
	       fgetxattr(fd, "system.posix_acl_access", NULL, 0) <= 0;
}

/*
 * A lease is given only while nobody has the file open for writing, and holds
 * up who opens it so.  That this is wanted is said by a signal, which would end
 * us.
 */
static bool
take_lease(int fd, struct sigaction *old)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	sigaction(SIGIO, &ignore, old);
	if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0)
		return true;
	sigaction(SIGIO, old, NULL);
	return false;
}

static void
leave_lease(int fd, const struct sigaction *old)
{
	(void)fcntl(fd, F_SETLEASE, F_UNLCK);
	sigaction(SIGIO, old, NULL);
}

static void
link_open(int fd, const char *to, enum handed *handed)
{
	char self[64];

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	/* Why it cannot be, a copy will say if it matters. */
	if (linkat(AT_FDCWD, self, AT_FDCWD, to, AT_SYMLINK_FOLLOW) == 0)
		*handed = HANDED;
	else if (errno == EEXIST)
		*handed = HANDED_TAKEN;
}

/* Is it as it was seen, and as a copy in dir would be? */
static bool
is_good(struct file *f, const struct handover_stamp *seen, const char *dir,
    struct stat *st)
{
	return fstat(file_fd(f), st) == 0 && stamp_of(st).hash == seen->hash &&
	       is_its_only_name(file_name(f), st) &&
	       is_as_made_in(dir, file_fd(f), st);
}

bool
handover_may(struct file *f, const struct handover_stamp *seen, const char *to)
{
	char *dir = path_dir(to);
	struct stat st;
	bool may = is_good(f, seen, dir, &st);

	free(dir);
	return may;
}

/* With the lease. */
static enum rc
link_if_good(struct file *f, const struct handover_stamp *seen, const char *to,
    enum handed *handed)
{
	char *dir = path_dir(to);
	struct secrecy as_it_is;
	struct stat st;
	bool good = is_good(f, seen, dir, &st);
	enum rc rc;

	if (good)
		temporary_sweep_once(dir);
	free(dir);
	/* The time: an old object without an index is taken for what a killed
	 * run left. */
	if (!good || futimens(file_fd(f), NULL) != 0)
		return RC_OK;
	as_it_is = secrecy_of(file_fd(f), NULL, &st);
	rc = file_chmod(f, &as_it_is);
	if (rc == RC_OK)
		rc = file_sync(f);
	if (rc == RC_OK)
		link_open(file_fd(f), to, handed);
	return rc;
}

enum rc
handover(struct file *f, const struct handover_stamp *seen, const char *to,
    enum handed *handed)
{
	struct sigaction old;
	enum rc rc;

	*handed = HANDED_NOT;
	if (!take_lease(file_fd(f), &old))
		return RC_OK;
	rc = link_if_good(f, seen, to, handed);
	leave_lease(file_fd(f), &old);
	return rc;
}
