/*
 * catalog: an SQLite file of monitored namespaces and their segments, so that
 * they can be listed without asking the store.  Its schema is in seg-sync(1).
 * One catalogue describes one cluster of one store.
 *
 * It is in WAL mode: readers are never blocked; a writer waits for another.
 * (Where the file system has no shared mappings it has a journal.)
 * Numbers of frames and times are text of 20 digits, since SQLite's integers
 * end at 2^63-1, and text of one width has their order.
 */
#ifndef SEGTOOLS_CATALOG_H
#define SEGTOOLS_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/msg.h"
#include "format/key.h"

struct catalog;

enum catalog_mode {
	CATALOG_READ,
	CATALOG_CHANGE,
	CATALOG_CREATE /* change it, and make it if it is not there */
};
/*
 * Open it.  Another SQLite file, one that is corrupt or of a newer version, or
 * none: RC_DATA.  One that may not be changed, to change it, or what is no
 * regular file: RC_USAGE.  One that another keeps locked is waited for, here and
 * later, for that many seconds: RC_SYSTEM.
 */
enum rc catalog_open(
    struct catalog **, const char *path, enum catalog_mode, unsigned wait);
void catalog_free(struct catalog *); /* NULL-safe */

/*
 * Between these a change may be lost when the power goes, though the file stays
 * whole; after catalog_settle() all of them are durable.  For what is made of
 * thousands of transactions: each needs a sync otherwise.
 */
enum rc catalog_hurry(struct catalog *);
enum rc catalog_settle(struct catalog *);

/* A namespace that is monitored already stays as it is.  One that is not:
 * removing it is RC_OK.  Its segments go with it. */
enum rc catalog_monitor(struct catalog *, const char *namespace);
enum rc catalog_unmonitor(struct catalog *, const char *namespace);
/* Monitor exactly the namespaces of a libsql-server metastore: all or none of
 * them are changed.  The metastore fails as the catalogue does in
 * catalog_open(). */
enum rc catalog_from_metastore(struct catalog *, const char *path);
/* How many there are; and segments of all of them. */
enum rc catalog_count(struct catalog *, uint64_t *n, uint64_t *segments);
/* The namespaces in byte order; with known only those that have segments.  Each
 * is read before each() is called: it may change the catalogue. */
enum rc catalog_namespaces(struct catalog *, bool known,
    enum rc (*each)(void *arg, const char *namespace), void *arg);

/* The segments in frame order; of the data object bytes and pages are UINT64_MAX
 * if unknown.  A namespace that is not monitored: RC_ABSENT. */
enum rc catalog_segments(struct catalog *, const char *namespace,
    enum rc (*each)(
	void *arg, const struct key *, uint64_t bytes, uint64_t pages),
    void *arg);

#endif
