/*
 * targets: which databases are cut, each under which namespace.
 */
#ifndef SEGTOOLS_TARGETS_H
#define SEGTOOLS_TARGETS_H

#include <stddef.h>

#include "base/msg.h"

struct target {
	char *namespace, *path;
};

/* All-zero is empty. */
struct targets {
	struct target *t; /* in the order of what they were read from */
	size_t n, cap;
};

/*
 * Of operands, NAMESPACE DB NAMESPACE DB ..., or of a file's lines, NAMESPACE
 * TAB DB ("-": standard input), of which those that are empty or begin with "#"
 * are passed over.  RC_USAGE, reported: what is no namespace, an empty name of
 * a database, a namespace twice, a line that is none of these, a file that is
 * not there, or nothing at all.
 */
enum rc targets_of_operands(struct targets *, char *const *operands);
enum rc targets_of_list(struct targets *, const char *file);
/* While databases are cut: from a file alone, since a pipe can keep its reader
 * waiting for ever. */
enum rc targets_of_list_again(struct targets *, const char *file);

/* For each of new the place of the same pair in old, or SIZE_MAX; malloced. */
size_t *targets_match(const struct targets *new, const struct targets *old);
void targets_release(struct targets *);

#endif
