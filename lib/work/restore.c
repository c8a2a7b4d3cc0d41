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
#include "base/coalesce.h"
#include "base/directory.h"
#include "base/file.h"
#include "base/output.h"
#include "format/segment.h"
#include "format/sum.h"
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

/* ---- the pages ---- */

/* The sink of the merge; out is NULL in a dry run. */
struct image {
	struct file *file;
	struct coalesce *out;
	uint32_t page_size;
	bool has_sum;
	struct seg_sum sum;
	uint64_t next; /* the page after the last one */
};

/*
 * A page that no segment has is zero bytes: of it the checksum must know, as
 * seg-cut does, but nothing is written.
 */
static void
sum_holes(struct image *im, uint64_t until)
{
	static const uint8_t zero[SEG_PAGE_MAX];

	for (; im->next < until; im->next++)
		seg_sum_page(&im->sum, (uint32_t)im->next, zero, im->page_size);
}

static enum rc
image_page(void *arg, uint32_t page_no, const uint8_t *frame)
{
	struct image *im = arg;
	const uint8_t *page = frame + SEG_FRAME;
	enum rc rc;

	if (im->has_sum) {
		sum_holes(im, page_no);
		seg_sum_page(&im->sum, page_no, page, im->page_size);
		im->next = (uint64_t)page_no + 1;
	}
	if (!im->out)
		return RC_OK;
	rc = coalesce_seek(im->out, (page_no - 1) * (uint64_t)im->page_size);
	return rc ? rc : coalesce_add(im->out, page, im->page_size);
}

static enum rc
image_settle(void *arg)
{
	struct image *im = arg;

	return im->out ? coalesce_settle(im->out) : RC_OK;
}

static enum rc
check_sum(struct image *im, const struct merge_info *info)
{
	if (!im->has_sum)
		return RC_OK;
	sum_holes(im, (uint64_t)info->size_after + 1);
	if (seg_id_matches(info->id, &im->sum))
		return RC_OK;
	return msg_fail(RC_DATA,
	    "%s: the restored pages are not the database "
	    "that was cut: its checksum differs",
	    info->last_path);
}

/* Merge into file, or only read and check if that is NULL. */
static enum rc
write_image(struct merge *m, const struct merge_info *info, struct file *file)
{
	struct image im = {
	    .file = file,
	    .page_size = info->page_size,
	    .has_sum = seg_id_has_sum(info->id),
	    .next = 1,
	};
	const struct merge_sink sink = {image_page, image_settle, &im};
	uint64_t size = info->size_after * (uint64_t)info->page_size;
	enum rc rc = RC_OK;

	/* No more than the inputs take. */
	if (file && info->frames >= info->size_after)
		rc = file_reserve(file, size);
	if (rc)
		return rc;
	if (file)
		im.out = coalesce_new(file, 0);
	rc = merge_run(m, &sink);
	if (rc == RC_OK && im.out)
		rc = coalesce_flush(im.out);
	/* What no page was written to is a hole, at the end too. */
	if (rc == RC_OK && file)
		rc = file_truncate(file, size);
	if (rc == RC_OK)
		rc = check_sum(&im, info);
	coalesce_free(im.out);
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
		return write_image(m, info, NULL);
	rc = file_create(&file, path, flags);
	if (rc == RC_OK)
		rc = file_chmod(file, info->mode);
	if (rc == RC_OK)
		rc = write_image(m, info, file);
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

/* SQLite needs a name to open; else a file without one leaves nothing behind,
 * whatever happens. */
static enum rc
spool_file(struct file **file, enum restore_check check)
{
	const char *dir = getenv("TMPDIR");
	char *path;
	enum rc rc;

	if (check == RESTORE_NONE)
		return file_scratch(file);
	path = xasprintf(
	    "%s/seg-restore.%ld", dir && *dir ? dir : "/tmp", (long)getpid());
	rc = file_create(file, path, FILE_PRIVATE);
	free(path);
	return rc;
}

enum rc
restore_restore_stdout(struct merge *m, const struct merge_info *info,
    const struct restore_opts *opts)
{
	struct file *file = NULL;
	enum rc rc;

	if (opts->dry_run)
		return write_image(m, info, NULL);
	rc = spool_file(&file, opts->check);
	if (rc == RC_OK)
		rc = write_image(m, info, file);
	if (rc == RC_OK)
		rc = sqlite_check(file, opts->check);
	if (rc == RC_OK)
		rc = copy_to_stdout(
		    file, info->size_after * (uint64_t)info->page_size);
	file_close(&file);
	return rc;
}
