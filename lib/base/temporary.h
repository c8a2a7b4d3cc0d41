/*
 * temporary: where a file is written before it gets its name.
 *
 * That of NAME is ".segtmp-NAME" in the same directory, or ".segtmp-RANDOM-NAME"
 * where the former is taken by somebody else.  It is held with flock() while
 * its writer lives, so that the leftovers of a killed run can be told from the
 * work of a live one.
 *
 * A temporary file is made, never taken over: what is found under such a name
 * may have been put there by somebody who wants to read, or to have, what is
 * written to it.  Used again is only what a killed run of the same user left,
 * a regular file of one name; removed is only what is his, and nobody's work.
 */
#ifndef SEGTOOLS_TEMPORARY_H
#define SEGTOOLS_TEMPORARY_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/msg.h"

char *temporary_name(const char *path); /* the first of the two: malloced */
bool temporary_is(const char *basename);
/* Is the temporary file of path there: has its writer not come to the end? */
bool temporary_exists(const char *path);

/*
 * Make that of path and hold it, under *temp, malloced.  With *keep, which the
 * next run finds again, one that a killed run left is used as it is; *keep is
 * false afterwards if the name is one that nobody will find again.
 */
enum rc temporary_make(
    int *fd, char **temp, const char *path, mode_t mode, bool *keep);
/* The same under a name that nobody can know before. */
enum rc temporary_make_secret(
    int *fd, char **temp, const char *path, mode_t mode);

/* Remove what killed runs left in dir; "not there" is no error. */
void temporary_sweep(const char *dir);
/* The same once for each directory and process. */
void temporary_sweep_once(const char *dir);

#endif
