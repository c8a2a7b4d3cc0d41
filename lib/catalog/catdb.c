/* catdb: see catdb.h. */

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/directory.h"
#include "base/sqlite.h"
#include "catalog/catdb.h"

enum {
	APPLICATION_ID = 0x73656763, /* "segc" */
	SCHEMA_VERSION = 3,          /* 1 had no namespaces.newest, */
	OLD_VERSION = 2              /* which no segments.pages */
};

#define SET_VERSION "PRAGMA user_version = 3;"

static const char schema[] =
    "CREATE TABLE namespaces ("
    " id INTEGER PRIMARY KEY,"
    " name TEXT NOT NULL UNIQUE,"
    " changes INTEGER NOT NULL DEFAULT 0,"
    " newest TEXT);"
    "CREATE TABLE segments ("
    " namespace_id INTEGER NOT NULL"
    "  REFERENCES namespaces(id) ON DELETE CASCADE,"
    " end TEXT NOT NULL,"
    " start TEXT NOT NULL,"
    " time TEXT NOT NULL,"
    " bytes INTEGER,"
    " pages INTEGER,"
    " PRIMARY KEY (namespace_id, end, start, time)) WITHOUT ROWID;"
    "PRAGMA application_id = 1936025443;" SET_VERSION;

enum rc
catdb_fail(struct catalog *c)
{
	return sqlite_fail(c->db, c->path);
}

enum rc
catdb_run(struct catalog *c, const char *sql)
{
	return sqlite3_exec(c->db, sql, NULL, NULL, NULL) ? catdb_fail(c)
							  : RC_OK;
}

enum rc
catdb_prepare(struct catalog *c, sqlite3_stmt **st, const char *sql)
{
	for (size_t i = 0; i < c->n_kept; i++)
		if (c->kept[i].sql == sql) {
			*st = c->kept[i].st;
			return RC_OK;
		}
	if (sqlite3_prepare_v3(
		c->db, sql, -1, SQLITE_PREPARE_PERSISTENT, st, NULL))
		return catdb_fail(c);
	c->kept = xreallocarray(c->kept, c->n_kept + 1, sizeof(*c->kept));
	c->kept[c->n_kept++] = (struct catdb_kept){sql, *st};
	return RC_OK;
}

void
catdb_done(sqlite3_stmt *st)
{
	sqlite3_reset(st);
	if (st)
		sqlite3_clear_bindings(st);
}

void
catdb_bind_text(sqlite3_stmt *st, int i, const char *text)
{
	sqlite3_bind_text(st, i, text, -1, SQLITE_TRANSIENT);
}

/* RC_OK: a row; RC_ABSENT: no more. */
enum rc
catdb_step(struct catalog *c, sqlite3_stmt *st)
{
	switch (sqlite3_step(st)) {
	case SQLITE_ROW:
		return RC_OK;
	case SQLITE_DONE:
		return RC_ABSENT;
	default:
		return catdb_fail(c);
	}
}

enum rc
catdb_integer(struct catalog *c, const char *sql, int64_t *value)
{
	sqlite3_stmt *st = NULL;
	enum rc rc = catdb_prepare(c, &st, sql);

	if (rc == RC_OK)
		rc = catdb_step(c, st);
	if (rc == RC_OK)
		*value = sqlite3_column_int64(st, 0);
	catdb_done(st);
	return rc;
}

/* A statement without rows, with a namespace's name as its parameter. */
enum rc
catdb_run_name(struct catalog *c, const char *sql, const char *namespace)
{
	sqlite3_stmt *st = NULL;
	enum rc rc = catdb_prepare(c, &st, sql);

	if (rc == RC_OK) {
		catdb_bind_text(st, 1, namespace);
		rc = catdb_step(c, st);
	}
	catdb_done(st);
	return rc == RC_ABSENT ? RC_OK : rc;
}

enum rc
catdb_touch(struct catalog *c)
{
	return catdb_run(c, SET_VERSION);
}

/* Commit, or if rc is a failure, roll back and return that. */
enum rc
catdb_finish(struct catalog *c, enum rc rc)
{
	if (rc == RC_OK)
		rc = catdb_run(c, "COMMIT");
	if (rc == RC_OK)
		c->committed = true;
	else
		sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}

/* ---- opening ---- */

/* SQLite has tried to read it then, so that all it knows is that there is none:
 * why it cannot be made, making it says. */
static enum rc
say_not_made(sqlite3 *db, const char *path)
{
	int fd;

	if (file_exists(path))
		return sqlite_fail(db, path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0)
		return msg_errno(path);
	close(fd);
	return msg_fail(RC_SYSTEM, "%s: could not be made", path);
}

enum rc
catdb_open_file(sqlite3 **db, const char *path, int flags, int wait_ms)
{
	struct stat st;
	char *plain;
	int err;

	/* SQLite would wait for who writes into a FIFO, and take what cannot be
	 * read as a file for a broken disk. */
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return msg_fail(RC_USAGE, "%s: not a regular file", path);
	/* Nothing that SQLite would take for a special name. */
	plain = xasprintf("%s%s", *path == '/' ? "" : "./", path);
	err = sqlite_open(plain, db, flags | SQLITE_OPEN_NOMUTEX, NULL);
	free(plain);
	if (err && flags & SQLITE_OPEN_CREATE)
		return say_not_made(*db, path);
	if (err)
		return sqlite_fail(*db, path);
	sqlite3_busy_timeout(*db, wait_ms);
	return RC_OK;
}

void
catdb_close(struct catalog *c)
{
	for (size_t i = 0; i < c->n_kept; i++)
		sqlite3_finalize(c->kept[i].st);
	free(c->kept);
	c->kept = NULL;
	c->n_kept = 0;
	sqlite3_close(c->db);
	c->db = NULL;
}

/* *empty: it has nothing in it yet.  Looked at in one transaction, since
 * another may be making it. */
static enum rc
check_identity(struct catalog *c, bool *empty)
{
	int64_t id = 0, version = 0, tables = 0;
	enum rc rc = catdb_run(c, "SAVEPOINT look");

	if (rc == RC_OK)
		rc = catdb_integer(c, "PRAGMA application_id", &id);
	if (rc == RC_OK)
		rc = catdb_integer(c, "PRAGMA user_version", &version);
	if (rc == RC_OK)
		rc = catdb_integer(
		    c, "SELECT count(*) FROM sqlite_schema", &tables);
	if (rc == RC_OK)
		rc = catdb_run(c, "RELEASE look");
	if (rc)
		return rc;
	*empty = id == 0 && version == 0 && tables == 0;
	if (*empty)
		return RC_OK;
	if (id != APPLICATION_ID)
		return msg_fail(RC_DATA, "%s: not a catalogue", c->path);
	c->old = version == OLD_VERSION;
	if (version != SCHEMA_VERSION && !c->old)
		return msg_fail(RC_DATA,
		    "%s: catalogue of version %" PRId64 ", not %d", c->path,
		    version, SCHEMA_VERSION);
	return RC_OK;
}

/*
 * Where a file system has no shared mappings, there can be no log that several
 * read: a journal does then.  Who is alone with the file, from its opening on,
 * can still read the log, and leave it.  What else is wrong is said by who reads
 * on.
 */
static enum rc
do_without_wal(struct catalog *c)
{
	static const char look[] = "SELECT 1 FROM sqlite_schema";
	enum rc rc;

	if (sqlite3_exec(c->db, look, NULL, NULL, NULL) == SQLITE_OK ||
	    sqlite3_extended_errcode(c->db) != SQLITE_IOERR_SHMMAP)
		return RC_OK;
	msg_info("%s: no shared mappings here: not in WAL mode", c->path);
	catdb_close(c);
	rc =
	    catdb_open_file(&c->db, c->path, SQLITE_OPEN_READWRITE, c->wait_ms);
	return rc ? rc
		  : catdb_run(c, "PRAGMA locking_mode = EXCLUSIVE;"
				 "PRAGMA journal_mode = DELETE;"
				 "PRAGMA locking_mode = NORMAL;"
				 "SELECT 1 FROM sqlite_schema");
}

/* Several that do this at once would wait for each other for ever; SQLite sees
 * it and returns at once, whatever the time to wait. */
static enum rc
make_wal(struct catalog *c)
{
	int err, pause = 5;

	for (int waited = 0;; waited += pause) {
		err = sqlite3_exec(
		    c->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
		if (err != SQLITE_BUSY || waited >= c->wait_ms)
			return err ? catdb_fail(c) : RC_OK;
		sqlite3_sleep(pause);
	}
}

static enum rc
create_schema(struct catalog *c)
{
	bool empty = false;
	enum rc rc = make_wal(c);

	if (rc == RC_OK)
		rc = do_without_wal(c);
	if (rc == RC_OK)
		rc = catdb_run(c, "BEGIN IMMEDIATE");
	if (rc)
		return rc;
	rc = check_identity(c, &empty); /* another may have been faster */
	if (rc == RC_OK && empty)
		rc = catdb_run(c, schema);
	return catdb_finish(c, rc);
}

/* Nothing counts as known any more, so that what comes next lists all.  One that
 * has the column was of this version: a program of the other one, that had it
 * open, wrote its own into it. */
static enum rc
bring_up_to_date(struct catalog *c)
{
	int64_t has = 0;
	bool empty = false;
	enum rc rc = catdb_run(c, "BEGIN IMMEDIATE");

	if (rc)
		return rc;
	rc = check_identity(c, &empty); /* another may have been faster */
	if (rc == RC_OK)
		rc = catdb_integer(c,
		    "SELECT count(*) FROM pragma_table_info('segments')"
		    " WHERE name = 'pages'",
		    &has);
	if (rc == RC_OK && c->old && !has)
		rc = catdb_run(c, "ALTER TABLE segments ADD pages INTEGER");
	if (rc == RC_OK && c->old)
		rc = catdb_run(c,
		    "UPDATE segments SET pages = " CATDB_OLD_PAGES ";"
		    "UPDATE namespaces SET newest = NULL;" SET_VERSION);
	rc = catdb_finish(c, rc);
	if (rc == RC_OK && c->old)
		msg_info("%s: brought from version %d to %d", c->path,
		    OLD_VERSION, SCHEMA_VERSION);
	c->old = false;
	return rc;
}

/*
 * Take the lock that a change needs, and leave it: what would keep us from
 * changing the catalogue is found out before anything else is done.  The log is
 * made to stay, empty, when we close: who may not write in the directory could
 * not make it, and not read without it.
 */
static enum rc
prepare_changes(struct catalog *c)
{
	int stay = 1;
	enum rc rc;

	if (sqlite3_db_readonly(c->db, "main"))
		return access(c->path, W_OK) == 0
			   ? msg_fail(RC_SYSTEM,
				 "%s: could not be opened for writing", c->path)
			   : msg_fail(
				 RC_USAGE, "%s: may not be written", c->path);
	rc = catdb_run(c, "PRAGMA journal_size_limit = 1048576");
	if (rc == RC_OK && sqlite3_file_control(
			       c->db, "main", SQLITE_FCNTL_PERSIST_WAL, &stay))
		rc = catdb_fail(c);
	if (rc == RC_OK)
		rc = catdb_run(c, "BEGIN IMMEDIATE");
	return rc ? rc : catdb_run(c, "ROLLBACK");
}

enum rc
catdb_open(struct catalog *c, int flags)
{
	bool empty = false;
	enum rc rc = catdb_open_file(&c->db, c->path, flags, c->wait_ms);

	if (rc == RC_OK && flags & SQLITE_OPEN_READWRITE)
		rc = do_without_wal(c);
	if (rc == RC_OK)
		rc = check_identity(c, &empty);
	if (rc == RC_OK && empty)
		rc = flags & SQLITE_OPEN_CREATE
			 ? create_schema(c)
			 : msg_fail(RC_DATA, "%s: not a catalogue", c->path);
	if (rc == RC_OK) /* see catalog.c */
		rc = catdb_run(c, "PRAGMA foreign_keys = OFF");
	if (rc == RC_OK && flags & SQLITE_OPEN_READWRITE)
		rc = prepare_changes(c);
	if (rc == RC_OK && c->old && flags & SQLITE_OPEN_READWRITE)
		rc = bring_up_to_date(c);
	return rc;
}
