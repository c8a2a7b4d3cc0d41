/*
 * retained: until when a segment of a store is not to be removed.
 *
 * It has to be asked before: where objects are locked, a removal that does not
 * name a version is answered as if it were one, and hides them.
 */
#ifndef SEGTOOLS_RETAINED_H
#define SEGTOOLS_RETAINED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/msg.h"
#include "store/store.h"

/* One object that is asked, beside others. */
struct retained {
	char *object;
	struct store_xfer xfer;
	uint64_t *until;
	enum rc *rc;
};

/* Begin; object is owned from here on.  Until store_wait() has come back, what it
 * says is added to *until (see store.h; the later of two counts) and *rc.  An
 * object that is not there is not retained. */
void retained_ask(struct store *, struct retained *, char *object,
    uint64_t *until, enum rc *rc);

/* Is it so still? */
bool retained_holds(uint64_t until);
/* "retained until TIME": RC_DATA; with allowed said under -v, RC_OK. */
enum rc retained_tell(const char *name, uint64_t until, bool allowed);

#endif
