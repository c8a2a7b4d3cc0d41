/*
 * backlog: the segments that lie in DIR/NAMESPACE, and those of them that a
 * store lacks and that lead on from what it has.
 */
#ifndef SEGTOOLS_BACKLOG_H
#define SEGTOOLS_BACKLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/msg.h"
#include "format/rec.h"
#include "plan/keyset.h"

/* The segments in dir, DIR/NAMESPACE: both files are there.  No directory:
 * none. */
enum rc backlog_scan(struct keyset *, const char *dir);

/*
 * Of all chains that lead on from the END base (START right after it, or 1) the
 * one that gets furthest, in the smallest steps: *n places in the keyset, in
 * order; malloced.  Passed over is what a store that ends there would refuse: a
 * full cut that continues an END before base, since another writer has
 * continued that.  *overtaken, where it is not NULL: there is one.
 */
size_t *backlog_chain(const char *dir, const char *namespace,
    const struct keyset *, uint64_t base, size_t *n, bool *overtaken);

/* Give the record of a segment of DIR/NAMESPACE to emit().  RC_ABSENT, silently:
 * its data has gone. */
enum rc backlog_tell(const char *dir, const struct name *,
    enum rc (*emit)(void *arg, const struct rec *), void *arg);

#endif
