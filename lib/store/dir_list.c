/* dir_list: see dir_list.h. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/temporary.h"
#include "store/dir_list.h"

struct listing {
	const char *base; /* the directory that is listed */
	bool delimited;
	char **pending; /* directories to be read, relative to base */
	size_t n, cap;
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
stop_at_first(void *arg, const struct store_entry *e)
{
	(void)e;
	*(bool *)arg = true;
	return RC_ABSENT;
}

/* As in a bucket, a directory without any object below is none. */
static enum rc
visit_delimited(struct listing *l, const char *relative)
{
	struct store_entry e = {.name = relative, .is_dir = true};
	char *path = xasprintf("%s/%s", l->base, relative);
	bool found = false;
	enum rc rc = dir_walk(path, false, stop_at_first, &found);

	free(path);
	if (found)
		return l->entry(l->arg, &e);
	return rc;
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

static enum rc
visit(struct listing *l, int fd, const char *dir, const char *base)
{
	char *relative;
	struct stat st;
	enum rc rc = RC_OK;

	if (strcmp(base, ".") == 0 || strcmp(base, "..") == 0 ||
	    temporary_is(base))
		return RC_OK;
	relative = *dir ? xasprintf("%s/%s", dir, base) : xstrdup(base);
	if (fstatat(fd, base, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		if (errno != ENOENT) /* removed meanwhile */
			rc = msg_errno(relative);
	} else if (S_ISREG(st.st_mode)) {
		rc = visit_file(l, relative, &st);
	} else if (!S_ISDIR(st.st_mode)) {
		msg_info("%s/%s: neither file nor directory, skipped", l->base,
		    relative);
	} else if (l->delimited) {
		rc = visit_delimited(l, relative);
	} else {
		pending_push(l, relative);
		relative = NULL;
	}
	free(relative);
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
		/* Removed meanwhile, or nothing was put there yet. */
		rc = errno == ENOENT ? RC_OK : msg_errno(path);
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
dir_walk(const char *base, bool delimited,
    enum rc (*entry)(void *, const struct store_entry *), void *arg)
{
	struct listing l = {
	    .base = base, .delimited = delimited, .entry = entry, .arg = arg};
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
	return rc;
}
