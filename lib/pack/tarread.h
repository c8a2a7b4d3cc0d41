/*
 * tarread: the members of a tar stream, as they arrive.  libarchive reads the
 * headers (ustar, pax, GNU's long names; no filters); what it lets pass and a
 * reader that fails closed must not is asked here: how a stream ends, how long
 * headers are, whether sizes agree, what is no plain file.
 *
 * Several streams one after the other, as cat joins them, are one input.
 * Memory is bounded whatever the input says.
 */
#ifndef SEGTOOLS_TARREAD_H
#define SEGTOOLS_TARREAD_H

#include <stdint.h>
#include <sys/types.h>

#include "base/msg.h"

struct tar_member {
	const char *path; /* without a leading "./"; "" if there is none */
	enum { TAR_FILE, TAR_DIRECTORY, TAR_OTHER } kind;
	const char *what; /* TAR_OTHER: "a link" and the like */
	uint64_t size;
	mode_t mode;
};

enum tar_event {
	TAR_MEMBER, /* *m holds until the next call */
	TAR_ZEROS,  /* the two zero blocks that end a stream */
	TAR_EOF,    /* the input ended behind them */
	TAR_CUT,    /* it ended elsewhere, or is no tar; reported */
	TAR_ERROR   /* it could not be read; reported */
};

struct tarread;
/* idle(), which may be NULL, is called before a read that would wait. */
struct tarread *tarread_new(int fd, void (*idle)(void *arg), void *arg);
void tarread_free(struct tarread *); /* NULL-safe */

/* What of a member was not read is passed over.  The last three events come
 * again and again. */
enum tar_event tarread_next(struct tarread *, struct tar_member *);
/*
 * The next piece of a TAR_FILE, borrowed until the next call of either; *len 0:
 * that was all, exactly size bytes.  A failure is one of the stream, reported,
 * and what tarread_next() then says.
 */
enum rc tarread_data(struct tarread *, const void **data, size_t *len);

#endif
