/* directory: see directory.h. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/directory.h"

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

/* ---- making, removing, syncing ---- */

enum rc
dir_sync(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum rc rc = RC_OK;

	if (fd < 0)
		return msg_errno(dir);
	/* Some file systems know no fsync of a directory, and need none. */
	if (fsync(fd) != 0 && errno != EINVAL && errno != EROFS &&
	    errno != ENOSYS && errno != EOPNOTSUPP)
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
