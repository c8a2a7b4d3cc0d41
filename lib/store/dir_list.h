/*
 * dir_list: what is in a directory that is a store.
 */
#ifndef SEGTOOLS_DIR_LIST_H
#define SEGTOOLS_DIR_LIST_H

#include "store/driver.h"

/* store_list() of what is below base, a path in the file system: of all levels,
 * of the next, or of the next which is that of namespaces. */
enum dir_level { DIR_ALL, DIR_NEXT, DIR_NAMESPACES };
enum rc dir_walk(const char *base, enum dir_level,
    enum rc (*entry)(void *, const struct store_entry *), void *arg);

/* Is path, below a namespace, a symbolic link?  RC_USAGE: it is not followed. */
enum rc dir_refuse_link(const char *path);

#endif
