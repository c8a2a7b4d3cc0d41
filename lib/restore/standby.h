/*
 * standby: where a copy of a database that seg-restore -u keeps stands: the file
 * DB-seg beside DB.
 *
 * Text: the line "segtools-standby 1", then one line or two, each of
 *
 *   NAMESPACE END TIME SUM PAGESIZE PAGES INODE BYTES MTIME CRC
 *
 * joined by TABs: the state (TIME in ms, SUM the XOR of the pages' hashes in hex
 * or "-"), the stamps of the file that holds it (MTIME in ns), and the CRC-32 of
 * what stands before in the line.  An update writes the state that is and the
 * one that comes before it puts the new file in place: so whenever it is killed,
 * one of the two is that of the file that is there.
 */
#ifndef SEGTOOLS_STANDBY_H
#define SEGTOOLS_STANDBY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/msg.h"
#include "format/key.h"
#include "format/segment.h"
#include "format/sum.h"

struct standby {
	char namespace[NAMESPACE_MAX + 1];
	uint64_t end, time;
	bool has_sum;
	struct seg_sum sum;
	uint32_t page_size, size; /* in bytes, in pages */
	/* The file, as it was when it was written. */
	uint64_t inode, bytes, mtime;
};

/*
 * Where DB, or what it links to, stands.  RC_ABSENT: there is no DB.  RC_OK with *why not NULL: it
 * cannot be said, and this is why ("has no ...-seg", "was changed since").
 * RC_DATA or RC_SYSTEM reported: it cannot be read.
 */
enum rc standby_read(const char *db, struct standby *, const char **why);

/* Take the stamps of a file: of DB when it is in place, or of the one that will
 * be renamed to it, which keeps them. */
enum rc standby_stamp(struct standby *, int fd, const char *name);

/* Write DB-seg: what is (NULL: nothing) and what comes.  Who may read and write
 * DB, if it is there, may do so with it; by root it has DB's owner. */
enum rc standby_write(
    const char *db, const struct standby *is, const struct standby *comes);

#endif
