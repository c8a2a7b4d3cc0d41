/*
 * open_store: the store that a command's options name.
 */
#ifndef SEGTOOLS_OPEN_STORE_H
#define SEGTOOLS_OPEN_STORE_H

#include <stdbool.h>

#include "cli/cli.h"
#include "store/store.h"

/* What a command asks of it beside the options that all have. */
struct cli_store_opts {
	bool create; /* see store.h */
	bool hidden;
	struct store_keep keep;
};

/* Open the store that the options name; none named is RC_USAGE.  The cluster
 * is checked too. */
enum rc cli_store(struct cli *, bool create, struct store **);
enum rc cli_store_with(
    struct cli *, const struct cli_store_opts *, struct store **);

#endif
