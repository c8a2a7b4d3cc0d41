/*
 * read_ahead: which pages will be asked for next.  Pure.
 *
 * A scan of a b-tree asks for pages in nearly ascending order; several go on at
 * once.  A page that follows one of the last few asked for at a small distance
 * goes on with its scan; what is asked for beforehand doubles each time, so that
 * at no time much more was fetched than was used.  A descent from root to leaf
 * looks like no scan.
 */
#ifndef SEGTOOLS_READ_AHEAD_H
#define SEGTOOLS_READ_AHEAD_H

#include <stdint.h>

enum {
	READ_AHEAD_SCANS = 8, /* at once */
	READ_AHEAD_NEAR = 8,  /* pages */
	READ_AHEAD_FIRST = 4
};

/* All-zero at first. */
struct read_ahead {
	struct {
		uint32_t last;   /* page asked for; 0: none */
		uint64_t until;  /* asked for beforehand are those below */
		uint32_t step;   /* at a time; 0: no scan yet */
		uint64_t used;   /* pages so far */
		uint64_t moment; /* of last */
	} scan[READ_AHEAD_SCANS];
	uint64_t moments;
};

/* A page is asked for: how many pages from *from on to ask for beforehand;
 * at most most. */
uint32_t read_ahead(
    struct read_ahead *, uint32_t page, uint32_t most, uint64_t *from);

#endif
