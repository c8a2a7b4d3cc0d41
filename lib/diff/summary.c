/* summary: see summary.h. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/output.h"
#include "diff/summary.h"

struct counts {
	uint64_t inserted, updated, deleted;
};

static enum rc
count(void *arg, const struct row_change *c)
{
	struct counts *n = arg;

	if (c->same)
		return RC_OK;
	n->inserted += c->to && !c->from;
	n->deleted += c->from && !c->to;
	n->updated += (c->from != NULL) == (c->to != NULL);
	return RC_OK;
}

/* What a name may hold that is no part of a line is written as seg-query does. */
static void
put_name(const char *name)
{
	static const char special[] = "\t\n\r\\", letter[] = "tnr\\";

	for (; *name; name++) {
		const char *at = strchr(special, *name);

		if (at)
			putchar('\\');
		putchar(at ? letter[at - special] : *name);
	}
}

/* SQLite's own tables are no user's. */
static bool
is_own(const char *name)
{
	return strncasecmp(name, "sqlite_", 7) == 0;
}

enum rc
summary_write(struct diff *d)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < d->n; i++) {
		const struct diff_table *t = &d->table[i];
		const char *name = t->to ? t->to->name : t->from->name;
		struct counts n = {0};
		struct rowdiff rows = {.change = count, .arg = &n};

		if (is_own(name) && !*d->wanted)
			continue;
		rc = diff_rows(d, t, &rows);
		if (rc || n.inserted + n.updated + n.deleted == 0)
			continue;
		output_begin();
		put_name(name);
		printf("\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\n", n.inserted,
		    n.updated, n.deleted);
		rc = output_check();
	}
	return rc;
}
