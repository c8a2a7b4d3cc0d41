/*
 * json_read: the members of a JSON object (RFC 8259).  Strict, and bounded: what
 * is in members that are objects and arrays is passed over, 16 deep.
 */
#ifndef SEGTOOLS_JSON_READ_H
#define SEGTOOLS_JSON_READ_H

#include <stdbool.h>
#include <stddef.h>

struct json_member {
	const char *name;
	const char *value; /* of a string, or a number as it is written; else
			    * NULL */
	bool is_string;
};

/* Each in order; take() false ends it.  false then, and if it is no object, or
 * has a NUL in a string. */
bool json_object(const char *text, size_t len,
    bool (*take)(void *arg, const struct json_member *), void *arg);

#endif
