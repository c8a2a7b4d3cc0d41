/*
 * object: a file on its way to a store, many at a time: put, and compared if
 * the object was there already.
 */
#ifndef SEGTOOLS_OBJECT_H
#define SEGTOOLS_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/msg.h"
#include "store/store.h"

struct object {
	struct store *store;
	unsigned *running; /* how many are under way; the caller's */
	char *name;
	char *path;          /* of the file */
	const uint32_t *crc; /* of its contents, if known; borrowed */
	/* If the file will be removed then: what it was; borrowed. */
	const struct handover_stamp *spare;
	enum store_kind kind;
	bool listed; /* it is there: compared at once, so that nothing is asked
		      * to be replaced, though every service should refuse */

	bool existed; /* it was there already */
	bool done;
	enum rc rc;

	/* object.c's own. */
	struct file *file;
	struct store_xfer xfer;
	uint64_t size, at;
	bool put;
};

/*
 * Begin; name and path are owned from here on.  object_wait() ends it, returns its status and frees it.  Other content
 * than the file's is RC_DATA.  A file that is gone: RC_OK if the object is
 * there, since then another run has put it; else RC_DATA.
 */
struct object *object_put(struct store *, unsigned *running, char *name,
    char *path, enum store_kind kind, const uint32_t *crc,
    const struct handover_stamp *spare, bool listed);
enum rc object_wait(struct object **, bool *existed);
void object_free(struct object *); /* NULL-safe; one that is done */

/* Is it there?  RC_ABSENT if not. */
enum rc object_look(struct store *, const char *name);

#endif
