/* directory: see directory.h. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/directory.h"

#define TEMP_PREFIX ".segtmp-"

/* ---- names ---- */

/* The directory part of a path, for opening: malloced. */
char *
path_dir(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return xstrdup(".");
	return slash == path ? xstrdup("/")
			     : xstrndup(path, (size_t)(slash - path));
}

const char *
path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/*
 * The temporary name must not be longer than a file name may be, however long
 * the final one is: the end of the name tells files apart, so that is kept.
 */
char *
dir_temporary(const char *path)
{
	char *dir = path_dir(path), *temp;
	const char *base = path_base(path);
	size_t len = strlen(base), most = NAME_MAX - strlen(TEMP_PREFIX);

	if (len > most)
		base += len - most;
	temp = xasprintf("%s/%s%s", dir, TEMP_PREFIX, base);
	free(dir);
	return temp;
}

bool
dir_is_temporary(const char *basename)
{
	return strncmp(basename, TEMP_PREFIX, strlen(TEMP_PREFIX)) == 0;
}

bool
dir_has_temporary(const char *path)
{
	char *temp = dir_temporary(path);
	bool there = file_exists(temp);

	free(temp);
	return there;
}

/* ---- making, removing, syncing ---- */

enum rc
dir_sync(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
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
dirs_add(struct dirs *d, const char *file)
{
	char *dir = path_dir(file);

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
dirs_sync(struct dirs *d)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < d->n; i++) {
		/* Gone: so is what was in it. */
		if (access(d->dir[i], F_OK) == 0 || errno != ENOENT)
			rc = rc_max(rc, dir_sync(d->dir[i]));
		free(d->dir[i]);
	}
	free(d->dir);
	*d = (struct dirs){0};
	return rc;
}

enum rc
file_remove(const char *path)
{
	char *dir;
	enum rc rc;

	if (unlink(path) != 0)
		return errno == ENOENT ? RC_ABSENT : msg_errno(path);
	dir = path_dir(path);
	rc = dir_sync(dir);
	free(dir);
	return rc;
}

enum rc
dir_make(const char *dir)
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
	parent = path_dir(dir);
	rc = dir_sync(parent);
	free(parent);
	return rc;
}

enum rc
dir_make_below(const char *base, const char *relative)
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
		rc = dir_make(path.data);
	}
	buf_release(&path);
	return rc;
}

bool
file_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/* ---- what killed runs left ---- */

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
		if (dir_is_temporary(e->d_name) &&
		    (!but || strcmp(e->d_name, but) != 0))
			sweep_file(dirfd(d), e->d_name);
	closedir(d);
}

void
dir_sweep(const char *dir)
{
	sweep(dir, NULL);
}

/*
 * Each directory is swept before the first file that this process makes in it;
 * the last few are remembered, which is enough not to read a directory for each
 * of many files, and costs no more than another sweep when it is not.
 */
void
dir_sweep_once(const char *dir, const char *but)
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
