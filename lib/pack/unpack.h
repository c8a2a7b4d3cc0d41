/*
 * unpack: files of a work directory out of a tar stream, as pack.h makes it or
 * tar itself does of a work directory.
 *
 * Members are verified as they arrive, under temporary names; a pair of .seg and
 * .idx, whichever came first, gets its names when both are there and agree.
 * What is in the directory already: the same is done, what is damaged is
 * replaced, what is whole and another is refused.
 */
#ifndef SEGTOOLS_UNPACK_H
#define SEGTOOLS_UNPACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/msg.h"
#include "format/rec.h"

struct unpack_opts {
	int fd;
	const char *dir; /* must be there */
	/* A pair is durable; a set has ended; there is time to flush what the
	 * two wrote.  What they return but RC_OK ends it all. */
	enum rc (*record)(void *arg, const struct rec *);
	enum rc (*end)(void *arg, bool failed);
	enum rc (*idle)(void *arg);
	void (*moved)(void *arg, uint64_t bytes); /* may be NULL */
	void *arg;
};

/*
 * Until the end of the input.  RC_OK only if it was whole, each stream in it
 * with a set and with its zero blocks.  Of one that was cut short the sets that
 * had ended stand, and the pairs that had come.
 */
enum rc unpack_run(const struct unpack_opts *);

#endif
