/* diff: see diff.h. */

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "diff/diff.h"

/* ---- what is asked for ---- */

bool
diff_wants(const struct diff *d, const char *table)
{
	if (!*d->wanted)
		return true;
	for (char *const *w = d->wanted; *w; w++) {
		bool is_virtual = schema_find(&d->from, OBJECT_VIRTUAL, *w) ||
				  schema_find(&d->to, OBJECT_VIRTUAL, *w);

		if (strcasecmp(*w, table) == 0 ||
		    (is_virtual && schema_is_shadow(table, *w)))
			return true;
	}
	return false;
}

static bool
has_table(const struct schema *s, const char *name)
{
	return schema_find(s, OBJECT_TABLE, name) ||
	       schema_find(s, OBJECT_VIRTUAL, name);
}

static enum rc
check_wanted(const struct diff *d)
{
	enum rc rc = RC_OK;

	for (char *const *w = d->wanted; *w; w++)
		if (!has_table(&d->from, *w) && !has_table(&d->to, *w))
			rc = msg_fail(
			    RC_USAGE, "%s: no such table in either state", *w);
	return rc;
}

static void
tell_virtual(const struct diff *d, const struct schema *s)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct object *o = &s->object[i];

		if (o->type != OBJECT_VIRTUAL || !diff_wants(d, o->name) ||
		    (s == &d->to &&
			schema_find(&d->from, OBJECT_VIRTUAL, o->name)))
			continue;
		msg_warn("%s: a virtual table: its shadow tables are compared",
		    o->name);
	}
}

/* ---- objects ---- */

const struct diff_table *
diff_find(const struct diff *d, const char *name)
{
	size_t lo = 0, hi = d->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct diff_table *t = &d->table[mid];
		int cmp = strcasecmp(t->to ? t->to->name : t->from->name, name);

		if (cmp == 0)
			return t;
		if (cmp < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

/* The same but for what it belongs to. */
static const struct object *
twin(const struct schema *other, const struct object *o)
{
	const struct object *x = schema_find(other, o->type, o->name);

	return x && strcmp(x->name, o->name) == 0 &&
		       strcmp(x->table, o->table) == 0 &&
		       strcmp(x->sql, o->sql) == 0
		   ? x
		   : NULL;
}

static bool
is_of(const struct schema *s, const struct object *o)
{
	return o >= s->object && o < s->object + s->n;
}

bool
diff_keeps(const struct diff *d, const struct object *o)
{
	const struct schema *own = is_of(&d->from, o) ? &d->from : &d->to;
	const struct schema *other = own == &d->from ? &d->to : &d->from;
	const struct diff_table *t;
	const struct object *view;

	if (!twin(other, o))
		return false;
	if (o->type == OBJECT_VIEW || o->type == OBJECT_VIRTUAL)
		return true;
	t = diff_find(d, o->table);
	if (t)
		return t->from && t->to && !t->rebuilt;
	/* A trigger of a view. */
	view = schema_find(own, OBJECT_VIEW, o->table);
	return !view || twin(other, view);
}

/* ---- tables ---- */

static int
by_name(const void *a, const void *b)
{
	const struct diff_table *x = a, *y = b;

	return strcasecmp(x->to ? x->to->name : x->from->name,
	    y->to ? y->to->name : y->from->name);
}

/* It comes and goes with a virtual table that is not the same. */
static bool
is_of_other(const struct diff *d, const char *name)
{
	const struct object *from = schema_shadow_of(&d->from, name);
	const struct object *to = schema_shadow_of(&d->to, name);

	if (!from && !to)
		return false;
	return !from || !to || !twin(&d->to, from);
}

static void
add_table(struct diff *d, const struct object *from, const struct object *to)
{
	d->table[d->n++] = (struct diff_table){
	    .from = from,
	    .to = to,
	    .rebuilt =
		from && to && (!twin(&d->to, from) || is_of_other(d, to->name)),
	};
}

/* Where there is no difference none is looked at. */
static void
list_tables(struct diff *d)
{
	d->table = xcalloc(d->from.n + d->to.n + 1, sizeof(*d->table));
	if (d->unchanged.all)
		return;
	for (size_t i = 0; i < d->to.n; i++) {
		const struct object *o = &d->to.object[i];

		if (o->type == OBJECT_TABLE && diff_wants(d, o->name))
			add_table(
			    d, schema_find(&d->from, OBJECT_TABLE, o->name), o);
	}
	for (size_t i = 0; i < d->from.n; i++) {
		const struct object *o = &d->from.object[i];

		if (o->type == OBJECT_TABLE && diff_wants(d, o->name) &&
		    !schema_find(&d->to, OBJECT_TABLE, o->name))
			add_table(d, o, NULL);
	}
	qsort(d->table, d->n, sizeof(*d->table), by_name);
}

enum rc
diff_rows(struct diff *d, const struct diff_table *t, struct rowdiff *r)
{
	struct table from = {0}, to = {0};
	enum rc rc = RC_OK;

	r->unchanged = &d->unchanged;
	if (t->from) {
		rc = table_open(&from, &d->pair.from, t->from->name,
		    t->from->sql, t->from->root);
		r->from = &from;
	}
	if (rc == RC_OK && t->to) {
		rc = table_open(
		    &to, &d->pair.to, t->to->name, t->to->sql, t->to->root);
		r->to = &to;
	}
	if (rc == RC_OK)
		rc = rowdiff_run(r);
	r->from = r->to = NULL;
	table_close(&from);
	table_close(&to);
	return rc;
}

/* ---- both ---- */

enum rc
diff_open(struct diff *d, const struct state_opts *o,
    const struct side_plan *from, const struct side_plan *to,
    char *const *wanted)
{
	enum rc rc;

	memset(d, 0, sizeof(*d));
	d->wanted = wanted;
	rc = pair_open(&d->pair, o, from, to);
	if (rc == RC_OK)
		rc = unchanged_init(&d->unchanged, &d->pair);
	if (rc == RC_OK)
		rc = schema_read(&d->from, &d->pair.from);
	if (rc == RC_OK)
		rc = schema_read(&d->to, &d->pair.to);
	if (rc == RC_OK)
		rc = check_wanted(d);
	if (rc)
		return rc;
	list_tables(d);
	tell_virtual(d, &d->from);
	tell_virtual(d, &d->to);
	return RC_OK;
}

void
diff_close(struct diff *d)
{
	free(d->table);
	schema_release(&d->from);
	schema_release(&d->to);
	pair_close(&d->pair);
	value_close();
}
