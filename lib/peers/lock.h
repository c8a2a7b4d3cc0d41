/*
 * lock: one remover at a time for a namespace.
 *
 * The lock is a claim (claim.h) with a process in it, so that one on this
 * machine that is dead is known to be.  It is made where none is; a dead one's
 * is replaced, which two might do at the same moment, and services without
 * conditional writes let two make it: hence retire.c judges a second time
 * before it removes what cannot be got back.
 */
#ifndef SEGTOOLS_LOCK_H
#define SEGTOOLS_LOCK_H

#include <stdbool.h>

#include "base/msg.h"
#include "store/store.h"

/* Take it, waiting for others so long, and then with force all the same; else
 * RC_SYSTEM, which names who has it.  *sure: nobody else can have it.  What the
 * one before removed does not come back. */
enum rc lock_take(struct store *, const char *cluster, const char *namespace,
    unsigned busy_ms, bool force, bool *sure);
/* Unless another has it now.  What cannot be released holds others up. */
enum rc lock_release(
    struct store *, const char *cluster, const char *namespace);

/* Wait until nobody has it who may be alive; *was: somebody had it. */
enum rc lock_wait(struct store *, const char *cluster, const char *namespace,
    unsigned busy_ms, bool *was);

#endif
