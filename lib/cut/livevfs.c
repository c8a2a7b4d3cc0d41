/*
 * livevfs: see livevfs.h.
 *
 * SQLite's own VFS does the work.  Its open(2) is replaced (xSetSystemCall()),
 * since a -shm is opened deep inside of it; one of its methods too, since it
 * would follow a path through /proc/self/fd to the long one that is meant.
 */

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/directory.h"
#include "cut/livevfs.h"

#define FD_PREFIX "/proc/self/fd/"

/* Room for "-journal" in SQLite's 512 bytes of a path. */
enum { PATH_MOST = 512 - 16 };

typedef int open_fn(const char *, int, int);

static open_fn *sqlite_open; /* SQLite's own */
static sqlite3_vfs *under, *ours;
static _Thread_local struct livevfs *watched;

/* ---- files that are opened ---- */

static void
note_failure(struct livevfs *v, const char *path, int err)
{
	/* Not even to read: the first reason tells more. */
	if (v->failed && strcmp(v->failed, path) == 0)
		return;
	free(v->failed);
	v->failed = xstrdup(path);
	v->err = err;
}

/*
 * As root: the owner's from its first moment on, however soon we are killed.
 * Where the file system has no O_TMPFILE SQLite makes the file and gives it
 * away.  False: it cannot be given away.
 */
static bool
make_for_owner(struct livevfs *v, const char *path, int mode)
{
	char *dir = path_dir(path), from[64];
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), linked;
	bool given;

	free(dir);
	if (fd < 0)
		return true;
	given = fchown(fd, v->owner, v->group) == 0 &&
		fchmod(fd, (mode_t)mode) == 0;
	snprintf(from, sizeof(from), FD_PREFIX "%d", fd);
	if (given) {
		linked =
		    linkat(AT_FDCWD, from, AT_FDCWD, path, AT_SYMLINK_FOLLOW);
		/* There already: then that one will do.  Else SQLite makes it,
		 * or is told why not. */
		(void)linked;
	}
	close(fd);
	return given;
}

/* May a file be made?  Then it is, if it had to be made in another way than
 * SQLite's. */
static bool
may_make(struct livevfs *v, const char *path, int mode)
{
	if (v->look)
		return false;
	if (geteuid() == v->owner)
		return true;
	return geteuid() == 0 &&
	       (file_exists(path) || make_for_owner(v, path, mode));
}

static int
watched_open(const char *path, int flags, int mode)
{
	struct livevfs *v = watched;
	bool refused = false;
	int fd;

	if (!v)
		return sqlite_open(path, flags, mode);
	if (flags & O_CREAT && !may_make(v, path, mode)) {
		flags &= ~O_CREAT;
		refused = true;
	}
	fd = sqlite_open(path, flags, mode);
	if (fd < 0) {
		refused = refused && errno == ENOENT;
		v->refused = v->refused || refused;
		note_failure(v, path, errno);
	} else {
		free(v->failed);
		v->failed = NULL;
	}
	return fd;
}

void
livevfs_watch(struct livevfs *v)
{
	watched = v;
	if (v) {
		free(v->failed);
		v->failed = NULL;
		v->refused = false;
	}
}

/* ---- the VFS ---- */

static int
full_pathname(sqlite3_vfs *vfs, const char *path, int size, char *out)
{
	(void)vfs;
	if (strncmp(path, FD_PREFIX, strlen(FD_PREFIX)) != 0)
		return under->xFullPathname(under, path, size, out);
	/* Of livevfs_path(): shorter than any size that SQLite has. */
	snprintf(out, (size_t)size, "%s", path);
	return SQLITE_OK;
}

const char *
livevfs_name(void)
{
	if (ours)
		return ours->zName;
	under = sqlite3_vfs_find("unix");
	/* Never freed: SQLite keeps a list of them. */
	ours = xmalloc(sizeof(*ours));
	*ours = *under;
	ours->zName = "segtools-live";
	ours->xFullPathname = full_pathname;
	sqlite_open = (open_fn *)under->xGetSystemCall(under, "open");
	under->xSetSystemCall(under, "open", (sqlite3_syscall_ptr)watched_open);
	sqlite3_vfs_register(ours, 0);
	return ours->zName;
}

/* ---- paths ---- */

enum rc
livevfs_path(struct livevfs *v)
{
	char *real = realpath(v->path, NULL), *dir;
	enum rc rc = RC_OK;

	v->dir = -1;
	if (!real)
		return msg_errno(v->path);
	if (strlen(real) <= PATH_MOST) {
		v->sql_path = real;
		return RC_OK;
	}
	dir = path_dir(real);
	v->dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (v->dir < 0)
		rc = msg_errno(v->path);
	else
		v->sql_path =
		    xasprintf(FD_PREFIX "%d/%s", v->dir, path_base(real));
	free(dir);
	free(real);
	return rc;
}

void
livevfs_release(struct livevfs *v)
{
	if (v->dir >= 0 && v->sql_path)
		close(v->dir);
	free(v->sql_path);
	free(v->failed);
	memset(v, 0, sizeof(*v));
}

/* ---- what went wrong ---- */

bool
livevfs_explain(const struct livevfs *v, enum rc *rc)
{
	const char *suffix;
	char *object;

	if (!v->failed)
		return false;
	suffix = strncmp(v->failed, v->sql_path, strlen(v->sql_path)) == 0
		     ? v->failed + strlen(v->sql_path)
		     : "";
	if (v->refused && v->look) {
		*rc = msg_fail(RC_USAGE,
		    "%s: has no %s beside it, and -n makes none", v->path,
		    suffix);
		return true;
	}
	if (v->refused) {
		*rc = msg_fail(RC_USAGE,
		    "%s: has no %s beside it, which SQLite needs and its owner"
		    " (uid %lu) or root alone may make",
		    v->path, suffix, (unsigned long)v->owner);
		return true;
	}
	object = xasprintf("%s%s", v->path, suffix);
	errno = v->err;
	*rc = msg_errno(object);
	free(object);
	return true;
}
