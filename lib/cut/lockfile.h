/*
 * lockfile: a lock on a directory whose file system knows none: a file in it
 * that says which process has it.
 *
 * Each makes a file of a name of its own, and then looks for those of others: of
 * two at least one sees the other, and then it removes its own and waits.  No
 * name is used twice, so that what a dead one left can be removed by anybody at
 * any time.
 */
#ifndef SEGTOOLS_LOCKFILE_H
#define SEGTOOLS_LOCKFILE_H

#include <stdbool.h>

#include "base/msg.h"

/*
 * Take it, waiting for others so long; then RC_SYSTEM, which names who has it.
 * *mine: to be left, malloced.  With look nothing is made, and *mine is NULL:
 * nobody had it.
 */
enum rc lockfile_take(
    char **mine, const char *dir, bool look, unsigned wait_ms);
void lockfile_leave(char *mine); /* NULL-safe */

#endif
