/* schema: see schema.h. */

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "diff/schema.h"

static enum object_type
type_of(const char *type, const char *sql)
{
	static const char is_virtual[] = "CREATE VIRTUAL";

	switch (type[0]) {
	case 'i':
		return OBJECT_INDEX;
	case 'v':
		return OBJECT_VIEW;
	case 't':
		if (type[1] == 'r')
			return OBJECT_TRIGGER;
	}
	return strncasecmp(sql, is_virtual, sizeof(is_virtual) - 1) == 0
		   ? OBJECT_VIRTUAL
		   : OBJECT_TABLE;
}

/* ---- statements ---- */

static bool
in_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z') || c == '_' || c == '$' ||
	       (unsigned char)c >= 0x80;
}

static size_t
up_to(const char *p, size_t from, const char *end)
{
	const char *at = strstr(p + from, end);

	return at ? (size_t)(at - p) + strlen(end) : strlen(p);
}

/* The length of what SQLite reads as one: a word, what is quoted, a comment, or
 * a character. */
static size_t
token(const char *p)
{
	static const char quotes[] = "'\"`[";
	size_t n = 0;

	while (in_word(p[n]))
		n++;
	if (n > 0)
		return n;
	if (p[0] == '-' && p[1] == '-')
		return up_to(p, 2, "\n");
	if (p[0] == '/' && p[1] == '*' && p[2])
		return up_to(p, 2, "*/");
	if (!strchr(quotes, p[0]))
		return 1;
	return up_to(p, 1, p[0] == '[' ? "]" : (char[]){p[0], 0});
}

static bool
is_blank(const char *p, size_t n)
{
	return (n == 1 && strchr(" \t\n\f\r", *p)) ||
	       (n > 1 &&
		   (strncmp(p, "--", 2) == 0 || strncmp(p, "/*", 2) == 0));
}

static bool
is_word(const char *p, size_t n, const char *word)
{
	return n == strlen(word) && strncasecmp(p, word, n) == 0;
}

/*
 * How long the first statement is, without its semicolon.  SQLite reads nothing
 * else of what a schema says, so that anything may stand behind it; a program
 * that is given it as SQL would run that.  A trigger ends at ";END;".
 */
static size_t
statement_length(const char *sql)
{
	bool trigger = false, temporary = false;
	size_t at = 0, n, words = 0;
	/* Of ";END" the tokens that were the last ones. */
	unsigned ending = 0;

	for (; sql[at]; at += n) {
		const char *p = sql + at;

		n = token(p);
		if (is_blank(p, n))
			continue;
		if (*p == ';' && (!trigger || ending == 2))
			break;
		words++;
		if (words == 2)
			temporary =
			    is_word(p, n, "TEMP") || is_word(p, n, "TEMPORARY");
		if (words == (temporary ? 3 : 2))
			trigger = is_word(p, n, "TRIGGER");
		if (*p == ';')
			ending = 1;
		else
			ending = ending == 1 && is_word(p, n, "END") ? 2 : 0;
	}
	return at;
}

static void
add(struct schema *s, sqlite3_stmt *stmt)
{
	const char *text[4];
	struct object *o;

	for (int i = 0; i < 4; i++) {
		text[i] = (const char *)sqlite3_column_text(stmt, i);
		if (!text[i])
			return; /* an index of SQLite's own */
	}
	if (strcasecmp(text[1], "sqlite_sequence") == 0) {
		s->has_sequence = true;
		return;
	}
	s->object = xreallocarray(s->object, s->n + 1, sizeof(*s->object));
	o = &s->object[s->n++];
	o->type = type_of(text[0], text[3]);
	o->name = xstrdup(text[1]);
	o->table = xstrdup(text[2]);
	o->sql = xstrdup(text[3]);
	o->sql[statement_length(o->sql)] = 0;
	o->root = (uint32_t)sqlite3_column_int64(stmt, 4);
}

static int
compare(enum object_type type, const char *name, const struct object *o)
{
	return type != o->type ? (int)type - (int)o->type
			       : strcasecmp(name, o->name);
}

static int
by_name(const void *a, const void *b)
{
	const struct object *const *x = a, *const *y = b;

	return compare((*x)->type, (*x)->name, *y);
}

static void
sort(struct schema *s)
{
	s->sorted = xcalloc(s->n + 1, sizeof(const struct object *));
	for (size_t i = 0; i < s->n; i++)
		s->sorted[i] = &s->object[i];
	qsort(s->sorted, s->n, sizeof(const struct object *), by_name);
}

/* The place of the first that is not before. */
static size_t
place(const struct schema *s, enum object_type type, const char *name)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (compare(type, name, s->sorted[mid]) > 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

enum rc
schema_read(struct schema *s, struct side *side)
{
	sqlite3_stmt *stmt;
	enum rc rc = side_prepare(side, &stmt,
	    "SELECT type, name, tbl_name, sql, rootpage FROM sqlite_master "
	    "ORDER BY rowid");

	*s = (struct schema){0};
	while (rc == RC_OK && (rc = side_step(side, stmt)) == RC_OK)
		add(s, stmt);
	sqlite3_finalize(stmt);
	sort(s);
	return rc == RC_ABSENT ? RC_OK : rc;
}

void
schema_release(struct schema *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->object[i].name);
		free(s->object[i].table);
		free(s->object[i].sql);
	}
	free(s->object);
	free(s->sorted);
	*s = (struct schema){0};
}

const struct object *
schema_find(const struct schema *s, enum object_type type, const char *name)
{
	size_t i = place(s, type, name);

	return i < s->n && compare(type, name, s->sorted[i]) == 0 ? s->sorted[i]
								  : NULL;
}

bool
schema_is_shadow(const char *name, const char *of)
{
	size_t n = strlen(of);

	return strncasecmp(name, of, n) == 0 && name[n] == '_';
}

const struct object *
schema_shadow_of(const struct schema *s, const char *name)
{
	for (size_t i = place(s, OBJECT_VIRTUAL, "");
	     i < s->n && s->sorted[i]->type == OBJECT_VIRTUAL; i++)
		if (schema_is_shadow(name, s->sorted[i]->name))
			return s->sorted[i];
	return NULL;
}
