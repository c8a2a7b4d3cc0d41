/*
 * open_store: the store that a command's options name.
 */
#ifndef SEGTOOLS_OPEN_STORE_H
#define SEGTOOLS_OPEN_STORE_H

#include <stdbool.h>

#include "cli/cli.h"

struct store;

/* Open the store that the options name; none named is RC_USAGE.  The cluster
 * is checked too. */
enum rc cli_store(struct cli *, bool create, struct store **);

#endif
