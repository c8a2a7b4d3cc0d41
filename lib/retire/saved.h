/*
 * saved: small objects of a store, kept in a scratch file so that they can be put
 * again.
 */
#ifndef SEGTOOLS_SAVED_H
#define SEGTOOLS_SAVED_H

#include <stdint.h>

#include "base/file.h"
#include "base/msg.h"
#include "store/store.h"

struct saved {
	struct file *file;
	uint64_t size;
};
/* Where one is.  All-zero: it is not. */
struct saved_place {
	uint64_t at;
	uint32_t len;
};

/* One that is not there is RC_OK, and not saved. */
enum rc saved_take(
    struct saved *, struct store *, const char *object, struct saved_place *);
/* One that was not saved is RC_SYSTEM. */
enum rc saved_put(const struct saved *, struct store *, const char *object,
    const struct saved_place *);
void saved_release(struct saved *);

#endif
