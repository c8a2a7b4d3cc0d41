/*
 * livelog: the write-ahead log of a live database, and its wal-index, read
 * through SQLite's own file handles inside a read transaction.
 *
 * The wal-index says which frames are committed; the frames themselves, with
 * their running checksum, must agree.
 */
#ifndef SEGTOOLS_LIVELOG_H
#define SEGTOOLS_LIVELOG_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#include "base/msg.h"
#include "format/wal.h"

struct sort;

/* All-zero, then what its owner knows: no log. */
struct livelog {
	const char *path;   /* of the database, for messages; borrowed */
	sqlite3_file *db;   /* SQLite's */
	sqlite3_file *file; /* SQLite's; NULL: there is no log */
	uint32_t page_size; /* of the database */
	struct wal wal;     /* its header, as livelog_scan() found it */
	uint8_t *piece;     /* to read into; its own */
	enum rc failed;     /* a read did, reported: nothing is read any more */
};
void livelog_release(struct livelog *);

/*
 * What the wal-index says is committed: the place of the last commit, frame 0:
 * nothing is in the log; and how many commits it has seen, which begins anew
 * whenever the wal-index is made anew.  False: there is none to be had.
 */
struct livelog_index {
	struct wal_place place;
	uint32_t commits;
};
bool livelog_indexed(struct livelog *, struct livelog_index *);

/* Whether the frame of *place is still in the log, in the same generation.  Where
 * that cannot be read it is not, and all that is read afterwards fails. */
bool livelog_holds(struct livelog *, const struct wal_place *);

/*
 * The committed frames behind *from (NULL: all), each added to frames as a
 * struct livelog_frame.  Frames of a transaction that is still open are none.
 * RC_ABSENT: the log was restarted meanwhile.
 */
struct livelog_frame {
	uint32_t page, frame; /* frame 0: it may have changed, somewhere */
};
int livelog_frame_cmp(const void *, const void *); /* page; newest first */

struct livelog_end {
	struct wal_place place; /* behind the last commit; frame 0: there is
				 * nothing in the log */
	uint32_t size;  /* of the database there, pages; 0: none was read */
	uint32_t least; /* the smallest at any commit read; UINT32_MAX: none */
	uint32_t read;  /* so many commits were read */
	uint32_t last;  /* livelog_tail(): the frame where it ends */
	bool at_end;    /* and so does the file */
	/* What the wal-index said; all zero: there was none. */
	struct livelog_index index;
};
enum rc livelog_scan(struct livelog *, const struct wal_place *from,
    struct sort *frames, struct livelog_end *);

/*
 * What an older generation, which *from is of, has left behind that place: up
 * to where its chain of checksums breaks; its pages as frame 0.  Whether that
 * is all that it ever had is for others to judge: restart.h.  RC_ABSENT: the
 * frame of *from is not in its place, or not any more; or the file ends within
 * a frame.
 */
enum rc livelog_tail(struct livelog *, const struct wal_place *from,
    struct sort *frames, struct livelog_end *);

/*
 * Whether the wal-index still shows that the frame was the last one of an older
 * generation.  Its entries stay until the block of some 4000 of them that they
 * are in is begun anew.
 */
bool livelog_shows_end(struct livelog *, uint32_t frame);

/* The page in a frame.  RC_ABSENT as above. */
enum rc livelog_page(struct livelog *, uint32_t frame, void *);

/*
 * Whether frames are in the log behind what the wal-index said at the scan: of a
 * transaction that is open, or was rolled back; or of one whose commit is being
 * made durable, and will be there without another write to any file.
 */
bool livelog_goes_on(struct livelog *, const struct livelog_index *scanned);

/* Whether the log is still of the generation that was scanned; else RC_ABSENT. */
enum rc livelog_still(struct livelog *);

#endif
