/* retained: see retained.h. */

#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "retire/retained.h"

static void
answered(struct store_xfer *x, enum rc rc)
{
	struct retained *a = x->arg;

	if (rc == RC_OK && x->retained > *a->until)
		*a->until = x->retained;
	*a->rc = rc_max(*a->rc, rc == RC_ABSENT ? RC_OK : rc);
	free(a->object);
}

void
retained_ask(struct store *store, struct retained *a, char *object,
    uint64_t *until, enum rc *rc)
{
	a->object = object;
	a->until = until;
	a->rc = rc;
	a->xfer = (struct store_xfer){.verb = STORE_HEAD,
	    .retention = true,
	    .object = object,
	    .done = answered,
	    .arg = a};
	store_start(store, &a->xfer);
}

bool
retained_holds(uint64_t until)
{
	return until > time_now();
}

enum rc
retained_tell(const char *name, uint64_t until, bool allowed)
{
	char text[TIME_TEXT_MAX], when[TIME_TEXT_MAX + 8];

	if (until == STORE_UNKNOWN)
		snprintf(when, sizeof(when), "by a legal hold");
	else
		snprintf(
		    when, sizeof(when), "until %s", time_text(until, text));
	if (!allowed)
		return msg_fail(RC_DATA, "%s: retained %s", name, when);
	msg_info("%s: retained %s", name, when);
	return RC_OK;
}
