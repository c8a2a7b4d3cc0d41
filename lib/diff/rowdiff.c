/*
 * rowdiff: see rowdiff.h.
 *
 * The rows in leaves that are not known to be the same are read from both
 * b-trees.  Where they come in the order of their rowids they are merged;
 * without rowids their order is a matter of collations, so that what both have
 * is found by a hash of the row's bytes.  What is left is known by a hash of its
 * key, found by another sort.  Hashes are of 128 bits, with a seed of the
 * process, so that no database can be made for them.
 */

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include <xxhash.h>

#include "base/sort.h"
#include "diff/rowdiff.h"

/* A row on its way: of which side, and where. */
struct row {
	XXH128_hash_t hash;
	uint64_t number; /* in the order of the walk */
	int64_t place;   /* rowid, or page and cell */
	bool is_to;
	bool by_rowid;
};

/* Two rows of one key, or one. */
struct match {
	struct row from, to;
	bool has_from, has_to;
};

struct compare {
	const struct rowdiff *rows;
	struct side *side[2];
	const struct table *table[2];
	sqlite3_stmt *stmt[2];
	struct btree_page page[2];
	struct buf payload[2];
	struct bitmap skip;
	struct tree_rows walk[2];
	bool has[2]; /* walk is at a row */
	int64_t last[2];
	uint64_t number;
	uint64_t seed;
	bool raw; /* rows of the same bytes are the same */
	bool rowids_count;
	struct sort *keyed; /* of rows that differ; NULL: known by rowid */
};

/* ---- values ---- */

static bool
is_null(sqlite3_stmt *stmt, int column)
{
	return sqlite3_column_type(stmt, column) == SQLITE_NULL;
}

bool
rowdiff_same_value(const struct row_change *c, size_t column)
{
	const struct rowdiff *r = c->rows;
	enum side_encoding encoding = r->unchanged->pair->text;
	int at = (int)column;
	struct value a, b;

	if (r->from->n != r->to->n || strcasecmp(r->from->column[column].name,
					  r->to->column[column].name) != 0)
		at = table_find(r->from, r->to->column[column].name);
	if (at < 0)
		return is_null(c->to, (int)column + 1);
	a = value_of(c->from, at + 1, encoding);
	b = value_of(c->to, (int)column + 1, encoding);
	return value_same(&a, &b);
}

static bool
same_values(const struct row_change *c)
{
	const struct rowdiff *r = c->rows;

	for (size_t i = 0; i < r->to->n; i++)
		if (!rowdiff_same_value(c, i))
			return false;
	for (size_t i = 0; i < r->from->n; i++)
		if (!is_null(c->from, (int)i + 1) &&
		    table_find(r->to, r->from->column[i].name) < 0)
			return false;
	return true;
}

/* ---- one row by SQLite ---- */

/* The statement is put at the row. */
static enum rc
seek(struct compare *c, const struct row *row)
{
	int is = row->is_to;
	struct btree_cell cell;
	enum rc rc = RC_OK;

	sqlite3_reset(c->stmt[is]);
	if (c->table[is]->has_rowid) {
		sqlite3_bind_int64(c->stmt[is], 1, row->place);
	} else {
		rc = btree_read(c->side[is], &c->page[is],
		    (uint32_t)((uint64_t)row->place >> 32));
		if (rc == RC_OK)
			rc = btree_cell(c->side[is], &c->page[is],
			    (unsigned)(row->place & 0xffff), &cell);
		if (rc == RC_OK)
			rc = btree_payload(c->side[is], &cell, &c->payload[is]);
		if (rc == RC_OK)
			rc = table_bind_key(
			    c->table[is], c->stmt[is], &c->payload[is]);
	}
	if (rc == RC_OK)
		rc = side_step(c->side[is], c->stmt[is]);
	if (rc == RC_ABSENT)
		return msg_fail(RC_DATA,
		    "%s: %s: a row that is not where it belongs",
		    c->side[is]->name, c->table[is]->name);
	return rc;
}

/* Both at their rows: told, if they differ. */
static enum rc
tell(struct compare *c, const struct match *m)
{
	struct row_change change = {
	    .rows = c->rows, .rowids_count = c->rowids_count};
	enum rc rc = RC_OK;

	change.by_rowid = m->has_from ? m->from.by_rowid : m->to.by_rowid;
	if (!table_has_names(c->table[0]) || !table_has_names(c->table[1]))
		return c->rows->change(c->rows->arg, &change);
	if (m->has_from) {
		rc = seek(c, &m->from);
		change.from = c->stmt[0];
	}
	if (rc == RC_OK && m->has_to) {
		rc = seek(c, &m->to);
		change.to = c->stmt[1];
	}
	if (rc)
		return rc;
	if (change.from && change.to) {
		change.same = same_values(&change);
		change.moved = c->rowids_count && m->from.place != m->to.place;
		if (change.same && !change.moved)
			return RC_OK;
	}
	return c->rows->change(c->rows->arg, &change);
}

/* ---- known by the key ---- */

static XXH128_hash_t
hash_value(const struct value *v, XXH128_hash_t h)
{
	struct {
		uint64_t low, high, type, len, bits;
	} fixed = {h.low64, h.high64, (uint64_t)v->type, v->len, 0};

	if (v->type == SQLITE_FLOAT)
		memcpy(&fixed.bits, &v->real, sizeof(v->real));
	else
		fixed.bits = (uint64_t)v->integer;
	h = XXH3_128bits_withSeed(&fixed, sizeof(fixed), h.low64);
	if (v->len == 0)
		return h;
	fixed.low = XXH3_64bits_withSeed(v->bytes, v->len, h.low64);
	fixed.high = XXH3_64bits_withSeed(v->bytes, v->len, h.high64);
	return XXH3_128bits_withSeed(&fixed, sizeof(fixed), h.high64);
}

/* The row that a statement is at. */
static void
hash_key(struct compare *c, struct row *row)
{
	const struct table *t = c->table[row->is_to];
	sqlite3_stmt *stmt = c->stmt[row->is_to];
	enum side_encoding encoding = c->rows->unchanged->pair->text;
	XXH128_hash_t h = {.low64 = c->seed, .high64 = ~c->seed};

	for (size_t i = 0; i < t->keys; i++) {
		int column = (int)t->key[i].column + 1;
		struct value v = value_of(stmt, column, encoding);

		row->by_rowid |= v.type == SQLITE_NULL && t->has_rowid;
		h = hash_value(&v, h);
	}
	if (row->by_rowid) {
		struct value v = {.type = 0, .integer = row->place};

		h = hash_value(&v, (XXH128_hash_t){c->seed, c->seed});
		c->rowids_count = true;
	}
	row->hash = h;
}

static enum rc
add_keyed(struct compare *c, struct row *row)
{
	enum rc rc = seek(c, row);

	if (rc)
		return rc;
	hash_key(c, row);
	return sort_add(c->keyed, row);
}

static int
by_hash(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int cmp = XXH128_cmp(&x->hash, &y->hash);

	return cmp ? cmp : (int)x->is_to - (int)y->is_to;
}

static int
by_number(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

static uint64_t
number_of(const struct match *m)
{
	return m->has_to ? m->to.number : m->from.number;
}

static int
by_match(const void *a, const void *b)
{
	uint64_t x = number_of(a), y = number_of(b);

	return x < y ? -1 : x > y;
}

/* The next rows of one hash. */
static enum rc
next_match(struct sort *sort, struct row *ahead, bool *has, struct match *m)
{
	enum rc rc = RC_OK;

	*m = (struct match){0};
	for (;;) {
		if (!*has) {
			rc = sort_next(sort, ahead);
			if (rc)
				break;
			*has = true;
		}
		if ((m->has_from || m->has_to) &&
		    (!XXH128_isEqual(ahead->hash,
			 m->has_from ? m->from.hash : m->to.hash) ||
			m->has_to || !ahead->is_to))
			return RC_OK;
		if (ahead->is_to)
			m->to = *ahead;
		else
			m->from = *ahead;
		m->has_to |= ahead->is_to;
		m->has_from |= !ahead->is_to;
		*has = false;
	}
	return rc == RC_ABSENT && (m->has_from || m->has_to) ? RC_OK : rc;
}

/* Pairs, in the order of the walk. */
static enum rc
tell_keyed(struct compare *c)
{
	struct sort *sort = sort_new(sizeof(struct match), by_match);
	struct match m;
	struct row ahead;
	bool has = false;
	enum rc rc;

	while ((rc = next_match(c->keyed, &ahead, &has, &m)) == RC_OK)
		if ((rc = sort_add(sort, &m)))
			break;
	if (rc == RC_ABSENT)
		while ((rc = sort_next(sort, &m)) == RC_OK)
			if ((rc = tell(c, &m)))
				break;
	sort_free(sort);
	return rc == RC_ABSENT ? RC_OK : rc;
}

/* ---- by rowid ---- */

static enum rc
advance(struct compare *c, int is)
{
	struct tree_rows *w = &c->walk[is];
	int64_t last = w->cell.rowid;
	bool first = !c->has[is];
	enum rc rc = tree_rows_next(w);

	c->has[is] = rc == RC_OK;
	if (rc == RC_ABSENT)
		return RC_OK;
	if (rc == RC_OK && !first && w->cell.rowid <= last)
		rc = side_damaged(c->side[is], w->page, "rowids out of order");
	return rc;
}

/* The rows that the walks are at have the same bytes. */
static enum rc
same_bytes(struct compare *c, bool *same)
{
	const struct btree_cell *a = &c->walk[0].cell, *b = &c->walk[1].cell;
	enum rc rc;

	*same = false;
	if (!c->raw || a->size != b->size)
		return RC_OK;
	if (!a->overflow && !b->overflow) {
		*same = memcmp(a->local, b->local, (size_t)a->size) == 0;
		return RC_OK;
	}
	rc = btree_payload(c->side[0], a, &c->payload[0]);
	if (rc == RC_OK)
		rc = btree_payload(c->side[1], b, &c->payload[1]);
	if (rc == RC_OK)
		*same = memcmp(c->payload[0].data, c->payload[1].data,
			    c->payload[0].len) == 0;
	return rc;
}

/* Rows of one rowid, or one row. */
static enum rc
found(struct compare *c, bool has_from, bool has_to)
{
	struct match m = {.has_from = has_from, .has_to = has_to};
	enum rc rc = RC_OK;

	m.from.place = c->walk[0].cell.rowid;
	m.to.place = c->walk[1].cell.rowid;
	m.to.is_to = true;
	m.from.number = m.to.number = c->number++;
	if (!c->keyed) {
		m.from.by_rowid = m.to.by_rowid = true;
		return tell(c, &m);
	}
	if (has_from)
		rc = add_keyed(c, &m.from);
	if (rc == RC_OK && has_to)
		rc = add_keyed(c, &m.to);
	return rc;
}

static enum rc
merge_step(struct compare *c)
{
	int64_t a = c->walk[0].cell.rowid, b = c->walk[1].cell.rowid;
	bool from = c->has[0] && (!c->has[1] || a <= b), same = false;
	bool to = c->has[1] && (!c->has[0] || b <= a);
	enum rc rc = RC_OK;

	if (from && to)
		rc = same_bytes(c, &same);
	if (rc == RC_OK && !same)
		rc = found(c, from, to);
	if (rc == RC_OK && from)
		rc = advance(c, 0);
	if (rc == RC_OK && to)
		rc = advance(c, 1);
	return rc;
}

static enum rc
merge(struct compare *c)
{
	enum rc rc = advance(c, 0);

	if (rc == RC_OK)
		rc = advance(c, 1);
	while (rc == RC_OK && (c->has[0] || c->has[1]))
		rc = merge_step(c);
	return rc;
}

/* ---- without rowids ---- */

/* All rows of a side. */
static enum rc
hash_side(struct compare *c, int is, struct sort *sort)
{
	struct tree_rows *w = &c->walk[is];
	enum rc rc;

	while ((rc = tree_rows_next(w)) == RC_OK) {
		struct row row = {.number = c->number++, .is_to = is};

		row.place = (int64_t)((uint64_t)w->page << 32 | w->index);
		rc = btree_payload(c->side[is], &w->cell, &c->payload[is]);
		if (rc == RC_OK) {
			row.hash = XXH3_128bits_withSeed(
			    c->payload[is].data, c->payload[is].len, c->seed);
			rc = sort_add(sort, &row);
		}
		if (rc)
			break;
	}
	return rc == RC_ABSENT ? RC_OK : rc;
}

/* Those that only one side has, or has otherwise. */
static enum rc
drop_common(struct sort *all, struct sort *left, bool raw)
{
	struct match m;
	struct row ahead;
	bool has = false;
	enum rc rc;

	while ((rc = next_match(all, &ahead, &has, &m)) == RC_OK) {
		if (raw && m.has_from && m.has_to)
			continue;
		if (m.has_from)
			rc = sort_add(left, &m.from);
		if (rc == RC_OK && m.has_to)
			rc = sort_add(left, &m.to);
		if (rc)
			break;
	}
	return rc == RC_ABSENT ? RC_OK : rc;
}

static enum rc
compare_indexes(struct compare *c)
{
	struct sort *all = sort_new(sizeof(struct row), by_hash);
	struct sort *left = sort_new(sizeof(struct row), by_number);
	struct row row;
	enum rc rc = hash_side(c, 0, all);

	if (rc == RC_OK)
		rc = hash_side(c, 1, all);
	if (rc == RC_OK)
		rc = drop_common(all, left, c->raw);
	sort_free(all);
	while (rc == RC_OK && (rc = sort_next(left, &row)) == RC_OK)
		rc = add_keyed(c, &row);
	sort_free(left);
	return rc == RC_ABSENT ? RC_OK : rc;
}

/* ---- all ---- */

static enum rc
tell_all(const struct rowdiff *r, const struct table *t)
{
	/* In a table that is new no other row has a rowid. */
	struct row_change change = {
	    .rows = r,
	    .by_rowid = t->has_rowid && t->keys == 0,
	    .rowids_count = true,
	};
	sqlite3_stmt *stmt;
	enum rc rc = table_select_all(t, &stmt);

	change.from = t == r->from ? stmt : NULL;
	change.to = t == r->to ? stmt : NULL;
	while (rc == RC_OK && (rc = side_step(t->side, stmt)) == RC_OK)
		rc = r->change(r->arg, &change);
	sqlite3_finalize(stmt);
	return rc == RC_ABSENT ? RC_OK : rc;
}

/* Are rows known by the same? */
static bool
same_key(const struct table *a, const struct table *b)
{
	if (a->has_rowid != b->has_rowid || a->keys != b->keys ||
	    (a->integer_key < 0) != (b->integer_key < 0))
		return false;
	for (size_t i = 0; i < a->keys; i++)
		if (strcasecmp(a->column[a->key[i].column].name,
			b->column[b->key[i].column].name) != 0)
			return false;
	return true;
}

static enum rc
run(struct compare *c)
{
	const struct rowdiff *r = c->rows;
	enum rc rc = RC_OK;

	if (c->raw)
		rc = unchanged_leaves(
		    r->unchanged, &r->from->tree, &r->to->tree, &c->skip);
	for (int i = 0; rc == RC_OK && i < 2; i++) {
		tree_rows_begin(&c->walk[i], &c->table[i]->tree, &c->skip);
		if (table_has_names(c->table[i]))
			rc = table_select_row(c->table[i], &c->stmt[i]);
	}
	if (rc == RC_OK)
		rc = r->from->has_rowid ? merge(c) : compare_indexes(c);
	if (rc == RC_OK && c->keyed)
		rc = tell_keyed(c);
	return rc;
}

enum rc
rowdiff_run(const struct rowdiff *r)
{
	struct compare c = {.rows = r};
	enum rc rc = RC_OK;

	if (!r->from || !r->to || !same_key(r->from, r->to)) {
		if (r->from)
			rc = tell_all(r, r->from);
		return rc || !r->to ? rc : tell_all(r, r->to);
	}
	if (getrandom(&c.seed, sizeof(c.seed), 0) != sizeof(c.seed))
		return msg_errno("getrandom");
	c.table[0] = r->from;
	c.table[1] = r->to;
	c.side[0] = r->from->side;
	c.side[1] = r->to->side;
	c.raw = strcmp(r->from->sql, r->to->sql) == 0 &&
		c.side[0]->encoding == c.side[1]->encoding;
	if (r->from->keys > 0 && table_has_names(r->from) &&
	    table_has_names(r->to))
		c.keyed = sort_new(sizeof(struct row), by_hash);
	rc = run(&c);
	if (c.keyed)
		sort_free(c.keyed);
	bitmap_release(&c.skip);
	for (int i = 0; i < 2; i++) {
		tree_rows_end(&c.walk[i]);
		sqlite3_finalize(c.stmt[i]);
		btree_release(&c.page[i]);
		buf_release(&c.payload[i]);
	}
	return rc;
}
