/*
 * A log that cannot be read, or changes in the midst of a reading: SQLite's
 * methods, by which it is read, with some put in their place.
 */

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/sort.h"
#include "cut/livedb.h"
#include "cut/livelog.h"
#include "tap.h"

static char dir[] = "/tmp/segtools-livelog.XXXXXX";
static char *path;
static sqlite3 *sql; /* the program whose database it is */

static void
run(const char *text)
{
	if (sqlite3_exec(sql, text, NULL, NULL, NULL) != SQLITE_OK) {
		printf("# %s: %s\n", text, sqlite3_errmsg(sql));
		exit(1);
	}
}

/* ---- the methods ---- */

/* As SQLite's, but for those below: of the database, and of its log. */
static struct sqlite3_io_methods of_db, of_log;
static const struct sqlite3_io_methods *db_own, *log_own;

/* The nth reading has that result, the others SQLite's. */
static int read_nth, read_err;

static int
my_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
	return --read_nth == 0 ? read_err : log_own->xRead(f, p, n, at);
}

/* How long the file is, or why that cannot be told. */
static sqlite3_int64 size_is;
static int size_err;

static int
my_size(sqlite3_file *f, sqlite3_int64 *size)
{
	(void)f;
	*size = size_is;
	return size_err;
}

/* The wal-index: NULL: there is none to be had.  Somebody has written one half
 * of its header, and writes the other at a barrier, so many later; 0: never. */
static uint8_t *map_is;
static int until_written;

static int
my_map(sqlite3_file *f, int region, int size, int extend, void volatile **map)
{
	(void)f;
	(void)region;
	(void)size;
	(void)extend;
	*map = map_is;
	return map_is ? SQLITE_OK : SQLITE_READONLY_CANTINIT;
}

static void
my_barrier(sqlite3_file *f)
{
	(void)f;
	if (until_written > 0 && --until_written == 0)
		memcpy(map_is + 48, map_is, 48);
}

static struct livedb *
reader(void)
{
	struct livedb *db;

	if (livedb_open(&db, path, 100, false) != RC_OK ||
	    livedb_begin(db) != RC_OK)
		exit(1);
	db_own = livedb_log(db)->db->pMethods;
	log_own = livedb_log(db)->file->pMethods;
	of_db = *db_own;
	of_log = *log_own;
	return db;
}

/* Its own again, lest SQLite be surprised. */
static void
finish(struct livedb *db)
{
	livedb_log(db)->db->pMethods = db_own;
	livedb_log(db)->file->pMethods = log_own;
	livedb_end(db);
	livedb_free(db);
}

/* ---- what is said ---- */

static struct buf said;

static void
hear(void *arg, const char *line, size_t len)
{
	buf_add(arg, line, len);
}

/* That is what was said: the name of the database, and text; or nothing. */
static bool
heard(const char *text)
{
	char *line =
	    *text ? xasprintf("livelog: %s%s\n", path, text) : xstrdup("");
	bool same;

	buf_addc(&said, 0);
	same = strcmp(said.data, line) == 0;
	if (!same)
		printf("# said: %s", said.data);
	buf_clear(&said);
	free(line);
	return same;
}

static enum rc
scan(struct livelog *l, const struct wal_place *from, struct livelog_end *end)
{
	struct sort *frames =
	    sort_new(sizeof(struct livelog_frame), livelog_frame_cmp);
	enum rc rc = livelog_scan(l, from, frames, end);

	sort_free(frames);
	return rc;
}

/* ---- the wal-index ---- */

static void
test_index(void)
{
	static uint8_t map[32768], first;
	struct livedb *db = reader();
	struct livelog *l = livedb_log(db);
	struct livelog_index index, real;
	void volatile *own;

	if (!livelog_indexed(l, &real) ||
	    db_own->xShmMap(l->db, 0, (int)sizeof(map), 0, &own) != SQLITE_OK)
		exit(1);
	for (size_t i = 0; i < sizeof(map); i++)
		map[i] = ((uint8_t volatile *)own)[i];
	l->db->pMethods = &of_db;
	of_db.xShmMap = my_map;
	of_db.xShmBarrier = my_barrier;
	ok(!livelog_indexed(l, &index) &&
		!livelog_shows_end(l, real.place.frame),
	    "a wal-index that is not to be had");
	map_is = map;
	ok(livelog_indexed(l, &index) &&
		wal_place_equal(&index.place, &real.place),
	    "one that is");
	first = map[48];
	map[48] = (uint8_t)~first;
	until_written = 3;
	ok(livelog_indexed(l, &index) && until_written == 0 &&
		wal_place_equal(&index.place, &real.place),
	    "one that is being written is waited for");
	map[48] = (uint8_t)~first;
	ok(!livelog_indexed(l, &index), "but not for ever");
	map[48] = first;
	of_db.iVersion = 1;
	ok(!livelog_indexed(l, &index) &&
		!livelog_shows_end(l, real.place.frame),
	    "a VFS that has none");
	finish(db);
}

/* ---- the log ---- */

static void
test_truncated(void)
{
	struct livedb *db = reader();
	struct livelog *l = livedb_log(db);
	struct livelog_end end;

	l->file->pMethods = &of_log;
	of_log.xRead = my_read;
	for (int n = 1; n <= 2; n++) {
		read_nth = n;
		read_err = SQLITE_IOERR_SHORT_READ;
		ok(scan(l, NULL, &end) == RC_DATA &&
			heard(": its write-ahead log is damaged at frame 1"),
		    "truncated before its reading %d, and its index says no",
		    n);
	}
	of_log.xFileSize = my_size;
	ok(scan(l, NULL, &end) == RC_DATA &&
		heard(": its write-ahead log is damaged at frame 1"),
	    "a file without a byte, and its index says no");
	l->db->pMethods = &of_db;
	of_db.xShmMap = my_map;
	map_is = NULL;
	ok(scan(l, NULL, &end) == RC_OK && end.place.frame == 0 && heard(""),
	    "a file without a byte, and no index: nothing was written");
	size_err = SQLITE_IOERR_FSTAT;
	ok(scan(l, NULL, &end) == RC_SYSTEM && heard("-wal: disk I/O error"),
	    "its size cannot be told");
	size_err = 0;
	ok(scan(l, NULL, &end) == RC_SYSTEM && heard(""),
	    "after which nothing more is read, or said");
	finish(db);
}

/* The sort is full up to so many frames less, and has no place to spill to: the
 * next thereafter fails. */
static void
test_no_room(void)
{
	struct livelog_frame f = {1, 1};
	struct livedb *db = reader();
	struct livelog *l = livedb_log(db);
	struct livelog_end end;
	struct sort *frames;
	enum rc rc;

	l->db->pMethods = &of_db;
	of_db.xShmMap = my_map;
	map_is = NULL;
	setenv("TMPDIR", "/none", 1);
	for (int indexed = 0; indexed < 2; indexed++) {
		frames = sort_new(sizeof(f), livelog_frame_cmp);
		for (size_t i = 0; i + 1 < SORT_MEMORY / sizeof(f); i++)
			(void)sort_add(frames, &f);
		if (indexed)
			l->db->pMethods = db_own;
		rc = livelog_scan(l, NULL, frames, &end);
		buf_addc(&said, 0);
		ok(rc == RC_USAGE &&
			strcmp(said.data,
			    "livelog: /none: no such directory (TMPDIR)\n") ==
			    0,
		    "no room for what it names, %s",
		    indexed ? "as the wal-index has it" : "at a commit");
		buf_clear(&said);
		sort_free(frames);
	}
	unsetenv("TMPDIR");
	finish(db);
}

/* What is left of an older generation: each reading that fails is told. */
static void
test_tail(void)
{
	struct livedb *db = reader();
	struct livelog *l = livedb_log(db);
	struct livelog_end end;
	struct wal_place first;
	struct sort *frames =
	    sort_new(sizeof(struct livelog_frame), livelog_frame_cmp);
	enum rc rc = RC_SYSTEM;
	int n;

	if (scan(l, NULL, &end) != RC_OK)
		exit(1);
	first = end.place;
	livedb_end(db);
	run("UPDATE t SET v = zeroblob(3000) WHERE id < 5");
	(void)livedb_begin(db);
	l->file->pMethods = &of_log;
	of_log.xRead = my_read;
	for (n = 1; n < 10 && rc == RC_SYSTEM; n++) {
		read_nth = n;
		read_err = SQLITE_IOERR_READ;
		l->failed = RC_OK;
		rc = livelog_tail(l, &first, frames, &end);
		if (rc != RC_OK)
			ok(rc == RC_SYSTEM && heard("-wal: disk I/O error"),
			    "reading %d of a tail fails", n);
	}
	/* The header; the frame's; what follows; the frame's again. */
	ok(rc == RC_OK && n == 6 && end.read == 1 && heard(""),
	    "and then none is left");
	sort_free(frames);
	finish(db);
}

int
main(void)
{
	msg_init("livelog");
	if (!mkdtemp(dir))
		return 1;
	path = xasprintf("%s/db", dir);
	sqlite3_open(path, &sql);
	run("PRAGMA page_size = 512; PRAGMA journal_mode = wal;"
	    "PRAGMA wal_autocheckpoint = 0;"
	    "CREATE TABLE t(id INTEGER PRIMARY KEY, v);"
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
	    " WHERE i < 60) INSERT INTO t SELECT i, randomblob(300) FROM n");
	msg_divert(hear, &said);
	test_index();
	test_truncated();
	test_no_room();
	test_tail();
	msg_divert(NULL, NULL);
	buf_release(&said);
	sqlite3_close(sql);
	(void)unlink(path);
	(void)rmdir(dir);
	free(path);
	return tap_done();
}
