/*
 * script: SQL that leads from one state to another, on stdout.
 *
 * One transaction; its last line, COMMIT, comes only if all went well.  In each
 * table rows go before others come, so that values that must be unique may change
 * places; those that come wait in a scratch file.
 */
#ifndef SEGTOOLS_SCRIPT_H
#define SEGTOOLS_SCRIPT_H

#include "diff/diff.h"

enum rc script_write(struct diff *);

#endif
