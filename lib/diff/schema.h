/*
 * schema: what is in a database: tables, indexes, views, triggers.
 */
#ifndef SEGTOOLS_SCHEMA_H
#define SEGTOOLS_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include "diff/side.h"

enum object_type {
	OBJECT_TABLE,
	OBJECT_VIRTUAL, /* table */
	OBJECT_INDEX,
	OBJECT_VIEW,
	OBJECT_TRIGGER
};

struct object {
	enum object_type type;
	char *name, *table; /* table: which it is of; or itself */
	char *sql;          /* the statement that makes it, and no other */
	uint32_t root;      /* page */
};

/* In the order in which they were made.  Not in here are SQLite's own: indexes
 * of a key, and sqlite_sequence, which has_sequence tells of. */
struct schema {
	struct object *object;
	size_t n;
	const struct object **sorted; /* by type and name */
	bool has_sequence;
};
enum rc schema_read(struct schema *, struct side *);
void schema_release(struct schema *);

/* NULL: there is none of that type; names are compared as SQLite does. */
const struct object *schema_find(
    const struct schema *, enum object_type, const char *name);

/* Is it the name of a table that belongs to the virtual table? */
bool schema_is_shadow(const char *name, const char *of);
/* Does it belong to one of this schema's?  That one, or NULL. */
const struct object *schema_shadow_of(const struct schema *, const char *name);

#endif
