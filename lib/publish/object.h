/*
 * object: a file on its way to a store, many at a time: put, and compared if
 * the object was there already.  The data of a segment may be there in either
 * of its forms (content.h); what is compared is its contents.
 */
#ifndef SEGTOOLS_OBJECT_H
#define SEGTOOLS_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/msg.h"
#include "fetch/content.h"
#include "format/key.h"
#include "publish/compress.h"
#include "store/store.h"

struct object_what {
	struct store *store;
	unsigned *running; /* how many are under way; the caller's */
	const char *cluster;
	struct name name;
	enum part part; /* PART_SEGMENT: the data, in whatever form */
	/* The data is put compressed, by these threads; NULL: plain. */
	struct compress *compress;
	char *path; /* of the file; owned from then on */
	/* Of data that is to be verified on its way: its index, owned too, and
	 * how many frames it was seen to have. */
	char *idx_path;
	uint32_t frames;
	const uint32_t *crc; /* of its contents, if known; borrowed */
	/* If the file will be removed then: what it was; borrowed. */
	const struct handover_stamp *spare;
	bool listed; /* it is there: compared at once, so that nothing is asked
		      * to be replaced, though every service should refuse */
	/* It may be there in the other form, beside which it is not put: it is
	 * looked for.  So it is where it is put compressed. */
	bool look;
	bool only_compared; /* with listed: if it is not there, RC_ABSENT */
};

/* What became of it. */
struct object_end {
	bool existed;           /* it was there already */
	enum content_form form; /* of the data, */
	uint64_t stored;        /* and its size, in that form */
};

/*
 * Begin; object_wait() ends it, returns its status and frees it.  Other content
 * than the file's is RC_DATA, and so is data that turns out to be bad: it is given
 * up, and gets no name there.  A file that is gone: RC_OK if the object is
 * there, since then another run has put it; else RC_DATA.
 */
struct object;
struct object *object_put(const struct object_what *);
enum rc object_wait(struct object **, struct object_end *);
void object_free(struct object *); /* NULL-safe; one that is done */

/* Is it there?  RC_ABSENT if not.  And the data, in any form? */
enum rc object_look(struct store *, const char *name);
enum rc object_look_data(
    struct store *, const char *cluster, const struct name *);

#endif
