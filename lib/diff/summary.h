/*
 * summary: how many rows of which tables differ, on stdout.
 */
#ifndef SEGTOOLS_SUMMARY_H
#define SEGTOOLS_SUMMARY_H

#include "diff/diff.h"

/* A line for each table that has changed: its name, rows inserted, updated,
 * deleted, by TABs. */
enum rc summary_write(struct diff *);

#endif
