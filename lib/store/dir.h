/*
 * dir: a directory as a store.
 */
#ifndef SEGTOOLS_DIR_H
#define SEGTOOLS_DIR_H

#include "store/driver.h"

enum rc store_dir_open(
    void **impl, const char *path, const struct store_opts *);
extern const struct store_ops store_dir_ops;

#endif
