/*
 * dir_list: what is in a directory that is a store.
 */
#ifndef SEGTOOLS_DIR_LIST_H
#define SEGTOOLS_DIR_LIST_H

#include "store/driver.h"

/* store_list() of what is below base, a path in the file system. */
enum rc dir_walk(const char *base, bool delimited,
    enum rc (*entry)(void *, const struct store_entry *), void *arg);

#endif
