/*
 * claim: small objects beside the namespaces of a store by which writers and
 * removers keep out of each other's way.
 *
 *   .../claims/NAMESPACE/END      who publishes the segment that continues END
 *   .../claims/NAMESPACE/removal  who removes segments of the namespace
 *
 * They are created where nothing is, the one write that every service with
 * conditions gets right, and hold lines of text: seg-segment(5).  That a claim
 * was made is no proof of anything by itself: services without conditions let
 * two make it, and claims may be removed or taken over at any time.  So whoever
 * acts on one looks again, before at what it is about and afterwards at the
 * claim: see publish.c and retire.c.
 */
#ifndef SEGTOOLS_CLAIM_H
#define SEGTOOLS_CLAIM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/msg.h"
#include "base/process.h"
#include "format/key.h"
#include "store/store.h"

enum { CLAIM_MAX = 4096, CLAIM_WRITER_MAX = 37, CLAIM_NAME_MAX = 24 };

struct claim {
	bool removal; /* of a remover; else of who publishes key */
	struct key key;
	char writer[CLAIM_WRITER_MAX]; /* UUID: see writer.h; or "" */
	struct process by;
	uint64_t time; /* when it was made, ms since 1970 */
	/* Whoever made it has not published under it and never will: anybody
	 * may have it.  Overwritten and not removed, since writers need no right
	 * to remove. */
	bool given_up;
	/* Not in its text: who may not read the segment may not read this. */
	struct secrecy secrecy;
};

void claim_encode(struct buf *, const struct claim *);
bool claim_decode(struct claim *, const char *text, size_t len);
/* "HOST (process 123) at TIME", for messages; malloced. */
char *claim_who(const struct claim *);

/* Their names below claims_prefix(): of an END in 20 digits, so that they are
 * listed in order. */
#define CLAIM_REMOVAL "removal"
const char *claim_name(uint64_t end, char name[CLAIM_NAME_MAX]);
bool claim_name_parse(const char *name, bool *removal, uint64_t *end);
/* The objects; malloced. */
char *claim_object(
    const char *cluster, const char *namespace, const char *name);

/* RC_ABSENT, unreported: none is there.  What is none, or too large: RC_DATA. */
enum rc claim_read(struct store *, const char *object, struct claim *);
/* For who can do without: what is none is not reported. */
enum rc claim_look(struct store *, const char *object, struct claim *);
/* existed: there is one already; with NULL that one is replaced. */
enum rc claim_write(
    struct store *, const char *object, const struct claim *, bool *existed);
/*
 * Make it where none is, or read the one that is there: *existed.  say: report
 * what is none.
 */
enum rc claim_make(struct store *, const char *object, const struct claim *mine,
    bool say, bool *existed, struct claim *theirs);
enum rc claim_remove(struct store *, const char *object);

/* The same while other work goes on.  All-zero; object is owned from here on.
 * claim_read_end(), which is claim_look(), and claim_write_end() wait and
 * release. */
struct claim_op {
	char *object; /* NULL: nothing was begun */
	struct store_xfer xfer;
	struct buf text;
	bool done;
	enum rc rc;
};
void claim_read_begin(struct store *, struct claim_op *, char *object);
void claim_write_begin(struct store *, struct claim_op *, char *object,
    const struct claim *, bool replace);
enum rc claim_read_end(struct claim_op *, struct claim *);
enum rc claim_write_end(struct claim_op *, bool *existed);

/* For who waits until deadline (ms, monotonic) for what another does: sleep,
 * longer each time; false: the time is up. */
struct patience {
	uint64_t deadline, step;
};
void patience_begin(struct patience *, unsigned ms);
bool patience_wait(struct patience *);

#endif
