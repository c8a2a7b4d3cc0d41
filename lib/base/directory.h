/*
 * directory: paths, and directories: made, synced.
 */
#ifndef SEGTOOLS_DIRECTORY_H
#define SEGTOOLS_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/msg.h"

/* The directory part of a path, for opening: malloced; and the last one. */
char *path_dir(const char *path);
const char *path_base(const char *path);
/* What it means where symbolic links are followed, also those that name nothing;
 * malloced, whatever happens.  RC_USAGE: too many of them, or one that another
 * user has made where all may write. */
enum rc path_followed(char **out, const char *path);

/* Make one directory if it is not there, and make that durable, whoever made it;
 * its parent must be there (RC_USAGE). */
enum rc dir_make(const char *dir);
/* mkdir -p below base, which must be there (RC_USAGE). */
enum rc dir_make_below(const char *base, const char *relative);

enum rc dir_sync(const char *dir);
enum rc parent_sync(const char *path); /* the directory that it is in */
/* Directories to be fsynced, each once: all-zero is none. */
struct dirs {
	char **dir;
	size_t n, cap;
};
void dirs_add(struct dirs *, const char *file); /* the one it is in */
enum rc dirs_sync(struct dirs *);               /* empties the list */

/* Remove a file and make that durable.  RC_ABSENT if it is not there. */
enum rc file_remove(const char *path);
bool file_exists(const char *path);

#endif
