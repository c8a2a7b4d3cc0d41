/*
 * directory: paths, directories, and the temporary names in them.
 *
 * A temporary file is called ".segtmp-NAME" for the final name NAME, and is
 * held with flock() while its writer lives.  So the leftovers of a killed run
 * can be told from the work of a live one: dir_sweep() removes the former.
 */
#ifndef SEGTOOLS_DIRECTORY_H
#define SEGTOOLS_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/msg.h"

/* The directory part of a path, for opening: malloced; and the last one. */
char *path_dir(const char *path);
const char *path_base(const char *path);

/* Where path is written before it gets its name: malloced. */
char *dir_temporary(const char *path);
bool dir_is_temporary(const char *basename);
/* Is what path is written to still there: has its writer not come to the end? */
bool dir_has_temporary(const char *path);
/* Remove what killed runs left in dir; "not there" is no error. */
void dir_sweep(const char *dir);
/* The same once for each directory and process, but for the file called but. */
void dir_sweep_once(const char *dir, const char *but);

/* Make one directory if it is not there; its parent must be (RC_USAGE). */
enum rc dir_make(const char *dir);
/* mkdir -p below base, which must be there (RC_USAGE). */
enum rc dir_make_below(const char *base, const char *relative);

enum rc dir_sync(const char *dir);
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
