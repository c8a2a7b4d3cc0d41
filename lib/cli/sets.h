/*
 * sets: the loop over sets of records that most commands are.
 */
#ifndef SEGTOOLS_SETS_H
#define SEGTOOLS_SETS_H

#include <stdbool.h>

#include "cli/cli.h"
#include "format/rec.h"

/*
 * The loop over sets.  For each set of the input (operands if there are any,
 * else stdin): record() for each record, as it arrives; then end() if the set
 * ended well and all its records could be read and record() took them all, or
 * fail() otherwise: wait for what record() began, or forget it.  Then the loop
 * ends the set in the output: well only if end() returned RC_OK, else with "!".
 * A record() that fails does not keep the next from being called, nor does an
 * idle() that does: what failed of a set stays failed, however the set ends.
 *
 * A set that had failed before ("!") is said to be.  Of a stream that was cut
 * short: fail(), and no end line.  Of one that cannot be read any further:
 * fail(), and "!".  The statuses are collected in cli.rc; operands that are not
 * valid are RC_USAGE, before anything is done.
 */
struct cli_sets {
	enum rec_form form; /* what the input holds */
	/* What does not happen to a set that had failed before: "not merged";
	 * and to what, if that is not the place on stdin. */
	const char *not_done;
	const char *object;
	enum rc (*record)(void *ctx, const struct rec *);
	enum rc (*end)(void *ctx);
	void (*fail)(void *ctx); /* may be NULL */
	/* Waiting for input: keep transfers going; may be NULL. */
	enum rc (*idle)(void *ctx, int fd);
	bool one_set;  /* more than one set is an error (seg-restore) */
	bool own_ends; /* end() ends its sets itself; failed ones the loop */
	bool silent;   /* no end lines: the command prints nothing */
	/* Ends a set in an output that has other ends than lines; or NULL. */
	enum rc (*put_end)(void *ctx, bool failed);
};
/* True if the whole input was read, failed sets or not: not cut short. */
bool cli_each_set(
    struct cli *, char *const *operands, const struct cli_sets *, void *ctx);

/* The namespace of a set that may have one alone.  All-zero at its beginning. */
struct sole_namespace {
	char text[NAMESPACE_MAX + 1];
	bool mixed;
};
/* That of a record, which is taken or compared.  RC_DATA: it is another, as is
 * said of the first that is. */
enum rc sole_namespace_take(struct sole_namespace *, const struct rec *);

#endif
