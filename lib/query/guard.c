/*
 * guard: see guard.h.
 *
 * A database may be hostile: its schema runs nothing that is not known to be
 * harmless, shadow tables cannot be written, and cells are checked.  A statement
 * may be anything: the authorizer refuses what writes and what leads out of the
 * database.
 */

#include <string.h>
#include <strings.h>

#include "base/sqlite.h"
#include "query/guard.h"

enum { VALUE_MAX = 256 << 20 };

static bool
is_one_of(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(name, names[i]) == 0)
			return true;
	return false;
}

#define IS_ONE_OF(name, names) \
	is_one_of(name, names, sizeof(names) / sizeof((names)[0]))

/* Pragmas that take back what is guarded here, or are the process's. */
static bool
is_refused_pragma(const char *name)
{
	static const char *const refused[] = {"writable_schema",
	    "trusted_schema", "cell_size_check", "temp_store_directory",
	    "data_store_directory", "hard_heap_limit", "soft_heap_limit"};

	return IS_ONE_OF(name, refused);
}

/* Those that change the database, and are not told as a change. */
static bool
is_writing_pragma(const char *name, const char *value)
{
	static const char *const numbers[] = {
	    "user_version", "application_id", "schema_version"};

	return (value && IS_ONE_OF(name, numbers)) ||
	       strcasecmp(name, "incremental_vacuum") == 0;
}

/* Out of the database; or it shows where in memory something is. */
static bool
is_refused_function(const char *name)
{
	static const char *const refused[] = {
	    "load_extension", "fts3_tokenizer"};

	return IS_ONE_OF(name, refused);
}

/* Of the database that was asked for, not of a temporary one. */
static bool
is_main(const char *schema)
{
	return !schema || strcasecmp(schema, "main") == 0;
}

static bool
is_allowed(int action, const char *a, const char *b, const char *schema)
{
	switch (action) {
	case SQLITE_SELECT:
	case SQLITE_READ:
	case SQLITE_RECURSIVE:
	case SQLITE_TRANSACTION:
	case SQLITE_SAVEPOINT:
	case SQLITE_DETACH:
	case SQLITE_CREATE_TEMP_INDEX:
	case SQLITE_CREATE_TEMP_TABLE:
	case SQLITE_CREATE_TEMP_TRIGGER:
	case SQLITE_CREATE_TEMP_VIEW:
	case SQLITE_DROP_TEMP_INDEX:
	case SQLITE_DROP_TEMP_TABLE:
	case SQLITE_DROP_TEMP_TRIGGER:
	case SQLITE_DROP_TEMP_VIEW:
		return true;
	case SQLITE_FUNCTION:
		return b && !is_refused_function(b);
	case SQLITE_PRAGMA:
		return a && !is_refused_pragma(a) &&
		       !(is_main(schema) && is_writing_pragma(a, b));
	case SQLITE_ATTACH:
		return a && strcmp(a, ":memory:") == 0;
	default:
		return !is_main(schema);
	}
}

static int
authorize(void *arg, int action, const char *a, const char *b,
    const char *schema, const char *trigger)
{
	struct guard *g = arg;

	bool changes = action == SQLITE_INSERT || action == SQLITE_UPDATE ||
		       action == SQLITE_DELETE;

	if (is_allowed(action, a, b, schema) || (changes && g->inside)) {
		g->attaches |= action == SQLITE_ATTACH;
		return SQLITE_OK;
	}
	g->changes |= changes;
	/* By a view of the database: the SQL did not ask for it. */
	g->refused |= trigger == NULL;
	return SQLITE_DENY;
}

/*
 * A virtual table is connected when it is first named, and then its module
 * declares its columns and prepares its statements, through the same authorizer.
 * Done once with that allowed, what is refused the next time is the
 * statement's own.
 */
int
guard_prepare(struct guard *g, sqlite3 *db, const char *sql,
    sqlite3_stmt **stmt, const char **rest)
{
	bool refused = g->refused;
	int result;

	g->changes = false;
	result = sqlite3_prepare_v2(db, sql, -1, stmt, rest);
	if (result == SQLITE_OK || !g->changes)
		return result;
	g->refused = refused;
	g->inside = true;
	result = sqlite3_prepare_v2(db, sql, -1, stmt, rest);
	g->inside = false;
	if (result != SQLITE_OK)
		return result;
	sqlite3_finalize(*stmt);
	return sqlite3_prepare_v2(db, sql, -1, stmt, rest);
}

int
guard_step(struct guard *g, sqlite3_stmt *stmt)
{
	int result;

	g->inside = true;
	result = sqlite3_step(stmt);
	g->inside = false;
	return result;
}

int
guard_connection(struct guard *g, sqlite3 *db)
{
	int result;

	*g = (struct guard){0};
	sqlite3_limit(db, SQLITE_LIMIT_LENGTH, VALUE_MAX);
	sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 4);
	sqlite3_limit(db, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000);
	sqlite3_limit(db, SQLITE_LIMIT_TRIGGER_DEPTH, 10);
	result = sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if (result == SQLITE_OK)
		result = sqlite3_db_config(
		    db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	if (result == SQLITE_OK)
		result = sqlite3_db_config(
		    db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
	if (result == SQLITE_OK)
		result = sqlite3_exec(
		    db, "PRAGMA cell_size_check = ON", NULL, NULL, NULL);
	sqlite3_set_authorizer(db, authorize, g);
	return result;
}

/* What the parser says, as against what names mean. */
static bool
is_syntax(const char *why)
{
	static const char *const texts[] = {"syntax error", "incomplete input",
	    "unrecognized token", "parser stack overflow"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strstr(why, texts[i]))
			return true;
	return false;
}

/*
 * The first statement; *rest: what follows.  SQLite's own parser tells; where a
 * statement fails, as all do that name a table here, only if that was found at
 * its end.  What is attached is known to later ones.
 */
static enum rc
check_statement(
    sqlite3 *db, struct guard *g, const char *sql, const char **rest)
{
	sqlite3_stmt *stmt = NULL;
	int result = guard_prepare(g, db, sql, &stmt, rest);
	enum rc rc = RC_OK;

	if (result == SQLITE_OK && g->attaches)
		(void)sqlite3_step(stmt);
	else if (result != SQLITE_OK &&
		 (g->refused || is_syntax(sqlite3_errmsg(db))))
		rc = msg_fail(RC_USAGE, "SQL: %s", sqlite3_errmsg(db));
	else if (result != SQLITE_OK && (*rest == sql || (*rest)[-1] != ';'))
		*rest = "";
	g->attaches = false;
	sqlite3_finalize(stmt);
	return rc;
}

enum rc
guard_check(const char *sql)
{
	struct guard g = {0};
	sqlite3 *db = NULL;
	enum rc rc = RC_OK;

	if (sqlite3_open(":memory:", &db) != SQLITE_OK ||
	    guard_connection(&g, db) != SQLITE_OK)
		rc = sqlite_fail(db, "SQLite");
	while (rc == RC_OK && *sql) {
		rc = check_statement(db, &g, sql, &sql);
	}
	sqlite3_close(db);
	return rc;
}

/* What SQLite calls an error of the SQL, and is the database's. */
static bool
is_the_databases(const char *why)
{
	return strstr(why, "unsupported file format") ||
	       strstr(why, "vtable constructor failed");
}

enum rc
guard_fail(const struct guard *g, sqlite3 *db, const char *object, bool *lacks)
{
	*lacks = !g->refused && sqlite3_errcode(db) == SQLITE_ERROR &&
		 !is_the_databases(sqlite3_errmsg(db));
	if (g->refused || (sqlite3_errcode(db) & 0xff) == SQLITE_READONLY)
		return msg_fail(
		    RC_USAGE, "%s: refused: %s", object, sqlite3_errmsg(db));
	if (sqlite3_errcode(db) == SQLITE_AUTH)
		return msg_fail(RC_DATA,
		    "%s: its schema does what is refused: %s", object,
		    sqlite3_errmsg(db));
	return sqlite_fail(db, object);
}
