/*
 * livedb: see livedb.h.
 *
 * Rollback journals: our SHARED lock keeps everybody from writing the file.
 *
 * WAL: a checkpoint copies frames into the file only up to the least read mark
 * in use.  With a mark > 0 ours is one, so that the file holds nothing newer
 * than the state that we began with, every page that a checkpoint may be
 * writing has a frame in the log, which we take instead, and the log cannot be
 * restarted.  Mark 0 (all of the log was in the file already) keeps checkpoints
 * from the file altogether; the log can then be restarted, but once only, since
 * a second time needs a checkpoint.  So the file under the frames 1..N of the
 * log's one generation is the state after N, for every commit N that is not
 * older than our beginning, as long as the header is still the same after the
 * last frame was read.
 *
 * Which N: the wal-index, read through SQLite's own mapping, says which frames
 * are committed, with their running checksum; the frames must agree.  Where it
 * cannot be had (-shm not writable), the log's last valid commit is taken.
 */

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/directory.h"
#include "base/file.h"
#include "base/number.h"
#include "base/sqlite.h"
#include "cut/livedb.h"
#include "cut/livevfs.h"
#include "format/segment.h"

enum {
	HOT_TRIES = 10,
	HOT_PAUSE = 20 /* ms */
};

struct livedb {
	sqlite3 *sql;
	char *path;
	struct livevfs vfs;
	sqlite3_file *file; /* SQLite's */
	struct livelog log;
	struct livedb_state state;
	struct secrecy secrecy;
	dev_t dev; /* the file that was looked at */
	ino_t ino;
	bool busy, goes_on;
};

/* ---- what SQLite says ---- */

/* Is the name still that of the file that was looked at?  Of another one SQLite
 * says anything, and the stamps would be of a file that was not read. */
static enum rc
still_there(struct livedb *db)
{
	struct stat st;

	if (stat(db->path, &st) != 0)
		return msg_errno(db->path);
	if (st.st_dev == db->dev && st.st_ino == db->ino)
		return RC_OK;
	db->busy = true;
	return msg_fail(
	    RC_SYSTEM, "%s: was replaced while it was opened", db->path);
}

static enum rc
sql_fail(struct livedb *db, int err)
{
	int primary = err & 0xff;
	enum rc rc;

	db->busy = primary == SQLITE_BUSY;
	rc = db->busy ? RC_OK : still_there(db);
	if (rc)
		return rc;
	rc = primary == SQLITE_CORRUPT ? RC_DATA : RC_SYSTEM;
	if (err == SQLITE_READONLY_ROLLBACK)
		return msg_fail(RC_SYSTEM,
		    "%s: has a hot journal: let an SQLite program open it",
		    db->path);
	if (primary == SQLITE_NOTADB)
		return msg_fail(
		    RC_DATA, "%s: not a database, or encrypted", db->path);
	if ((primary == SQLITE_READONLY || primary == SQLITE_CANTOPEN) &&
	    livevfs_explain(&db->vfs, &rc))
		return rc;
	if (primary == SQLITE_READONLY)
		return msg_fail(
		    RC_USAGE, "%s: SQLite may not write its -shm", db->path);
	return msg_fail(rc, "%s: %s", db->path, sqlite3_errstr(err));
}

/* errno is that of the system call that failed just now. */
static enum rc
read_fail(struct livedb *db, int err)
{
	if (err == SQLITE_IOERR_READ)
		return msg_fail(
		    RC_SYSTEM, "%s: %s", db->path, strerror(sqlite_errno()));
	return msg_fail(RC_SYSTEM, "%s: %s", db->path, sqlite3_errstr(err));
}

/* ---- opening ---- */

static enum rc
look_at(struct livedb *db)
{
	struct stat st;

	if (stat(db->path, &st) != 0)
		return msg_errno(db->path);
	if (!S_ISREG(st.st_mode))
		return msg_fail(RC_USAGE, "%s: not a regular file", db->path);
	/* SQLite would remove a log beside it. */
	if (st.st_size == 0)
		return RC_ABSENT;
	db->dev = st.st_dev;
	db->ino = st.st_ino;
	db->secrecy = secrecy_of(-1, db->path, &st);
	db->vfs.path = db->path;
	db->vfs.owner = st.st_uid;
	db->vfs.group = st.st_gid;
	return livevfs_path(&db->vfs);
}

/* In WAL mode, and neither log nor wal-index there: nobody has it open. */
static bool
is_idle_wal(const struct livedb *db)
{
	char *wal = xasprintf("%s-wal", db->vfs.sql_path);
	char *shm = xasprintf("%s-shm", db->vfs.sql_path);
	bool idle = !file_exists(wal) && !file_exists(shm);
	uint8_t version = 0;
	struct file *file;

	if (idle && file_open(&file, db->vfs.sql_path) == RC_OK) {
		/* Its read version is the 20th byte.  No lock of SQLite's is
		 * lost by closing: there is none yet. */
		idle = file_read(file, &version, 1, 19) == RC_OK;
		file_close(&file);
	}
	free(wal);
	free(shm);
	return idle && version == 2;
}

/* As an URI, by which SQLite can be told that a file does not change. */
static char *
immutable_uri(const char *path)
{
	struct buf uri = {0};

	buf_adds(&uri, "file:");
	for (const char *p = path; *p; p++)
		buf_addf(&uri, "%%%02X", (unsigned)(uint8_t)*p);
	buf_adds(&uri, "?immutable=1");
	return uri.data;
}

static enum rc
open_sql(struct livedb *db, unsigned busy_ms)
{
	/* Read-only: a hot journal is then an error, not rolled back. */
	int err, on = 1, flags = SQLITE_OPEN_READONLY;
	char *name;

	if (db->vfs.look && is_idle_wal(db)) {
		flags |= SQLITE_OPEN_URI;
		name = immutable_uri(db->vfs.sql_path);
	} else {
		name = xstrdup(db->vfs.sql_path);
	}
	livevfs_watch(&db->vfs);
	err = sqlite_open(name, &db->sql, flags, livevfs_name());
	livevfs_watch(NULL);
	free(name);
	if (err == SQLITE_OK) {
		sqlite3_extended_result_codes(db->sql, 1);
		sqlite3_busy_timeout(db->sql, (int)busy_ms);
		err = sqlite3_db_config(
		    db->sql, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, &on);
	}
	if (err == SQLITE_OK)
		err = sqlite3_file_control(
		    db->sql, "main", SQLITE_FCNTL_PERSIST_WAL, &on);
	return err ? sql_fail(db, err) : RC_OK;
}

enum rc
livedb_open(struct livedb **out, const char *path, unsigned busy_ms, bool look)
{
	struct livedb *db = xcalloc(1, sizeof(*db));
	enum rc rc;

	*out = NULL;
	db->path = xstrdup(path);
	db->vfs.look = look;
	rc = look_at(db);
	if (rc == RC_OK)
		rc = open_sql(db, busy_ms);
	if (rc)
		livedb_free(db);
	else
		*out = db;
	return rc;
}

void
livedb_free(struct livedb *db)
{
	if (!db)
		return;
	sqlite3_close(db->sql);
	livelog_release(&db->log);
	livevfs_release(&db->vfs);
	free(db->path);
	free(db);
}

const struct secrecy *
livedb_secrecy(const struct livedb *db)
{
	return &db->secrecy;
}

struct livelog *
livedb_log(struct livedb *db)
{
	return &db->log;
}

bool
livedb_is_busy(const struct livedb *db)
{
	return db->busy;
}

bool
livedb_goes_on(const struct livedb *db)
{
	return db->goes_on;
}

const struct livedb_state *
livedb_state(const struct livedb *db)
{
	return &db->state;
}

/* ---- the transaction ---- */

static void
stamp(const char *path, struct livedb_stamp *s)
{
	struct stat st;

	memset(s, 0, sizeof(*s));
	if (!path || stat(path, &st) != 0)
		return;
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	s->size = (uint64_t)st.st_size;
	s->mtime = (uint64_t)st.st_mtim.tv_sec * 1000000000U +
		   (uint64_t)st.st_mtim.tv_nsec;
	s->ctime = (uint64_t)st.st_ctim.tv_sec * 1000000000U +
		   (uint64_t)st.st_ctim.tv_nsec;
}

static void
take_stamps(struct livedb *db)
{
	const char *name = sqlite3_db_filename(db->sql, "main");
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	db->state.seen =
	    (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
	stamp(name, &db->state.db);
	if (db->log.file)
		stamp(sqlite3_filename_wal(name), &db->state.log);
	else
		memset(&db->state.log, 0, sizeof(db->state.log));
}

/* A real read: BEGIN alone locks nothing.  This pragma reads page 1 and not the
 * schema, which may need what we do not have. */
static int
begin(struct livedb *db)
{
	struct timespec pause = {.tv_nsec = HOT_PAUSE * 1000000L};
	int err;

	/* Beside a writer's journal that comes and goes, SQLite can take it
	 * for a hot one for a moment. */
	for (int tries = 0; tries < HOT_TRIES; tries++) {
		err = sqlite3_exec(
		    db->sql, "BEGIN; PRAGMA schema_version", NULL, NULL, NULL);
		if (err == SQLITE_OK)
			return err;
		if (!sqlite3_get_autocommit(db->sql))
			sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL);
		if (err != SQLITE_READONLY_ROLLBACK)
			return err;
		nanosleep(&pause, NULL);
	}
	return err;
}

/* Without a log the file must hold every page.  (SQLite takes a part of a page
 * for a whole one.) */
static enum rc
cut_short(const struct livedb *db)
{
	return msg_fail(RC_DATA, "%s: cut short: it has %llu byte%s", db->path,
	    (unsigned long long)db->state.db.size, number_s(db->state.db.size));
}

static bool
file_is_whole(const struct livedb *db)
{
	return db->state.db.size / db->state.page_size >= db->state.size;
}

static enum rc
file_header(struct livedb *db)
{
	uint8_t h[100];
	sqlite3_int64 bytes;
	uint32_t size;
	int err = db->file->pMethods->xFileSize(db->file, &bytes);

	if (err == SQLITE_OK)
		err = db->file->pMethods->xRead(db->file, h, sizeof(h), 0);
	if (err == SQLITE_IOERR_SHORT_READ)
		return cut_short(db);
	if (err)
		return read_fail(db, err);
	size = be16(h + 16);
	db->state.page_size = size == 1 ? SEG_PAGE_MAX : size;
	if (!seg_page_size_valid(db->state.page_size))
		return msg_fail(RC_DATA, "%s: bad page size", db->path);
	/* SQLite's rule for its own size. */
	db->state.size = be32(h + 28);
	if (db->state.size == 0 || memcmp(h + 24, h + 92, 4) != 0)
		db->state.size =
		    (uint32_t)((uint64_t)bytes / db->state.page_size);
	memcpy(db->state.counters, h + 24, 8);
	memcpy(db->state.counters + 8, h + 92, 4);
	memcpy(db->state.counters + 12, h + 40, 4);
	return db->log.file || file_is_whole(db) ? RC_OK : cut_short(db);
}

enum rc
livedb_begin(struct livedb *db)
{
	int err;
	enum rc rc;

	memset(&db->state, 0, sizeof(db->state));
	livevfs_watch(&db->vfs);
	err = begin(db);
	livevfs_watch(NULL);
	if (err)
		return sql_fail(db, err);
	sqlite3_file_control(
	    db->sql, "main", SQLITE_FCNTL_FILE_POINTER, &db->file);
	sqlite3_file_control(
	    db->sql, "main", SQLITE_FCNTL_JOURNAL_POINTER, &db->log.file);
	/* A rollback journal is not open while we only read. */
	if (db->log.file && !db->log.file->pMethods)
		db->log.file = NULL;
	take_stamps(db);
	boot_id(db->state.boot);
	rc = still_there(db);
	if (rc == RC_OK)
		rc = file_header(db);
	db->log.path = db->path;
	db->log.db = db->file;
	db->log.page_size = db->state.page_size;
	if (rc)
		livedb_end(db);
	return rc;
}

void
livedb_end(struct livedb *db)
{
	if (!sqlite3_get_autocommit(db->sql))
		sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL);
}

/* ---- the state ---- */

enum rc
livedb_fix(struct livedb *db, const struct wal_place *from, struct sort *frames,
    struct livelog_end *end)
{
	enum rc rc = livelog_scan(&db->log, from, frames, end);

	memset(&db->state.wal, 0, sizeof(db->state.wal));
	if (rc)
		return rc;
	db->goes_on = livelog_goes_on(&db->log, &end->index);
	if (end->place.frame > 0)
		db->state.wal = end->place;
	if (end->size > 0)
		db->state.size = end->size;
	db->state.commits = end->index.commits;
	if (end->place.frame == 0 && !file_is_whole(db))
		return cut_short(db);
	return livedb_still(db);
}

/* ---- pages ---- */

enum rc
livedb_read(struct livedb *db, uint32_t page, uint32_t n, void *p)
{
	uint64_t ps = db->state.page_size;
	int err = db->file->pMethods->xRead(
	    db->file, p, (int)(n * ps), (sqlite3_int64)((page - 1) * ps));

	/* A short read has filled the rest with zeros. */
	return err == SQLITE_OK || err == SQLITE_IOERR_SHORT_READ
		   ? RC_OK
		   : read_fail(db, err);
}

enum rc
livedb_read_frame(struct livedb *db, uint32_t frame, void *p)
{
	return livelog_page(&db->log, frame, p);
}

enum rc
livedb_still(struct livedb *db)
{
	/* Nothing came from the log: then nothing that happens to it matters.
	 */
	return db->state.wal.frame == 0 ? RC_OK : livelog_still(&db->log);
}
