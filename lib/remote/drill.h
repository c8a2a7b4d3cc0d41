/*
 * drill: would the newest state of a set come back?  It is put together in
 * bounded memory, written nowhere, and its database checksum compared.
 */
#ifndef SEGTOOLS_DRILL_H
#define SEGTOOLS_DRILL_H

#include <stddef.h>

#include "base/msg.h"
#include "plan/segset.h"

struct store;

/* Out of the n items of one namespace, from first on, all of them files or all
 * of them the store's.  What is wrong is RC_DATA, reported; but of what is known
 * to be bad it was before. */
enum rc drill_newest(struct store *, const char *cluster, const struct segset *,
    size_t first, size_t n);

#endif
