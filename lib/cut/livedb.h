/*
 * livedb: a live SQLite database, read inside a read transaction through
 * SQLite's own file handles.  No other descriptor on the database, its -wal or
 * its -shm is ever opened here: closing it would drop SQLite's POSIX locks.
 * Nothing is written, checkpointed or rolled back.
 *
 * What is read is one committed state: the database file, overlaid with the
 * newest frame of each page that the log holds up to a commit.  Why the file
 * may be read although others checkpoint into it meanwhile: see livedb.c.
 */
#ifndef SEGTOOLS_LIVEDB_H
#define SEGTOOLS_LIVEDB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/boot.h"
#include "base/msg.h"
#include "base/secrecy.h"
#include "cut/livelog.h"
#include "format/wal.h"

struct sort;

/* What stat() says of a file; all-zero: it is not there. */
struct livedb_stamp {
	uint64_t dev, ino, size;
	uint64_t mtime, ctime; /* ns */
};

enum { LIVEDB_COUNTERS = 16 };

/* What is known of the state that a transaction sees. */
struct livedb_state {
	uint32_t page_size;
	uint32_t size;        /* pages */
	struct wal_place wal; /* frame 0: all of it is in the file */
	struct livedb_stamp db, log;
	uint64_t seen; /* the clock at the stamps, ns */
	/* of the file's header: change counter, version-valid-for, size,
	 * schema cookie */
	uint8_t counters[LIVEDB_COUNTERS];
	uint8_t boot[BOOT_ID];
	uint32_t commits; /* by the wal-index's count; 0: not known */
};

struct livedb;
/*
 * RC_ABSENT, unreported: the file has no byte.
 *
 * look: make nothing beside it, not even what its owner could make.  A database
 * that nobody has open is then read without a lock.
 */
enum rc livedb_open(
    struct livedb **, const char *path, unsigned busy_ms, bool look);
void livedb_free(struct livedb *); /* NULL-safe */
const struct secrecy *livedb_secrecy(const struct livedb *);

/* Whether the last failure was that somebody else has it locked, or replaced it
 * just then. */
bool livedb_is_busy(const struct livedb *);

/* Begin to read; waits for a busy database, then RC_SYSTEM.  A hot journal, or
 * another file in its place since livedb_open(): RC_SYSTEM. */
enum rc livedb_begin(struct livedb *);
void livedb_end(struct livedb *);

/*
 * Fix the state: livelog_scan() behind *from (NULL: all of the log) up to the
 * last commit.  RC_ABSENT: the log was restarted meanwhile, do all of it again.
 */
enum rc livedb_fix(struct livedb *, const struct wal_place *from,
    struct sort *frames, struct livelog_end *);
const struct livedb_state *livedb_state(const struct livedb *);
struct livelog *livedb_log(struct livedb *);

/* Whether the log goes on behind the fixed state: livelog_goes_on(). */
bool livedb_goes_on(const struct livedb *);

/* n pages of the file from page on; what lies behind its end is zeros. */
enum rc livedb_read(struct livedb *, uint32_t page, uint32_t n, void *);
/* The page in a frame of the log.  RC_ABSENT as above. */
enum rc livedb_read_frame(struct livedb *, uint32_t frame, void *);

/* After the last page was read: RC_ABSENT as above. */
enum rc livedb_still(struct livedb *);

#endif
