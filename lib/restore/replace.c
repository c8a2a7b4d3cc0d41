/*
 * replace: see replace.h.
 *
 * SQLite applies what is beside a database without asking whose it is: a -wal
 * is replayed, and a -journal rolled back, into whatever file has the name.  Two
 * files can't be replaced in one step, hence the order:
 *
 *  1. The database is locked as SQLite locks it to write, so that nothing comes
 *     into the -wal or the -journal from here on; a process that has it open in
 *     WAL mode, or is in a transaction, makes that fail.
 *  2. What the old database needs of its -wal or -journal, SQLite itself puts
 *     into it (settle()): afterwards the -wal is empty, and no -journal is hot.
 *     The old database is the same as before, and whole without them.  They are
 *     fsynced, so that a power loss does not bring their old contents back.
 *     (SQLite has to have the lock for that; once we have it again, we look
 *     again.)
 *  3. The new file is renamed over the old one, and the directory fsynced.  If
 *     that fails nothing was lost; if the process is killed before, or after,
 *     what lies beside is without effect on either database.
 *  4. What lies beside is removed.
 *
 * Where there is no old database, or one that SQLite cannot open, it needs
 * nothing, but its -wal may be anything: then 2. is to rename that to a temporary
 * name, and back if 3. fails.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/acl.h"
#include "base/buf.h"
#include "base/directory.h"
#include "base/signals.h"
#include "base/sqlite.h"
#include "base/temporary.h"
#include "base/time.h"
#include "restore/replace.h"

enum {
	/* SQLite's locks: of a database file PENDING, RESERVED and SHARED, of
	 * a -shm all eight and the "dead man's switch". */
	LOCK_DB = 0x40000000,
	LOCK_DB_LEN = 2 + 510,
	LOCK_SHM = 120,
	LOCK_SHM_LEN = 9
};

enum { WAL, JOURNAL, SHM, BESIDE };
static const char *const suffix[BESIDE] = {"-wal", "-journal", "-shm"};

struct replace {
	char *path;
	char *beside[BESIDE];
	char *aside[BESIDE]; /* where it was moved to, or NULL */
	unsigned busy_ms;
	bool there; /* the database is, and this is it: */
	struct stat st;
	bool useless;   /* SQLite can't open it */
	int fd, shm_fd; /* with our locks; or -1 */
};

/* ---- what is meant ---- */

static enum rc
resolve(struct replace *r, const char *path)
{
	enum rc rc = path_followed(&r->path, path);

	if (rc)
		return rc;
	r->there = lstat(r->path, &r->st) == 0;
	if (!r->there)
		return errno == ENOENT ? RC_OK : msg_errno(r->path);
	if (!S_ISREG(r->st.st_mode))
		return msg_fail(RC_USAGE, "%s: not a regular file", r->path);
	return RC_OK;
}

enum rc
replace_removable(const char *beside)
{
	struct stat st;

	return lstat(beside, &st) == 0 && S_ISDIR(st.st_mode)
		   ? msg_fail(RC_USAGE, "%s: a directory, where a file belongs",
			 beside)
		   : RC_OK;
}

/* Before anything changes. */
static enum rc
all_removable(const struct replace *r)
{
	enum rc rc = RC_OK;

	for (int i = 0; i < BESIDE; i++)
		rc = rc_max(rc, replace_removable(r->beside[i]));
	return rc;
}

/* ---- locks ---- */

static bool
is_same(const char *path, const struct stat *of)
{
	struct stat st;

	return lstat(path, &st) == 0 && st.st_ino == of->st_ino &&
	       st.st_dev == of->st_dev;
}

/*
 * Locks of the open file, since those of a process go when any descriptor of the
 * file is closed, as SQLite does.  A file that may only be read gets a lock
 * that keeps writers out, if there is no reader; where locks can't be had,
 * nobody has one.
 */
static bool
lock_range(int fd, off_t start, off_t len)
{
	struct flock l = {.l_type = F_WRLCK, .l_start = start, .l_len = len};

	l.l_whence = SEEK_SET;
	if (fcntl(fd, F_OFD_SETLK, &l) == 0)
		return true;
	if (errno == EBADF) {
		if (fcntl(fd, F_OFD_GETLK, &l) == 0 && l.l_type != F_UNLCK)
			return false;
		l = (struct flock){.l_type = F_RDLCK,
		    .l_whence = SEEK_SET,
		    .l_start = start,
		    .l_len = len};
		if (fcntl(fd, F_OFD_SETLK, &l) == 0)
			return true;
	}
	return errno != EAGAIN && errno != EACCES;
}

static int
open_to_lock(const char *path)
{
	const int flags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
	int fd = open(path, O_RDWR | flags);

	if (fd < 0 && errno != ENOENT)
		fd = open(path, O_RDONLY | flags);
	return fd;
}

static void
unlock(struct replace *r)
{
	if (r->fd >= 0)
		close(r->fd);
	if (r->shm_fd >= 0)
		close(r->shm_fd);
	r->fd = r->shm_fd = -1;
}

/*
 * One try.  A database that may not even be read cannot be looked at; it can be
 * replaced all the same, as other files can.
 */
static enum rc
try_lock(struct replace *r, bool *busy)
{
	struct stat st;

	*busy = false;
	r->there = lstat(r->path, &r->st) == 0;
	if (!r->there)
		return errno == ENOENT ? RC_OK : msg_errno(r->path);
	if (!S_ISREG(r->st.st_mode))
		return msg_fail(RC_USAGE, "%s: not a regular file", r->path);
	r->fd = open_to_lock(r->path);
	if (r->fd < 0)
		return RC_OK;
	*busy = !lock_range(r->fd, LOCK_DB, LOCK_DB_LEN);
	if (!*busy && lstat(r->beside[SHM], &st) == 0 && S_ISREG(st.st_mode)) {
		r->shm_fd = open_to_lock(r->beside[SHM]);
		*busy = r->shm_fd >= 0 &&
			!lock_range(r->shm_fd, LOCK_SHM, LOCK_SHM_LEN);
	}
	/* Another one of us has replaced it while we waited. */
	*busy = *busy || fstat(r->fd, &r->st) != 0 || !is_same(r->path, &r->st);
	return RC_OK;
}

static enum rc
lock(struct replace *r)
{
	uint64_t until = time_monotonic() + r->busy_ms;
	bool busy;
	enum rc rc;

	for (;;) {
		rc = try_lock(r, &busy);
		if (rc || busy)
			unlock(r);
		if (rc || !busy)
			return rc;
		if (time_monotonic() >= until)
			return msg_fail(RC_SYSTEM,
			    "%s: another process has it in use", r->path);
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	}
}

/* ---- what the old database needs of what is beside it ---- */

/* A -wal that is not empty; a -journal whose header was not zeroed. */
static bool
has_effect(const struct replace *r, int which)
{
	int fd = open(r->beside[which], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char first = 1;
	ssize_t n;

	if (fd < 0)
		return file_exists(r->beside[which]);
	n = pread(fd, &first, 1, 0);
	close(fd);
	return n != 0 && (which == WAL || n < 0 || first != 0);
}

static bool
exec(sqlite3 *db, const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

/*
 * The -wal stays, empty: it goes when the new file is in place.  Closing does
 * nothing to a database that proved to be none.
 */
static bool
put_back(sqlite3 *db)
{
	int on = 1;

	/* Exclusive: without making a -shm.  Reading a header rolls a hot
	 * journal back, and does not need a schema that can be read. */
	return sqlite3_file_control(
		   db, "main", SQLITE_FCNTL_PERSIST_WAL, &on) == SQLITE_OK &&
	       sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1,
		   NULL) == SQLITE_OK &&
	       exec(db, "PRAGMA locking_mode = EXCLUSIVE") &&
	       exec(db, "PRAGMA user_version") &&
	       sqlite3_wal_checkpoint_v2(db, "main", SQLITE_CHECKPOINT_TRUNCATE,
		   NULL, NULL) == SQLITE_OK;
}

static bool
is_useless(sqlite3 *db)
{
	int err = sqlite3_errcode(db) & 0xff;

	return err == SQLITE_NOTADB || err == SQLITE_CORRUPT;
}

/*
 * Let SQLite put it into the database.  RC_ABSENT: the database is none, or one
 * that it can't open, so that nobody misses what was beside it.
 */
static enum rc
settle(struct replace *r)
{
	char *uri = sqlite_uri(r->path, "mode=rw");
	char *object =
	    xasprintf("%s: what is in its -wal or -journal cannot be "
		      "put into it",
		r->path);
	sqlite3 *db = NULL;
	enum rc rc = RC_OK;

	if (access(r->path, W_OK) != 0) {
		rc = msg_errno(object);
	} else if (sqlite_open(uri, &db,
		       SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI,
		       NULL) != SQLITE_OK) {
		rc = sqlite_fail(db, object);
	} else {
		sqlite3_busy_timeout(db, (int)r->busy_ms);
		sqlite_remove_beside(sqlite3_db_filename(db, "main"));
		if (!put_back(db))
			rc = is_useless(db) ? RC_ABSENT
					    : sqlite_fail(db, object);
		sqlite_remove_beside(NULL);
	}
	sqlite3_close(db);
	free(object);
	free(uri);
	return rc;
}

/* Lock it, needing nothing that is beside it. */
static enum rc
lock_settled(struct replace *r)
{
	enum { TRIES = 10 };
	enum rc rc;

	for (int i = 0; i < TRIES; i++) {
		rc = lock(r);
		if (rc)
			return rc;
		if (!r->there || r->st.st_size == 0 || r->useless ||
		    (!has_effect(r, WAL) && !has_effect(r, JOURNAL)))
			return RC_OK;
		unlock(r);
		rc = settle(r);
		if (rc == RC_ABSENT)
			r->useless = true;
		else if (rc)
			return rc;
	}
	return msg_fail(
	    RC_SYSTEM, "%s: another process has it in use", r->path);
}

/* ---- the change ---- */

/* What is beside it and empty has to be so after a power loss, too. */
static enum rc
sync_beside(const struct replace *r)
{
	struct file *f;
	enum rc rc = RC_OK;

	for (int i = WAL; i <= JOURNAL && rc == RC_OK; i++) {
		if (!file_exists(r->beside[i]) ||
		    file_open(&f, r->beside[i]) != RC_OK)
			continue;
		rc = file_sync(f);
		file_close(&f);
	}
	return rc ? rc : parent_sync(r->path);
}

static enum rc
move_aside(struct replace *r)
{
	for (int i = WAL; i <= JOURNAL; i++) {
		if (!has_effect(r, i))
			continue;
		r->aside[i] = temporary_name(r->beside[i]);
		if (rename(r->beside[i], r->aside[i]) != 0) {
			free(r->aside[i]);
			r->aside[i] = NULL;
			return msg_errno(r->beside[i]);
		}
	}
	return RC_OK;
}

static void
move_back(struct replace *r)
{
	for (int i = WAL; i <= JOURNAL; i++)
		if (r->aside[i] && rename(r->aside[i], r->beside[i]) != 0)
			(void)msg_errno(r->beside[i]);
}

static enum rc
remove_one(const char *path)
{
	return !path || unlink(path) == 0 || errno == ENOENT ? RC_OK
							     : msg_errno(path);
}

static enum rc
remove_beside(struct replace *r)
{
	enum rc rc = RC_OK;

	for (int i = 0; i < BESIDE; i++) {
		rc = rc_max(rc, remove_one(r->beside[i]));
		rc = rc_max(rc, remove_one(r->aside[i]));
	}
	return rc_max(rc, parent_sync(r->path));
}

/* SIGKILL alone comes between: see above. */
static enum rc
change(struct replace *r, struct file **file)
{
	struct stat st;
	enum rc rc;

	if (fstat(file_fd(*file), &st) != 0) {
		rc = msg_errno(file_name(*file));
		goto out;
	}
	rc = move_aside(r);
	if (rc == RC_OK)
		rc = sync_beside(r);
	if (rc == RC_OK)
		rc = file_commit(file);
	/* A directory that cannot be synced does not take it away again. */
	if (is_same(r->path, &st))
		rc = rc_max(rc, remove_beside(r));
	else
		move_back(r);
out:
	file_close(file);
	return rc;
}

/* ---- whose it is, and who may use it ---- */

static enum rc
own(const struct replace *r, struct file *file)
{
	struct stat st;

	if (fstat(file_fd(file), &st) != 0)
		return msg_errno(file_name(file));
	if ((st.st_uid == r->st.st_uid && st.st_gid == r->st.st_gid) ||
	    fchown(file_fd(file), r->st.st_uid, r->st.st_gid) == 0)
		return RC_OK;
	return msg_fail(RC_USAGE, "%s: its owner and group cannot be kept: %s",
	    r->path, strerror(errno));
}

/* After its owner has it: a mode of 04755 is lost with the owner. */
static enum rc
permit(const struct replace *r, struct file *file)
{
	if (!acl_copy(r->path, file_fd(file)))
		return msg_fail(RC_USAGE,
		    "%s: its access control list cannot be kept: %s", r->path,
		    strerror(errno));
	return file_chmod_as(file, r->st.st_mode & 07777);
}

/*
 * Root gives a file away at the end alone: until then it is his, and private.
 */
enum rc
replace_prepare(
    struct replace *r, struct file *file, const struct secrecy *secrecy)
{
	if (!r->there)
		return file_chmod(file, secrecy);
	return geteuid() == 0 ? RC_OK : own(r, file);
}

/* ---- from outside ---- */

enum rc
replace_new(struct replace **out, const char *path, unsigned busy_ms)
{
	struct replace *r = xcalloc(1, sizeof(*r));
	enum rc rc;

	*out = NULL;
	r->fd = r->shm_fd = -1;
	r->busy_ms = busy_ms;
	rc = resolve(r, path);
	if (rc == RC_OK) {
		for (int i = 0; i < BESIDE; i++)
			r->beside[i] = xasprintf("%s%s", r->path, suffix[i]);
		rc = all_removable(r);
	}
	if (rc == RC_OK)
		rc = lock(r);
	unlock(r);
	if (rc)
		replace_free(r);
	else
		*out = r;
	return rc;
}

void
replace_free(struct replace *r)
{
	if (!r)
		return;
	unlock(r);
	for (int i = 0; i < BESIDE; i++) {
		free(r->beside[i]);
		free(r->aside[i]);
	}
	free(r->path);
	free(r);
}

const char *
replace_path(const struct replace *r)
{
	return r->path;
}

enum rc
replace_commit(struct replace *r, struct file **file)
{
	sigset_t old;
	enum rc rc = file_sync(*file);

	if (rc == RC_OK)
		rc = lock_settled(r);
	if (rc == RC_OK)
		rc = all_removable(r);
	if (rc == RC_OK && r->there)
		rc = own(r, *file);
	if (rc == RC_OK && r->there)
		rc = permit(r, *file);
	if (rc == RC_OK) {
		signals_block(&old);
		rc = change(r, file);
		sigprocmask(SIG_SETMASK, &old, NULL);
	}
	unlock(r);
	file_close(file);
	return rc;
}
