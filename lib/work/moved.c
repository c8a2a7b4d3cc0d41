/* moved: see moved.h. */

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/temporary.h"
#include "work/moved.h"

static enum rc
unlink_there(const char *path)
{
	return unlink(path) == 0 || errno == ENOENT ? RC_OK : msg_errno(path);
}

enum rc
moved_remove(const char *seg_path, struct dirs *dirs)
{
	char *idx = xasprintf("%.*s.idx", (int)strlen(seg_path) - 4, seg_path);
	enum rc rc;

	/* The index last: a .seg without one would be complained about. */
	rc = unlink_there(seg_path);
	if (rc == RC_OK)
		rc = unlink_there(idx);
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
moved_sweep(const char *seg_path, const struct key *key, struct dirs *dirs)
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
		dirs_add(dirs, path);
		free(path);
	}
	if (d)
		closedir(d);
	free(dir);
	return rc;
}
