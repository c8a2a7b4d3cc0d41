/* dir_list: see dir_list.h. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/temporary.h"
#include "format/key.h"
#include "store/dir_list.h"

struct listing {
	const char *base; /* the directory that is listed */
	enum dir_level level;
	char **pending; /* directories to be read, relative to base */
	size_t n, cap;
	struct buf name; /* of what is looked at, relative to base */
	enum rc (*entry)(void *, const struct store_entry *);
	void *arg;
};

static void
pending_push(struct listing *l, char *dir)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 16;
		l->pending =
		    xreallocarray(l->pending, l->cap, sizeof(*l->pending));
	}
	l->pending[l->n++] = dir;
}

static enum rc
visit_file(struct listing *l, const char *relative, const struct stat *st)
{
	struct store_entry e = {
	    .name = relative,
	    .size = (uint64_t)st->st_size,
	    .modified = (uint64_t)st->st_mtim.tv_sec * 1000 +
			(uint64_t)st->st_mtim.tv_nsec / 1000000,
	};

	return l->entry(l->arg, &e);
}

/* Else what is behind it would be missed without a word. */
static enum rc
refuse_link(const char *path)
{
	return msg_fail(RC_USAGE,
	    "%s: a symbolic link, which is followed for clusters and "
	    "namespaces alone",
	    path);
}

enum rc
dir_refuse_link(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISLNK(st.st_mode) ? refuse_link(path)
							    : RC_OK;
}

static enum rc
stop_at_first(void *arg, const struct store_entry *e)
{
	(void)e;
	*(bool *)arg = true;
	return RC_ABSENT;
}

/* As in a bucket, a directory without any object below is none. */
static enum rc
visit_dir(struct listing *l, const char *name, const char *path)
{
	struct store_entry e = {.name = name, .is_dir = true};
	bool found = false;
	enum rc rc = dir_walk(path, DIR_ALL, stop_at_first, &found);

	return found ? l->entry(l->arg, &e) : rc;
}

/* ---- namespaces ---- */

/* Is there an object in that folder of a namespace? */
static enum rc
look_into(const char *namespace, enum part part, bool *found)
{
	char *path = xasprintf("%s/%s", namespace, part_prefix(part));
	struct stat st;
	enum rc rc = RC_OK;

	path[strlen(path) - 1] = 0;
	if (lstat(path, &st) != 0) {
		if (errno != ENOENT && errno != ENOTDIR)
			rc = msg_errno(path);
	} else if (S_ISLNK(st.st_mode)) {
		rc = refuse_link(path);
	} else if (S_ISDIR(st.st_mode)) {
		rc = dir_walk(path, DIR_ALL, stop_at_first, found);
	}
	free(path);
	return *found ? RC_OK : rc;
}

/* fsck's, which is root's alone at the root of a file system. */
static bool
is_lost_and_found(const char *name, const char *path)
{
	return strcmp(name, "lost+found") == 0 &&
	       access(path, R_OK | X_OK) != 0;
}

/*
 * What holds no object where those of segments are is somebody else's (a NAS's
 * @eaDir).  One that cannot be read may be a namespace: it is told, so that it is
 * not missed.
 */
static enum rc
look_for_namespace(struct listing *l, const char *name)
{
	struct store_entry e = {.name = name, .is_dir = true};
	char *path = xasprintf("%s/%s", l->base, name);
	bool found = false;
	enum rc rc = RC_OK;

	if (is_lost_and_found(name, path)) {
		msg_info("%s: not a namespace, skipped", path);
		goto out;
	}
	e.rc = look_into(path, PART_INDEX, &found);
	if (e.rc == RC_OK && !found)
		e.rc = look_into(path, PART_SEGMENT, &found);
	if (found || e.rc)
		rc = l->entry(l->arg, &e);
	else
		msg_info("%s: nothing of a namespace in it, skipped", path);
out:
	free(path);
	return rc;
}

/* A symbolic link whose target is not there (a disk that is not mounted), or
 * cannot be reached. */
static enum rc
visit_broken(struct listing *l, const char *name, int err)
{
	struct store_entry e = {.name = name, .is_dir = true};
	char *path = xasprintf("%s/%s", l->base, name);
	struct stat st;
	enum rc rc = RC_OK;

	if (err != ENOENT || lstat(path, &st) == 0) {
		errno = err;
		e.rc = msg_errno(path);
		rc = l->entry(l->arg, &e);
	}
	free(path);
	return rc;
}

/* Symbolic links are followed here, and not deeper. */
static enum rc
visit_namespace(struct listing *l, int fd, const char *name)
{
	struct stat st;

	if (fstatat(fd, name, &st, 0) != 0)
		return visit_broken(l, name, errno);
	return S_ISDIR(st.st_mode) ? look_for_namespace(l, name)
				   : visit_file(l, name, &st);
}

/* ---- what is anywhere ---- */

static bool
is_folder(const char *relative)
{
	size_t n = strlen(relative);

	for (enum part p = PART_SEGMENT; p <= PART_INDEX; p++)
		if (strncmp(part_prefix(p), relative, n) == 0 &&
		    strlen(part_prefix(p)) == n + 1)
			return true;
	return false;
}

/* What is no file, or (err) is not to be had. */
static enum rc
visit_other(struct listing *l, const char *relative, mode_t mode, int err)
{
	char *path = xasprintf("%s/%s", l->base, relative);
	enum rc rc = RC_OK;

	if (err) {
		errno = err;
		if (err != ENOENT) /* removed meanwhile */
			rc = msg_errno(path);
	} else if (S_ISDIR(mode) && l->level != DIR_ALL) {
		rc = visit_dir(l, relative, path);
	} else if (S_ISDIR(mode)) {
		pending_push(l, xstrdup(relative));
	} else if (S_ISLNK(mode) && is_folder(relative)) {
		rc = refuse_link(path);
	} else {
		msg_info("%s: neither file nor directory, skipped", path);
	}
	free(path);
	return rc;
}

static enum rc
visit_any(struct listing *l, int fd, const char *dir, const char *base)
{
	struct stat st = {0};
	int err = 0;

	if (fstatat(fd, base, &st, AT_SYMLINK_NOFOLLOW) != 0)
		err = errno;
	buf_clear(&l->name);
	buf_adds(&l->name, dir);
	if (*dir)
		buf_addc(&l->name, '/');
	buf_adds(&l->name, base);
	return !err && S_ISREG(st.st_mode)
		   ? visit_file(l, l->name.data, &st)
		   : visit_other(l, l->name.data, st.st_mode, err);
}

static enum rc
visit(struct listing *l, int fd, const char *dir, const char *base)
{
	if (strcmp(base, ".") == 0 || strcmp(base, "..") == 0)
		return RC_OK;
	/* Nothing is put there: a namespace may be called like that. */
	if (l->level == DIR_NAMESPACES)
		return visit_namespace(l, fd, base);
	return temporary_is(base) ? RC_OK : visit_any(l, fd, dir, base);
}

/*
 * Nothing was put there yet, or it was removed meanwhile; but a symbolic link
 * on the way whose target is not there is an error.
 */
static enum rc
check_absent(const char *path)
{
	char *p = xstrdup(path), *slash;
	struct stat st;
	enum rc rc = RC_OK;

	while (lstat(p, &st) != 0 && (slash = strrchr(p, '/')) && slash > p)
		*slash = 0;
	if (lstat(p, &st) == 0 && S_ISLNK(st.st_mode) && stat(p, &st) != 0)
		rc = msg_errno(p);
	free(p);
	return rc;
}

static enum rc
read_one_dir(struct listing *l, const char *dir)
{
	char *path = *dir ? xasprintf("%s/%s", l->base, dir) : xstrdup(l->base);
	struct dirent *e;
	enum rc rc = RC_OK;
	DIR *d = opendir(path);

	if (!d) {
		rc = errno == ENOENT ? check_absent(path) : msg_errno(path);
		goto out;
	}
	for (errno = 0; rc == RC_OK && (e = readdir(d)); errno = 0)
		rc = visit(l, dirfd(d), dir, e->d_name);
	if (rc == RC_OK && errno)
		rc = msg_errno(path);
out:
	if (d)
		closedir(d);
	free(path);
	return rc;
}

/* Depth first, by a list of what is still to be read. */
enum rc
dir_walk(const char *base, enum dir_level level,
    enum rc (*entry)(void *, const struct store_entry *), void *arg)
{
	struct listing l = {
	    .base = base, .level = level, .entry = entry, .arg = arg};
	char *dir;
	enum rc rc = RC_OK;

	pending_push(&l, xstrdup(""));
	while (l.n > 0) {
		dir = l.pending[--l.n];
		if (rc == RC_OK)
			rc = read_one_dir(&l, dir);
		free(dir);
	}
	free(l.pending);
	buf_release(&l.name);
	return rc;
}
