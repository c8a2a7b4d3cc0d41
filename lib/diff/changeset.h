/*
 * changeset: what leads from one state to another in the format of SQLite's
 * session extension, on stdout.
 */
#ifndef SEGTOOLS_CHANGESET_H
#define SEGTOOLS_CHANGESET_H

#include "diff/diff.h"

/* RC_DATA: something has changed that the format cannot hold, which is
 * reported; the rest is written.  SQLite's own tables are left out. */
enum rc changeset_write(struct diff *);

#endif
