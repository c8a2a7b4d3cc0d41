/* dbcheck: see dbcheck.h. */

#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "base/buf.h"
#include "base/sqlite.h"
#include "restore/dbcheck.h"

/*
 * The pragma does not get as far as a row.  SQLITE_ERROR is what the statement
 * itself gives: it names what is not here, the schema or the pages are not the
 * matter.
 */
static enum rc
not_run(sqlite3 *db, const char *name)
{
	char *object = xasprintf("%s: SQLite's check", name);
	enum rc rc;

	if ((sqlite3_errcode(db) & 0xff) == SQLITE_ERROR)
		rc = msg_fail(RC_USAGE, "%s cannot be run here: %s", object,
		    sqlite3_errmsg(db));
	else
		rc = sqlite_fail(db, object);
	free(object);
	return rc;
}

/* The rows of the pragma: "ok", or what is wrong, of which the first says
 * enough.  Modules say so in a row if they cannot check their own tables. */
static enum rc
judge(const char *text, const char *name)
{
	static const char unable[] = "unable to validate ";

	if (strcmp(text, "ok") == 0)
		return RC_OK;
	if (strncmp(text, unable, strlen(unable)) == 0)
		return msg_fail(RC_USAGE,
		    "%s: SQLite's check cannot be run here: %s", name, text);
	return msg_fail(RC_DATA, "%s: SQLite's check: %s", name, text);
}

static enum rc
run(sqlite3 *db, const char *sql, const char *name)
{
	sqlite3_stmt *stmt = NULL;
	const char *text = NULL;
	enum rc rc;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
	    sqlite3_step(stmt) == SQLITE_ROW)
		text = (const char *)sqlite3_column_text(stmt, 0);
	rc = text ? judge(text, name) : not_run(db, name);
	sqlite3_finalize(stmt);
	return rc;
}

enum rc
dbcheck(const char *path, const char *name, enum dbcheck how)
{
	const char *sql = how == DBCHECK_QUICK ? "PRAGMA quick_check(1)"
					       : "PRAGMA integrity_check(1)";
	char *uri;
	sqlite3 *db = NULL;
	enum rc rc;

	if (how == DBCHECK_NONE)
		return RC_OK;
	uri = sqlite_uri(path, "mode=ro&immutable=1");
	if (sqlite_open(uri, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI,
		NULL) != SQLITE_OK)
		rc = sqlite_fail(db, name);
	else {
		/* The database may be anybody's: its check constraints run. */
		sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
		sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
		rc = run(db, sql, name);
	}
	sqlite3_close(db);
	free(uri);
	return rc;
}
