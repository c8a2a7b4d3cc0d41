/*
 * Live databases: what is read in a transaction is one committed state, byte
 * for byte that of a connection which sees it, whatever the log went through;
 * and when the log no longer tells it, that is noticed.
 */

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/sort.h"
#include "cut/pages.h"
#include "tap.h"

static char dir[] = "/tmp/segtools-livedb.XXXXXX";
static char *path;
static sqlite3 *sql; /* the program whose database it is */

static void
run(const char *text)
{
	char *err = NULL;

	if (sqlite3_exec(sql, text, NULL, NULL, &err) != SQLITE_OK) {
		printf("# %s: %s\n", text, err);
		exit(1);
	}
}

static void
rm_db(void)
{
	static const char *const suffix[] = {"", "-wal", "-shm", "-journal"};

	for (size_t i = 0; i < sizeof(suffix) / sizeof(suffix[0]); i++) {
		char *file = xasprintf("%s%s", path, suffix[i]);

		(void)unlink(file);
		free(file);
	}
}

/* A new database of some pages; checkpoints come when they are asked for. */
static void
new_db(const char *mode)
{
	char *pragma = xasprintf("PRAGMA page_size = 512;"
				 "PRAGMA journal_mode = %s;"
				 "PRAGMA wal_autocheckpoint = 0;"
				 "PRAGMA cache_size = 5",
	    mode);

	sqlite3_close(sql);
	rm_db();
	sqlite3_open(path, &sql);
	run(pragma);
	run("CREATE TABLE t(id INTEGER PRIMARY KEY, v);"
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
	    " WHERE i < 60) INSERT INTO t SELECT i, randomblob(300) FROM n");
	free(pragma);
}

static struct livedb *
reader(void)
{
	struct livedb *db;

	if (livedb_open(&db, path, 100, false) != RC_OK)
		exit(1);
	return db;
}

/* ---- one state ---- */

static enum rc
add_page(void *arg, const struct page *page)
{
	struct buf *image = arg;

	if (image->len != (page->at.page - 1) * (size_t)512)
		return RC_DATA;
	buf_add(image, page->bytes, 512);
	return RC_OK;
}

/* What db sees is what its program sees. */
static bool
same_state(struct livedb *db)
{
	struct pages pages = {0};
	struct buf image = {0};
	sqlite3_int64 size = 0;
	unsigned char *want;
	struct livelog_end end;
	bool same = false;

	if (pages_init(&pages, db) == RC_OK && pages_begin(&pages) == RC_OK &&
	    pages_fix(&pages, NULL, &end) == RC_OK &&
	    pages_each(&pages, add_page, &image) == RC_OK &&
	    livedb_still(db) == RC_OK) {
		want = sqlite3_serialize(sql, "main", &size, 0);
		same = (size_t)size == image.len &&
		       memcmp(want, image.data, image.len) == 0;
		sqlite3_free(want);
	}
	livedb_end(db);
	pages_release(&pages);
	buf_release(&image);
	return same;
}

static void
test_states(const char *mode)
{
	static const struct {
		const char *what, *text;
	} step[] = {
	    {"as it was made", "SELECT 1"},
	    {"an update", "UPDATE t SET v = randomblob(300) WHERE id = 7"},
	    {"a rollback that spilled",
		"BEGIN; UPDATE t SET v = randomblob(310); ROLLBACK"},
	    {"after it", "UPDATE t SET v = randomblob(300) WHERE id = 9"},
	    {"a part in the file", "PRAGMA wal_checkpoint(PASSIVE)"},
	    {"growth", "INSERT INTO t SELECT id + 100, v FROM t"},
	    {"a shrink", "DELETE FROM t WHERE id > 20; VACUUM"},
	    {"growth again", "INSERT INTO t SELECT id + 100, v FROM t"},
	    {"all in the file", "PRAGMA wal_checkpoint(RESTART)"},
	    {"a new log", "UPDATE t SET v = randomblob(300) WHERE id = 3"},
	    {"no log", "PRAGMA wal_checkpoint(TRUNCATE)"},
	};
	struct livedb *db;

	new_db(mode);
	db = reader();
	for (size_t i = 0; i < sizeof(step) / sizeof(step[0]); i++) {
		run(step[i].text);
		ok(same_state(db), "%s: %s", mode, step[i].what);
	}
	livedb_free(db);
}

/* A transaction that is still open, with pages in the log. */
static void
test_open_transaction(void)
{
	struct pages pages = {0};
	struct livedb *db;
	struct livelog_end end;
	uint32_t size;

	new_db("wal");
	db = reader();
	(void)pages_init(&pages, db);
	(void)pages_begin(&pages);
	(void)pages_fix(&pages, NULL, &end);
	size = livedb_state(db)->wal.frame;
	livedb_end(db);
	run("BEGIN; UPDATE t SET v = randomblob(310)");
	(void)pages_begin(&pages);
	ok(pages_fix(&pages, NULL, &end) == RC_OK &&
		livedb_state(db)->wal.frame == size,
	    "the frames of an open transaction are none");
	livedb_end(db);
	run("ROLLBACK");
	pages_release(&pages);
	livedb_free(db);
}

/* ---- the log ---- */

/* Fix behind a place; what was read of the log. */
static enum rc
fix(struct livedb *db, const struct wal_place *from, struct livelog_end *end)
{
	struct sort *frames =
	    sort_new(sizeof(struct livelog_frame), livelog_frame_cmp);
	enum rc rc = livedb_fix(db, from, frames, end);

	sort_free(frames);
	return rc;
}

static void
test_follows(void)
{
	struct livedb_state was;
	struct livedb *db;
	struct livelog_end end;

	new_db("wal");
	db = reader();
	(void)livedb_begin(db);
	(void)fix(db, NULL, &end);
	was = *livedb_state(db);
	livedb_end(db);

	run("UPDATE t SET v = 1 WHERE id = 7");
	(void)livedb_begin(db);
	ok(livelog_holds(livedb_log(db), &was.wal), "more of a log follows");
	ok(fix(db, &was.wal, &end) == RC_OK && end.least == was.size,
	    "no commit made it smaller");
	livedb_end(db);

	run("DELETE FROM t WHERE id > 5; VACUUM;"
	    "INSERT INTO t SELECT id + 100, randomblob(9000) FROM t");
	(void)livedb_begin(db);
	ok(livelog_holds(livedb_log(db), &was.wal) &&
		fix(db, &was.wal, &end) == RC_OK && end.least < was.size / 2 &&
		livedb_state(db)->size > was.size,
	    "the smallest size between is known");
	livedb_end(db);

	run("PRAGMA wal_checkpoint(RESTART)");
	(void)livedb_begin(db);
	ok(livelog_holds(livedb_log(db), &was.wal),
	    "copied into the file, and still there");
	livedb_end(db);
	run("UPDATE t SET v = 2 WHERE id = 1");
	(void)livedb_begin(db);
	ok(!livelog_holds(livedb_log(db), &was.wal), "not after a restart");
	livedb_end(db);
	livedb_free(db);
}

/*
 * All of the log is in the file, so that our mark is 0 and does not keep others
 * from writing it anew from its beginning.
 */
static void
test_restarted(void)
{
	struct livedb *db;
	uint8_t page[512];
	struct livelog_end end;

	new_db("wal");
	run("PRAGMA wal_checkpoint(PASSIVE)");
	db = reader();
	(void)livedb_begin(db);
	ok(fix(db, NULL, &end) == RC_OK && livedb_state(db)->wal.frame > 0,
	    "a log that is in the file");
	ok(livedb_still(db) == RC_OK, "still there");
	run("UPDATE t SET v = randomblob(300)");
	ok(livedb_still(db) == RC_ABSENT, "no longer: it was restarted");
	livedb_end(db);

	run("PRAGMA wal_checkpoint(PASSIVE)");
	(void)livedb_begin(db);
	(void)fix(db, NULL, &end);
	run("PRAGMA wal_checkpoint(TRUNCATE)");
	ok(livedb_read_frame(db, 1, page) == RC_ABSENT ||
		livedb_still(db) == RC_ABSENT,
	    "truncated");
	livedb_end(db);
	livedb_free(db);
}

/* ---- what is no database ---- */

static enum rc
open_as(const char *bytes, size_t len)
{
	FILE *f = fopen(path, "w");
	struct livedb *db;
	enum rc rc;

	fwrite(bytes, 1, len, f);
	fclose(f);
	rc = livedb_open(&db, path, 0, false);
	if (rc == RC_OK)
		rc = livedb_begin(db);
	livedb_free(db);
	return rc;
}

static void
test_none(void)
{
	static const char text[2000] = "SQLite format 3, or so it says";
	struct livedb *db;

	sqlite3_close(sql);
	sql = NULL;
	rm_db();
	ok(livedb_open(&db, path, 0, false) == RC_DATA && !db, "no file");
	ok(livedb_open(&db, dir, 0, false) == RC_USAGE && !db, "a directory");
	ok(open_as("", 0) == RC_ABSENT, "no byte");
	ok(open_as("x", 1) == RC_DATA, "one byte");
	ok(open_as(text, sizeof(text)) == RC_DATA, "another format");
}

int
main(void)
{
	msg_init("livedb");
	msg_verbosity(-2);
	if (!mkdtemp(dir))
		return 1;
	path = xasprintf("%s/db", dir);
	test_states("wal");
	test_states("delete");
	test_open_transaction();
	test_follows();
	test_restarted();
	test_none();
	rm_db();
	(void)rmdir(dir);
	free(path);
	return tap_done();
}
