/*
 * deadclaim: claims and locks that dead ones left.
 */
#ifndef SEGTOOLS_DEADCLAIM_H
#define SEGTOOLS_DEADCLAIM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/msg.h"
#include "peers/claim.h"
#include "store/store.h"

/* What may still be an upload in progress is no orphan. */
#define ORPHAN_AGE (24 * 60 * 60 * UINT64_C(1000))

/* A claim as it is listed. */
struct claim_entry {
	char name[CLAIM_NAME_MAX];
	bool removal;      /* a remover's lock */
	uint64_t end;      /* else: the END that is claimed */
	uint64_t bytes;    /* of the object */
	uint64_t modified; /* ms since 1970 */
};

/* Those of a namespace; what is none is passed over, said under -v. */
enum rc deadclaim_list(struct store *, const char *cluster,
    const char *namespace,
    enum rc (*each)(void *arg, const struct claim_entry *), void *arg);

/*
 * Is its owner known to be dead, or has it been there for longer than a day?
 * One that is behind the newest END means nothing any more: then its age alone
 * counts.  RC_ABSENT: it has gone.
 */
enum rc deadclaim_is_dead(struct store *, const char *cluster,
    const char *namespace, const struct claim_entry *, uint64_t newest,
    bool *dead);

#endif
