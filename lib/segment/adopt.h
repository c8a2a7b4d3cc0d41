/*
 * adopt: pairs of verified temporary files get their names in a work directory,
 * whatever has them already: what is there, whole, and the same is done; what is
 * damaged is replaced; what is whole and another stays, and is an error.  Two
 * processes may adopt the same segment at once.
 */
#ifndef SEGTOOLS_ADOPT_H
#define SEGTOOLS_ADOPT_H

#include <stddef.h>

#include "base/file.h"
#include "format/key.h"

struct adopt {
	struct name name;
	struct file *file[2]; /* by enum part; made without FILE_REPLACE */
	enum rc rc;           /* what became of it; reported */
};

enum { ADOPT_MAX = 32 };

/* Many at once, ADOPT_MAX at most, since each fsync takes its time.  All files
 * are closed. */
void adopt_pairs(struct adopt *, size_t n);

#endif
