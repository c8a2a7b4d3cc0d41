/*
 * history: random histories of real SQLite databases, and what each of their
 * states was.
 *
 *   history change DIR COUNT ROUND    make round ROUND of changes to the
 *                                     databases DIR/h0.db to DIR/h(COUNT-1).db
 *                                     (round 0 creates them) and print each
 *                                     one's state: NAMESPACE SIZE HASH
 *   history check DIR <STATES         compare the files DIR/NAMESPACE with such
 *                                     lines; says what differs and how many are
 *                                     the same
 *
 * The state is what sqlite3_serialize() says: the image that a reader sees, WAL
 * included, without a checkpoint.  A database's number is its seed.
 */
#include <inttypes.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

struct rng {
	uint64_t state;
};

static uint32_t
below(struct rng *r, uint32_t n)
{
	/* splitmix64 */
	uint64_t z = r->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (uint32_t)((z ^ z >> 31) % n);
}

static void
die(const char *what, const char *why)
{
	(void)fprintf(stderr, "history: %s: %s\n", what, why);
	exit(1);
}

static void
sql(sqlite3 *db, const char *fmt, ...)
{
	va_list ap;
	char *text, *why = NULL;

	va_start(ap, fmt);
	text = sqlite3_vmprintf(fmt, ap);
	va_end(ap);
	if (!text || sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK)
		die(text ? text : "memory", why ? why : "failed");
	sqlite3_free(text);
}

static sqlite3 *
open_db(const char *path)
{
	sqlite3 *db;

	if (sqlite3_open(path, &db) != SQLITE_OK)
		die(path, sqlite3_errmsg(db));
	sql(db, "PRAGMA synchronous = off; PRAGMA cache_size = 20");
	/* Leave the WAL as it is: what a cut finds while others write. */
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	return db;
}

static const char *
journal(struct rng *r)
{
	static const char *const modes[] = {
	    "wal", "wal", "wal", "delete", "truncate", "persist"};

	return modes[below(r, 6)];
}

static void
create(sqlite3 *db, struct rng *r)
{
	sql(db, "PRAGMA page_size = %d; PRAGMA auto_vacuum = %d",
	    512 << below(r, 5), (int)below(r, 3));
	sql(db, "PRAGMA journal_mode = %s", journal(r));
	sql(db, "CREATE TABLE t(id INTEGER PRIMARY KEY, v BLOB);"
		"CREATE INDEX tv ON t(substr(v, 1, 20))");
}

static void
insert(sqlite3 *db, struct rng *r)
{
	sql(db,
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
	    "WHERE i < %d) INSERT INTO t(v) SELECT randomblob(%d) FROM n",
	    1 + (int)below(r, 40), 10 + (int)below(r, 1500));
}

static void
change_page_size(sqlite3 *db, struct rng *r)
{
	sql(db, "PRAGMA journal_mode = delete");
	sql(db, "PRAGMA page_size = %d", 512 << below(r, 5));
	sql(db, "VACUUM");
	sql(db, "PRAGMA journal_mode = %s", journal(r));
}

/* One random change; whatever it is, the database stays a few hundred KiB. */
static void
change(sqlite3 *db, struct rng *r, bool *left_alone)
{
	static const char *const checkpoints[] = {
	    "PASSIVE", "FULL", "RESTART", "TRUNCATE"};

	switch (below(r, 16)) {
	case 0:
		sql(db, "DELETE FROM t WHERE id %% 3 = %d", (int)below(r, 3));
		break;
	case 1:
		sql(db, "DELETE FROM t WHERE id > %d", (int)below(r, 100));
		sql(db, "VACUUM");
		break;
	case 2:
		sql(db, "PRAGMA wal_checkpoint(%s)", checkpoints[below(r, 4)]);
		break;
	case 3:
		sql(db, "PRAGMA journal_mode = %s", journal(r));
		break;
	case 4:
		if (below(r, 3) == 0)
			change_page_size(db, r);
		break;
	case 5:
		sql(db, "PRAGMA incremental_vacuum(%d)", 1 + (int)below(r, 9));
		break;
	case 6:
		sql(db,
		    "CREATE TABLE IF NOT EXISTS u%d(a, b);"
		    "INSERT INTO u%d VALUES(1, randomblob(3000))",
		    (int)below(r, 3), 0);
		break;
	case 7:
		sql(db, "DROP TABLE IF EXISTS u%d", 1 + (int)below(r, 2));
		break;
	case 8:
		*left_alone = true;
		break;
	case 9:
	case 10:
	case 11:
		sql(db,
		    "UPDATE t SET v = randomblob(length(v)) "
		    "WHERE id %% 7 = %d",
		    (int)below(r, 7));
		break;
	case 12:
		/* rolled back: changes nothing, may spill into the WAL */
		sql(db, "BEGIN; UPDATE t SET v = randomblob(2000); ROLLBACK");
		break;
	default:
		insert(db, r);
	}
}

/* The image that a reader of the database sees now. */
static void
print_state(const char *path, const char *namespace)
{
	sqlite3 *db = open_db(path);
	sqlite3_int64 size;
	unsigned char *image = sqlite3_serialize(db, "main", &size, 0);
	XXH128_hash_t hash;

	if (!image)
		die(path, "cannot be serialized");
	hash = XXH3_128bits(image, (size_t)size);
	printf("%s %lld %016" PRIx64 "%016" PRIx64 "\n", namespace,
	    (long long)size, hash.high64, hash.low64);
	sqlite3_free(image);
	sqlite3_close(db);
}

static void
change_all(const char *dir, unsigned count, unsigned round)
{
	for (unsigned seed = 0; seed < count; seed++) {
		struct rng r = {(uint64_t)seed << 32 | round};
		char *path = sqlite3_mprintf("%s/h%u.db", dir, seed);
		char *namespace = sqlite3_mprintf("h%u", seed);
		sqlite3 *db = open_db(path);
		bool left_alone = false;

		/* randomblob() repeats with the seed */
		sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED,
		    (int)(seed * 1000 + round + 1), db);
		if (round == 0) {
			create(db, &r);
			sql(db, "CREATE TABLE u0(a, b)");
			insert(db, &r);
		}
		for (unsigned n = 1 + below(&r, 5); n > 0 && !left_alone; n--) {
			sql(db, "CREATE TABLE IF NOT EXISTS u0(a, b)");
			change(db, &r, &left_alone);
		}
		sqlite3_close(db);
		print_state(path, namespace);
		sqlite3_free(path);
		sqlite3_free(namespace);
	}
}

/* Does the file have this size and hash? */
static bool
same(const char *path, uint64_t size, const char *hash)
{
	char *data = malloc(size + 1), text[40];
	FILE *f = fopen(path, "rb");
	XXH128_hash_t h;
	bool good = false;

	if (data && f && fread(data, 1, size + 1, f) == size) {
		h = XXH3_128bits(data, size);
		(void)snprintf(text, sizeof(text), "%016" PRIx64 "%016" PRIx64,
		    h.high64, h.low64);
		good = strcmp(text, hash) == 0;
	}
	if (f)
		(void)fclose(f);
	free(data);
	return good;
}

static int
check_all(const char *dir)
{
	char line[512], namespace[300], hash[40], *path;
	uint64_t size;
	unsigned good = 0, bad = 0;

	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "%299s %" SCNu64 " %39s", namespace, &size,
			hash) != 3)
			die("states", "malformed");
		path = sqlite3_mprintf("%s/%s", dir, namespace);
		if (same(path, size, hash)) {
			good++;
		} else {
			bad++;
			printf("%s differs\n", path);
		}
		sqlite3_free(path);
	}
	printf("%u the same\n", good);
	return bad ? 1 : 0;
}

int
main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "change") == 0) {
		change_all(argv[2], (unsigned)strtoul(argv[3], NULL, 10),
		    (unsigned)strtoul(argv[4], NULL, 10));
		return 0;
	}
	if (argc == 3 && strcmp(argv[1], "check") == 0)
		return check_all(argv[2]);
	die("usage", "history change DIR COUNT ROUND | check DIR");
}
