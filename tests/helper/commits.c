/*
 * commits DB N MICROSECONDS: N small transactions, as a program makes them that
 * keeps a database in WAL mode with synchronous = NORMAL, so far apart; it waits
 * for nobody.  Prints how long each took, in microseconds, one a line; those that
 * were refused, because the database was busy, as "busy".
 */

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static sqlite3 *db;

static int
run(const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int
transaction(unsigned n)
{
	char sql[300];
	int rc;

	snprintf(sql, sizeof(sql),
	    "BEGIN IMMEDIATE;"
	    "INSERT INTO t(v) VALUES(printf('%%0100d', %u));"
	    "UPDATE t SET v = printf('%%0100d', %u) WHERE id = %u;"
	    "COMMIT",
	    n, n, n * 7919U % 10000 + 1);
	rc = run(sql);
	if (rc != SQLITE_OK && !sqlite3_get_autocommit(db))
		(void)run("ROLLBACK");
	return rc;
}

int
main(int argc, char **argv)
{
	unsigned n = argc == 4 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
	unsigned pause = n ? (unsigned)strtoul(argv[3], NULL, 10) : 0;

	if (n == 0)
		return 2;
	if (sqlite3_open(argv[1], &db) != SQLITE_OK ||
	    run("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
		"CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, v)") !=
		SQLITE_OK)
		return 3;
	for (unsigned i = 0; i < n; i++) {
		double began = now();
		int rc = transaction(i);

		if (rc == SQLITE_OK)
			printf("%.1f\n", now() - began);
		else if ((rc & 0xFF) == SQLITE_BUSY)
			puts("busy");
		else
			return 3;
		usleep(pause);
	}
	sqlite3_close(db);
	return 0;
}
