/*
 * livewriter DB SEED SECONDS: a process that writes to a database while others
 * cut it.  Every transaction moves money between accounts (their sum stays 0)
 * and adds a row of the log whose number is one more than the last; some grow
 * the database, some shrink it, some roll back; in WAL mode checkpoints of all
 * kinds come between.  Killing it is fine.
 */

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static unsigned long long state;

static unsigned
rnd(unsigned n)
{
	state = state * 6364136223846793005U + 1442695040888963407U;
	return (unsigned)(state >> 33) % n;
}

static int
run(sqlite3 *db, const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static void
transaction(sqlite3 *db)
{
	char sql[1000];
	unsigned money = (unsigned)rnd(1000);

	snprintf(sql, sizeof(sql),
	    "UPDATE account SET money = money - %u WHERE id = %u;"
	    "UPDATE account SET money = money + %u WHERE id = %u;"
	    "INSERT INTO log SELECT coalesce(max(n), 0) + 1, randomblob(%u)"
	    " FROM log;",
	    money, rnd(200), money, rnd(200), rnd(10) ? 50u : 20000u);
	if (run(db, "BEGIN IMMEDIATE") != SQLITE_OK)
		return;
	run(db, sql);
	if (rnd(12) == 0)
		run(db, "UPDATE log SET b = NULL WHERE n % 3 = 0");
	run(db, rnd(8) ? "COMMIT" : "ROLLBACK");
	if (!sqlite3_get_autocommit(db))
		run(db, "ROLLBACK");
	if (rnd(40) == 0)
		run(db, "VACUUM");
}

static void
checkpoint(sqlite3 *db)
{
	static const int modes[] = {SQLITE_CHECKPOINT_PASSIVE,
	    SQLITE_CHECKPOINT_FULL, SQLITE_CHECKPOINT_RESTART,
	    SQLITE_CHECKPOINT_TRUNCATE};

	sqlite3_wal_checkpoint_v2(db, NULL, modes[rnd(4)], NULL, NULL);
}

int
main(int argc, char **argv)
{
	sqlite3 *db;
	time_t end;

	if (argc != 4)
		return 2;
	state = strtoull(argv[2], NULL, 10) * 77777 + 1;
	end = time(NULL) + strtol(argv[3], NULL, 10);
	while (time(NULL) < end) {
		if (sqlite3_open(argv[1], &db) != SQLITE_OK)
			return 3;
		sqlite3_busy_timeout(db, 2000);
		/* Its page cache must spill now and then. */
		run(db, "PRAGMA cache_size = 20");
		for (unsigned i = 20 + rnd(200); i > 0 && time(NULL) < end;
		     i--) {
			transaction(db);
			if (rnd(10) == 0)
				checkpoint(db);
			sqlite3_sleep((int)rnd(4));
		}
		sqlite3_close(db);
	}
	return 0;
}
