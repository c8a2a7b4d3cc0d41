/*
 * dbcheck: SQLite's own check of a database file.
 */
#ifndef SEGTOOLS_DBCHECK_H
#define SEGTOOLS_DBCHECK_H

#include "base/msg.h"

enum dbcheck { DBCHECK_NONE, DBCHECK_QUICK, DBCHECK_FULL };

/*
 * Of the file at path, called name in messages, which nobody changes: nothing is
 * locked, nor made beside it.  What is damaged is RC_DATA.  A check that cannot
 * be run, since the database needs a collation, a function or a module that is
 * not here, says nothing about the data: RC_USAGE, naming it.
 */
enum rc dbcheck(const char *path, const char *name, enum dbcheck);

#endif
