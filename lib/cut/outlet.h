/*
 * outlet: stdout for a writer that does not wait for its reader: one set at a
 * time is kept, and written as far as there is room.
 */
#ifndef SEGTOOLS_OUTLET_H
#define SEGTOOLS_OUTLET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/msg.h"

/* All-zero is empty. */
struct outlet {
	struct buf set; /* to be written: add to it when it is idle */
	size_t done;    /* of it */
	bool begun;     /* something was written, or will be */
	enum rc rc;     /* RC_SYSTEM, reported: it cannot be written to */
};

bool outlet_is_idle(const struct outlet *);
/* Write what there is room for; wait: all of it.  Notices a reader that has
 * gone, too. */
void outlet_push(struct outlet *, bool wait);
void outlet_release(struct outlet *);

#endif
