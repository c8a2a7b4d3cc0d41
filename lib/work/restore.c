/* restore: see restore.h. */

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/buf.h"
#include "base/directory.h"
#include "base/file.h"
#include "base/output.h"
#include "format/segment.h"
#include "format/sum.h"
#include "work/image.h"
#include "work/restore.h"

enum { PIECE = 1 << 20 };

/* What SQLite keeps beside a database and would apply to it. */
static const char *const beside[] = {"-wal", "-shm", "-journal"};
enum { BESIDE = sizeof(beside) / sizeof(beside[0]) };

/* ---- the target ---- */

enum rc
restore_target(const char *path, const struct restore_opts *opts)
{
	enum rc rc = RC_OK;

	if (opts->replace)
		return RC_OK;
	if (file_exists(path))
		return msg_fail(
		    RC_DATA, "%s: exists already (-F replaces it)", path);
	for (size_t i = 0; i < BESIDE; i++) {
		char *stale = xasprintf("%s%s", path, beside[i]);

		if (file_exists(stale))
			rc = msg_fail(RC_DATA,
			    "%s: left of another database "
			    "(-F removes it)",
			    stale);
		free(stale);
	}
	return rc;
}

static enum rc
remove_beside(const char *path)
{
	enum rc rc = RC_OK, one;

	for (size_t i = 0; i < BESIDE; i++) {
		char *stale = xasprintf("%s%s", path, beside[i]);

		one = file_remove(stale);
		if (one != RC_ABSENT)
			rc = rc_max(rc, one);
		free(stale);
	}
	return rc;
}

/* ---- SQLite's check ---- */

/* A URI of an absolute path: what is not plain is escaped. */
static char *
uri_of(const char *path)
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
	buf_adds(&b, "?mode=ro&immutable=1");
	free(real);
	return b.data;
}

/* The rows of the pragma: "ok", or what is wrong, of which the first says
 * enough. */
static enum rc
run_check(sqlite3 *db, const char *sql, const char *name)
{
	sqlite3_stmt *stmt = NULL;
	const char *text = NULL;
	enum rc rc = RC_OK;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
	    sqlite3_step(stmt) == SQLITE_ROW)
		text = (const char *)sqlite3_column_text(stmt, 0);
	if (!text)
		rc = msg_fail(RC_DATA, "%s: SQLite's check: %s", name,
		    sqlite3_errmsg(db));
	else if (strcmp(text, "ok") != 0)
		rc = msg_fail(RC_DATA, "%s: SQLite's check: %s", name, text);
	sqlite3_finalize(stmt);
	return rc;
}

/*
 * On the file under its temporary name, as a database that nobody changes: so
 * SQLite neither locks it nor leaves a -wal or -shm beside it, also of one in
 * WAL mode.
 */
static enum rc
sqlite_check(struct file *file, enum restore_check check)
{
	const char *sql = check == RESTORE_QUICK ? "PRAGMA quick_check(1)"
						 : "PRAGMA integrity_check(1)";
	char *uri;
	sqlite3 *db = NULL;
	enum rc rc;

	if (check == RESTORE_NONE)
		return RC_OK;
	uri = uri_of(file_path(file));
	if (sqlite3_open_v2(uri, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI,
		NULL) != SQLITE_OK)
		rc = msg_fail(RC_SYSTEM, "%s: SQLite: %s", file_name(file),
		    db ? sqlite3_errmsg(db) : "out of memory");
	else
		rc = run_check(db, sql, file_name(file));
	sqlite3_close(db);
	free(uri);
	return rc;
}

/* ---- restoring ---- */

enum rc
restore_restore(struct merge *m, const struct merge_info *info,
    const char *path, const struct restore_opts *opts)
{
	struct file *file = NULL;
	int flags = FILE_PRIVATE | (opts->replace ? FILE_REPLACE : 0);
	enum rc rc;

	rc = restore_target(path, opts);
	if (rc)
		return rc;
	if (opts->dry_run)
		return image_write(m, info, NULL, NULL, NULL, NULL);
	rc = file_create(&file, path, flags);
	if (rc == RC_OK)
		rc = file_chmod(file, info->mode);
	if (rc == RC_OK)
		rc = image_write(m, info, file, NULL, NULL, NULL);
	if (rc == RC_OK)
		rc = sqlite_check(file, opts->check);
	/* On the disk before anything is removed, and free of what is stale
	 * before it has its name. */
	if (rc == RC_OK)
		rc = file_sync(file);
	if (rc == RC_OK && opts->replace)
		rc = remove_beside(path);
	if (rc == RC_OK)
		rc = restore_target(path, opts);
	if (rc == RC_OK)
		rc = file_commit(&file);
	file_close(&file);
	return rc;
}

static enum rc
copy_to_stdout(struct file *file, uint64_t size)
{
	uint8_t *piece = xmalloc(PIECE);
	enum rc rc = RC_OK;
	size_t n;

	for (uint64_t at = 0; rc == RC_OK && at < size; at += n) {
		n = size - at < PIECE ? (size_t)(size - at) : PIECE;
		rc = file_read(file, piece, n, at);
		if (rc == RC_OK && fwrite(piece, 1, n, stdout) != n)
			rc = output_check();
	}
	free(piece);
	return rc;
}

enum rc
restore_restore_stdout(struct merge *m, const struct merge_info *info,
    const struct restore_opts *opts)
{
	struct file *file = NULL;
	enum rc rc;

	if (opts->dry_run)
		return image_write(m, info, NULL, NULL, NULL, NULL);
	/* SQLite needs a name to open; else a file without one leaves nothing
	 * behind, whatever happens. */
	rc = opts->check == RESTORE_NONE ? file_scratch(&file)
					 : file_spool(&file);
	if (rc == RC_OK)
		rc = image_write(m, info, file, NULL, NULL, NULL);
	if (rc == RC_OK)
		rc = sqlite_check(file, opts->check);
	if (rc == RC_OK)
		rc = copy_to_stdout(
		    file, info->size_after * (uint64_t)info->page_size);
	file_close(&file);
	return rc;
}
