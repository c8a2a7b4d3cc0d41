/*
 * diff: two states, and what of their schemas and tables may differ.
 */
#ifndef SEGTOOLS_DIFF_H
#define SEGTOOLS_DIFF_H

#include "diff/rowdiff.h"
#include "diff/schema.h"

/* A table of one or both of them. */
struct diff_table {
	const struct object *from, *to; /* or NULL */
	/* Of another schema, or made anew with its virtual table. */
	bool rebuilt;
};

struct diff {
	struct pair pair;
	struct unchanged unchanged;
	struct schema from, to;
	/* That were asked for; NULL: all. */
	char *const *wanted;
	struct diff_table *table; /* by name */
	size_t n;
};

/*
 * wanted: names of tables, ending in NULL; none: all.  One that neither state
 * has is RC_USAGE.  Virtual tables are told.  *d must stay where it is.
 */
enum rc diff_open(struct diff *d, const struct state_opts *,
    const struct side_plan *from, const struct side_plan *to,
    char *const *wanted);
void diff_close(struct diff *);

/* Is what belongs to a table of that name asked for? */
bool diff_wants(const struct diff *, const char *table);
/* Is the object, of either schema, the same in the other one, and the table that
 * it belongs to not made anew? */
bool diff_keeps(const struct diff *, const struct object *);
/* The table of that name; NULL: none. */
const struct diff_table *diff_find(const struct diff *, const char *name);

/* change() for each row of the table that differs, with both tables in *r as
 * long as this runs. */
enum rc diff_rows(struct diff *, const struct diff_table *, struct rowdiff *r);

#endif
