/* directory: see directory.h. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/directory.h"

/* ---- names ---- */

enum { LINKS_MAX = 40 };

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

/* The path that a link has, relative to the directory that it is in. */
static char *
link_path(const char *link, off_t size)
{
	size_t room = size > 0 ? (size_t)size + 1 : PATH_MAX;
	char *target = xmalloc(room + 1), *dir = path_dir(link), *path = NULL;
	ssize_t n = readlink(link, target, room);

	if (n >= 0 && (size_t)n < room) {
		target[n] = 0;
		path = *target == '/' ? xstrdup(target)
				      : xasprintf("%s/%s", dir, target);
	}
	free(target);
	free(dir);
	return path;
}

/* In a directory that all can write to anybody may have put it there, for root
 * to replace what is behind it. */
static bool
is_planted(const char *link, const struct stat *of)
{
	char *dir = path_dir(link);
	struct stat st = {0};
	bool all_write = stat(dir, &st) != 0 || st.st_mode & S_IWOTH;

	free(dir);
	return all_write && of->st_uid != geteuid() && of->st_uid != st.st_uid;
}

enum rc
path_followed(char **out, const char *path)
{
	struct stat st;
	char *next;

	*out = xstrdup(path);
	for (int i = 0; i < LINKS_MAX; i++) {
		if (lstat(*out, &st) != 0 || !S_ISLNK(st.st_mode))
			return RC_OK;
		if (is_planted(*out, &st))
			return msg_fail(RC_USAGE,
			    "%s: a symbolic link of somebody else's, where "
			    "all may write: not followed",
			    *out);
		next = link_path(*out, st.st_size);
		if (!next)
			return msg_errno(*out);
		free(*out);
		*out = next;
	}
	return msg_fail(RC_USAGE, "%s: too many symbolic links", path);
}

/* ---- making, removing, syncing ---- */

enum rc
dir_sync(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;
	enum rc rc = RC_OK;

	if (fd < 0)
		return msg_errno(dir);
	do
		r = fsync(fd);
	while (r != 0 && errno == EINTR);
	/* Some file systems know no fsync of a directory, and need none. */
	if (r != 0 && errno != EINVAL && errno != EROFS && errno != ENOSYS &&
	    errno != EOPNOTSUPP)
		rc = msg_errno(dir);
	close(fd);
	return rc;
}

enum rc
parent_sync(const char *path)
{
	char *dir = path_dir(path);
	enum rc rc = dir_sync(dir);

	free(dir);
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
	if (unlink(path) != 0)
		return errno == ENOENT ? RC_ABSENT : msg_errno(path);
	return parent_sync(path);
}

/* One that cannot be read has something in it. */
static bool
is_empty(const char *dir)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	bool empty = d != NULL;

	while (empty && (e = readdir(d)) != NULL)
		empty =
		    strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
	if (d)
		closedir(d);
	return empty;
}

/*
 * One that is there: who made it may have been killed, or not have come so far,
 * before that was durable.  Then nothing is in it yet, but what we put into it
 * would be lost with it.  Who may not write in its parent has not made it.
 */
static enum rc
dir_settle(const char *dir)
{
	struct stat st;
	char *parent;
	bool ours;

	if (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode))
		return msg_fail(RC_USAGE, "%s: not a directory", dir);
	parent = path_dir(dir);
	ours = is_empty(dir) && access(parent, R_OK | W_OK) == 0;
	free(parent);
	return ours ? parent_sync(dir) : RC_OK;
}

enum rc
dir_make(const char *dir)
{
	if (mkdir(dir, 0777) == 0)
		return parent_sync(dir);
	if (errno == EEXIST)
		return dir_settle(dir);
	if (errno == ENOENT)
		return msg_fail(
		    RC_USAGE, "%s: its parent directory does not exist", dir);
	return msg_errno(dir);
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
