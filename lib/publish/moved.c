/* moved: see moved.h. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/temporary.h"
#include "publish/moved.h"
#include "publish/object.h"

enum { NOTES_MAX = 1 << 24 };

static enum rc
unlink_there(const char *path)
{
	return unlink(path) == 0 || errno == ENOENT ? RC_OK : msg_errno(path);
}

enum rc
moved_remove(const char *seg_path, enum part part, struct dirs *dirs)
{
	char *idx = xasprintf("%.*s.idx", (int)strlen(seg_path) - 4, seg_path);
	enum rc rc = unlink_there(part == PART_SEGMENT ? seg_path : idx);

	if (dirs)
		dirs_add(dirs, seg_path);
	free(idx);
	return rc;
}

/* An index whose segment is neither there nor on its way. */
static bool
is_lonely(const char *dir, const char *name, const struct key *upto)
{
	struct key key;
	char *seg;
	bool lonely;

	if (strlen(name) != KEY_LEN + 4 ||
	    strcmp(name + KEY_LEN, ".idx") != 0 ||
	    !key_parse(&key, name, KEY_LEN) || key.end > upto->end)
		return false;
	seg = xasprintf("%s/%.*s.seg", dir, KEY_LEN, name);
	/* In this order: it may get its name just now. */
	lonely = !temporary_exists(seg) && !file_exists(seg);
	free(seg);
	return lonely;
}

enum rc
moved_sweep(const char *seg_path, const struct key *key)
{
	char *dir = path_dir(seg_path), *path;
	DIR *d = opendir(dir);
	struct dirent *e;
	enum rc rc = RC_OK;

	while (d && rc == RC_OK && (e = readdir(d)) != NULL) {
		if (!is_lonely(dir, e->d_name, key))
			continue;
		path = xasprintf("%s/%s", dir, e->d_name);
		msg_info(
		    "%s: its .seg was moved by a killed run, removed", path);
		rc = unlink_there(path);
		free(path);
	}
	if (d)
		closedir(d);
	free(dir);
	return rc;
}

/* ---- what is on its way ---- */

/* Of a user's own, and nothing but a file. */
static int
open_notes(const char *seg_path, char **path, int flags, struct stat *st)
{
	char *dir = path_dir(seg_path);
	int fd;

	*path = xasprintf("%s/%s", dir, MOVED_NOTES);
	free(dir);
	fd = open(*path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd >= 0 && fstat(fd, st) == 0 && S_ISREG(st->st_mode) &&
	    st->st_uid == geteuid())
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

void
moved_note(const char *seg_path)
{
	char *path, line[KEY_LEN + 1];
	struct stat st;
	int fd =
	    open_notes(seg_path, &path, O_WRONLY | O_CREAT | O_APPEND, &st);

	memcpy(line, path_base(seg_path), KEY_LEN);
	line[KEY_LEN] = '\n';
	/* Half a line is no key. */
	if (fd >= 0 && write(fd, line, sizeof(line)) < 0)
		msg_info("%s: not noted", path);
	if (fd >= 0)
		close(fd);
	free(path);
}

/* RC_ABSENT: there is none, or none that can be read. */
static enum rc
read_notes(const char *seg_path, char **path, struct buf *text)
{
	struct stat st;
	int fd = open_notes(seg_path, path, O_RDONLY, &st);
	char piece[4096];
	ssize_t n = 0;

	if (fd < 0)
		return RC_ABSENT;
	while (
	    text->len < NOTES_MAX && (n = read(fd, piece, sizeof(piece))) > 0)
		buf_add(text, piece, (size_t)n);
	close(fd);
	return n < 0 ? RC_ABSENT : RC_OK;
}

struct noted {
	struct store *store;
	const char *cluster;
	struct name name;
	char *file[2]; /* by enum part */
	unsigned running;
};

/* The object, against the file, if that is still there. */
static enum rc
compare_noted(struct noted *n, enum part part)
{
	const struct object_what what = {.store = n->store,
	    .running = &n->running,
	    .cluster = n->cluster,
	    .name = n->name,
	    .part = part,
	    .path = xstrdup(n->file[part]),
	    .listed = true,
	    .only_compared = true};
	struct object *o = object_put(&what);
	struct object_end end;

	return object_wait(&o, &end);
}

/* The next that is noted, with the paths of its files; they are the caller's. */
static bool
next_noted(struct noted *n, const char *dir, const char **line, const char *end)
{
	const char *at = *line, *nl;

	while ((nl = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		*line = nl + 1;
		if (key_parse(&n->name.key, at, (size_t)(nl - at))) {
			n->file[0] = xasprintf("%s/%.*s.seg", dir, KEY_LEN, at);
			n->file[1] = xasprintf("%s/%.*s.idx", dir, KEY_LEN, at);
			return true;
		}
		at = nl + 1;
	}
	return false;
}

static void
free_paths(struct noted *n)
{
	free(n->file[0]);
	free(n->file[1]);
}

/* RC_OK: its data has gone.  RC_SYSTEM: what is to become of it is not known
 * yet. */
static enum rc
remove_data(struct noted *n, struct dirs *dirs)
{
	enum rc rc;

	if (!file_exists(n->file[PART_SEGMENT]))
		return RC_OK;
	/* What is wrong with it is said when it is to be published again; what
	 * is wrong with others that are on their way is not to go unsaid. */
	store_wait(n->store, 0, -1);
	msg_mute(true);
	rc = compare_noted(n, PART_INDEX);
	if (rc == RC_OK)
		rc = compare_noted(n, PART_SEGMENT);
	msg_mute(false);
	if (rc == RC_OK) {
		msg_info("%s: published by a killed run, removed",
		    n->file[PART_SEGMENT]);
		rc = moved_remove(n->file[PART_SEGMENT], PART_SEGMENT, dirs);
	}
	return rc;
}

/* RC_OK: all of it is done. */
static enum rc
make_all_good(struct noted *n, const char *dir, const struct buf *text)
{
	const char *start = text->len ? text->data : "";
	const char *end = start + text->len, *line;
	struct dirs dirs = {0};
	enum rc rc = RC_OK;

	for (line = start; next_noted(n, dir, &line, end); free_paths(n))
		if (remove_data(n, &dirs) == RC_SYSTEM)
			rc = RC_SYSTEM;
	rc = rc_max(rc, dirs_sync(&dirs));
	for (line = start; next_noted(n, dir, &line, end); free_paths(n))
		if (is_lonely(
			dir, path_base(n->file[PART_INDEX]), &n->name.key))
			rc = rc_max(rc, moved_remove(n->file[PART_SEGMENT],
					    PART_INDEX, NULL));
	return rc;
}

void
moved_make_good(struct store *store, const char *cluster,
    const struct name *name, const char *seg_path)
{
	struct noted n = {.store = store, .cluster = cluster, .name = *name};
	char *dir = path_dir(seg_path), *path;
	struct buf text = {0};

	if (read_notes(seg_path, &path, &text) == RC_OK &&
	    make_all_good(&n, dir, &text) == RC_OK)
		(void)unlink(path);
	buf_release(&text);
	free(path);
	free(dir);
}
