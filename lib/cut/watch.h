/*
 * watch: which of many databases may have changed, at next to no cost where
 * nothing has.
 *
 * By inotify on their directories where that tells of every write; by the
 * stamps of the file and its log where it does not (a file system on a network,
 * or one that a program serves), where it has run out, or where there is no
 * directory yet.  And once a minute by stamps in any case: what a symbolic link
 * on the way means may have changed.
 */
#ifndef SEGTOOLS_WATCH_H
#define SEGTOOLS_WATCH_H

#include <stdbool.h>
#include <stddef.h>

struct watch;

struct watch *watch_new(void);
void watch_free(struct watch *); /* NULL-safe */

/* One more; they are numbered as they come. */
void watch_add(struct watch *, const char *path);

/*
 * Set changed[i] for those that may have changed since the last look, which for
 * the first is all of them; the others are left as they are.  interval, in ms:
 * when about the next look comes.
 */
void watch_look(struct watch *, unsigned long long interval, bool *changed);

#endif
