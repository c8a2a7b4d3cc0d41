/*
 * pages: the pages of one committed state of a live database, in page order:
 * the file's, overlaid with the newest frame of each that the log has.
 */
#ifndef SEGTOOLS_PAGES_H
#define SEGTOOLS_PAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/msg.h"
#include "cut/livedb.h"

struct sort;

/* All-zero is empty. */
struct pages {
	struct livedb *db;
	uint8_t *buf;
	/* Of the log, by page, newest first; and what else is to be named. */
	struct sort *frames;
	struct livelog_frame next; /* of them; page 0: no more */
	/* So many more of total bytes of the database were read; may be NULL.
	 */
	void (*progress)(void *arg, uint64_t bytes, uint64_t total);
	void *progress_arg;
};

enum rc pages_init(struct pages *, struct livedb *);
void pages_release(struct pages *); /* not the livedb */

/* livedb_begin() and livedb_fix(): the same statuses. */
enum rc pages_begin(struct pages *);
enum rc pages_fix(
    struct pages *, const struct wal_place *from, struct livelog_end *);

/*
 * Each page but the lock page: all of them; or those that frames names.  Ends
 * with the first that is not RC_OK.  RC_ABSENT: the log was restarted
 * meanwhile.
 */
struct page {
	struct livelog_frame at; /* frame 0: in the file */
	bool named;              /* by frames */
	const void *bytes;
};
typedef enum rc pages_fn(void *arg, const struct page *);
enum rc pages_each(struct pages *, pages_fn *, void *arg);
enum rc pages_each_named(struct pages *, pages_fn *, void *arg);

/* One of them again; the bytes are borrowed until the next call. */
enum rc pages_again(
    struct pages *, const struct livelog_frame *, const void **bytes);

#endif
