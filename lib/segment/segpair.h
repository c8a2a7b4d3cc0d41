/*
 * segpair: a segment as two files: checking them against each other.
 */
#ifndef SEGTOOLS_SEGPAIR_H
#define SEGTOOLS_SEGPAIR_H

#include <stdbool.h>

#include "base/file.h"
#include "format/key.h"
#include "format/segment.h"

/*
 * Open them.  RC_ABSENT, unreported: the data has gone, which goes first where
 * both are moved away; data without an index is RC_DATA.
 */
enum rc segpair_open(struct file **seg, struct file **idx, const char *seg_path,
    const char *idx_path);

/* What the data's header says, which is checked against key and length, no
 * more. */
enum rc segpair_header(
    struct file *seg, const struct key *, struct seg_header *);

/*
 * Check a pair of files as segstream.h does; idx NULL: the data alone.
 * bad_index as there; without it the index may be a bare FST.
 */
enum rc segpair_check(struct file *seg, struct file *idx, const struct key *,
    struct seg_header *, bool *bad_index);

/*
 * The same of a pair whose data somebody else reads: what to give him is in
 * check.  All-zero, then what is asked; whole is set at the end of a reading that
 * found it good.
 */
struct segpair {
	struct file *seg, *idx; /* borrowed */
	struct key key;
	uint32_t frames; /* so many were seen before */
	struct file_check check;
	bool whole;

	/* segpair.c's own. */
	struct file_map map;
	struct segstream *stream;
};
void segpair_init(struct segpair *);
void segpair_release(struct segpair *);

#endif
