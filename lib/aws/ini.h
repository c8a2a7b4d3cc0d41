/*
 * ini: AWS's files, read as its own tools read them (Python's configparser, as
 * botocore sets it up):
 *
 *   - a line that begins with "#" or ";", whatever its indent, is a comment;
 *     behind a value it is part of that; behind "[section]" all is passed over
 *   - an option is KEY=VALUE or KEY: VALUE, the key in capitals or not
 *   - what is indented deeper than the option above goes on with its value
 *   - a value that begins on the next line holds options itself, KEY=VALUE
 *
 * More than they do, a byte order mark is passed over, and so is what is no
 * line of these.
 */
#ifndef SEGTOOLS_INI_H
#define SEGTOOLS_INI_H

#include "base/msg.h"

struct ini_option {
	const char *section; /* "default", "profile NAME" */
	const char *parent;  /* the option that holds it, or NULL */
	const char *key;     /* in lower case */
	const char *value;   /* "\n" between its lines */
};

/*
 * Each option of a file, in order.  A file that is not there, is none or must
 * not be read says nothing (said under -v); one that is too large, or
 * cannot be read to its end, is RC_USAGE.
 */
enum rc ini_read(const char *path,
    void (*take)(void *arg, const struct ini_option *), void *arg);

#endif
