/*
 * applychanges DB omit|replace|abort <CHANGESET: applies a changeset of SQLite's,
 * and prints each conflict: TABLE KIND, and what is done about it.
 */

#define SQLITE_ENABLE_SESSION
#define SQLITE_ENABLE_PREUPDATE_HOOK

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

static const char *how;

static int
conflict(void *arg, int kind, sqlite3_changeset_iter *iter)
{
	static const char *const names[] = {
	    "", "data", "not-found", "conflict", "constraint", "foreign-key"};
	const char *table = "?";
	int columns, op, indirect;

	(void)arg;
	if (kind != SQLITE_CHANGESET_FOREIGN_KEY)
		sqlite3changeset_op(iter, &table, &columns, &op, &indirect);
	printf("%s %s %s\n", table, names[kind], how);
	if (strcmp(how, "replace") == 0 &&
	    (kind == SQLITE_CHANGESET_DATA ||
		kind == SQLITE_CHANGESET_CONFLICT))
		return SQLITE_CHANGESET_REPLACE;
	return strcmp(how, "abort") == 0 ? SQLITE_CHANGESET_ABORT
					 : SQLITE_CHANGESET_OMIT;
}

static int
input(void *arg, void *data, int *n)
{
	(void)arg;
	*n = (int)fread(data, 1, (size_t)*n, stdin);
	return SQLITE_OK;
}

int
main(int argc, char **argv)
{
	sqlite3 *db;
	int result;

	if (argc != 3)
		return 2;
	how = argv[2];
	if (sqlite3_open(argv[1], &db) != SQLITE_OK)
		return 2;
	sqlite3_busy_timeout(db, 10000);
	result =
	    sqlite3changeset_apply_strm(db, input, NULL, NULL, conflict, NULL);
	if (result != SQLITE_OK)
		fprintf(stderr, "applychanges: %s\n", sqlite3_errstr(result));
	sqlite3_close(db);
	return result != SQLITE_OK;
}
