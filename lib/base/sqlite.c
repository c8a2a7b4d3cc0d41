/* sqlite: see sqlite.h. */

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/directory.h"
#include "base/sqlite.h"

/*
 * SQLite says SQLITE_CORRUPT where a read fails with EIO, ENXIO or ERANGE, since
 * some file systems say so of damage; it is for whoever reads on to find out
 * what is damaged, but this may pass, and is the disk's.  So it hears of another
 * failure, which it takes for SQLITE_IOERR.
 */
static ssize_t (*sqlite_read)(int, void *, size_t);
static ssize_t (*sqlite_pread)(int, void *, size_t, off_t);
static ssize_t (*sqlite_pread64)(int, void *, size_t, off64_t);

static ssize_t
as_failed(ssize_t n)
{
	if (n < 0 && (errno == EIO || errno == ENXIO || errno == ERANGE))
		errno = EREMOTEIO;
	return n;
}

int
sqlite_errno(void)
{
	return errno == EREMOTEIO ? EIO : errno;
}

static ssize_t
plain_read(int fd, void *p, size_t n)
{
	return as_failed(sqlite_read(fd, p, n));
}

static ssize_t
plain_pread(int fd, void *p, size_t n, off_t at)
{
	return as_failed(sqlite_pread(fd, p, n, at));
}

static ssize_t
plain_pread64(int fd, void *p, size_t n, off64_t at)
{
	return as_failed(sqlite_pread64(fd, p, n, at));
}

/* The database beside which SQLite may remove files; or NULL: anywhere. */
static const char *beside;
static int (*sqlite_unlink)(const char *);

/*
 * A hot journal may name a file to be removed with it, in which other databases
 * of the same transaction are named.  It names what its writer likes, which we
 * may have rights on, and he not.  Kept, that file is without effect.
 */
static int
plain_unlink(const char *path)
{
	size_t n = beside ? strlen(beside) : 0;

	if (beside && (strncmp(path, beside, n) != 0 ||
			  (strcmp(path + n, "-journal") != 0 &&
			      strcmp(path + n, "-wal") != 0)))
		return 0;
	return sqlite_unlink(path);
}

void
sqlite_remove_beside(const char *db)
{
	beside = db;
}

static sqlite3_syscall_ptr
replace_call(sqlite3_vfs *vfs, const char *name, sqlite3_syscall_ptr by)
{
	sqlite3_syscall_ptr was = vfs->xGetSystemCall(vfs, name);

	if (was)
		vfs->xSetSystemCall(vfs, name, by);
	return was;
}

int
sqlite_open(const char *name, sqlite3 **db, int flags, const char *vfs)
{
	sqlite3_vfs *unix_vfs = sqlite3_vfs_find("unix");

	if (!sqlite_read && unix_vfs && unix_vfs->iVersion >= 3) {
		sqlite_read = (ssize_t(*)(int, void *, size_t))replace_call(
		    unix_vfs, "read", (sqlite3_syscall_ptr)plain_read);
		sqlite_unlink = (int (*)(const char *))replace_call(
		    unix_vfs, "unlink", (sqlite3_syscall_ptr)plain_unlink);
		sqlite_pread =
		    (ssize_t(*)(int, void *, size_t, off_t))replace_call(
			unix_vfs, "pread", (sqlite3_syscall_ptr)plain_pread);
		sqlite_pread64 = (ssize_t(*)(
		    int, void *, size_t, off64_t))replace_call(unix_vfs,
		    "pread64", (sqlite3_syscall_ptr)plain_pread64);
	}
	return sqlite3_open_v2(name, db, flags, vfs);
}

static const char *
file_of(sqlite3 *db)
{
	const char *file = db ? sqlite3_db_filename(db, "main") : NULL;

	return file ? file : "";
}

/*
 * What cannot be opened for writing SQLite opens for reading, whatever the
 * reason: so a full disk, too, ends in a database that may not be written, or in
 * a file beside it that is not there.
 */
static bool
may_be_written(sqlite3 *db)
{
	char *dir = path_dir(file_of(db));
	bool may = access(file_of(db), W_OK) == 0 && access(dir, W_OK) == 0;

	free(dir);
	return may;
}

enum rc
sqlite_fail(sqlite3 *db, const char *object)
{
	int err = db ? sqlite3_errcode(db) & 0xff : SQLITE_NOMEM;
	int sys = db ? sqlite3_system_errno(db) : 0;
	const char *why = db ? sqlite3_errmsg(db) : "out of memory";
	enum rc rc = RC_DATA;

	switch (err) {
	case SQLITE_CANTOPEN:
		if (sys && !(sys == ENOENT && file_exists(file_of(db)))) {
			errno = sys;
			return msg_errno(object);
		}
		rc = RC_SYSTEM;
		break;
	case SQLITE_READONLY:
		/* What was to be written is what readers need, too. */
		if (sqlite3_extended_errcode(db) == SQLITE_READONLY_DIRECTORY)
			why = "in WAL mode, and its -wal and -shm are neither "
			      "there nor may be made";
		rc = may_be_written(db) ? RC_SYSTEM : RC_USAGE;
		break;
	case SQLITE_PERM:
	case SQLITE_AUTH:
		rc = RC_USAGE;
		break;
	case SQLITE_IOERR:
		if (sqlite3_extended_errcode(db) == SQLITE_IOERR_SHMMAP)
			why = "in WAL mode, and its -shm cannot be mapped";
		rc = RC_SYSTEM;
		break;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL:
	case SQLITE_FULL:
	case SQLITE_NOMEM:
	case SQLITE_INTERRUPT:
		rc = RC_SYSTEM;
		break;
	}
	return msg_fail(rc, "%s: %s", object, why);
}

char *
sqlite_uri(const char *path, const char *parameters)
{
	struct buf b = {0};
	char *real = realpath(path, NULL);

	buf_adds(&b, "file:");
	for (const char *p = real ? real : path; *p; p++) {
		if (isalnum((unsigned char)*p) || strchr("/._-", *p))
			buf_addc(&b, *p);
		else
			buf_addf(&b, "%%%02X", (unsigned char)*p);
	}
	buf_addf(&b, "?%s", parameters);
	free(real);
	return b.data;
}
