/* restore: see restore.h. */

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/directory.h"
#include "base/file.h"
#include "base/output.h"
#include "restore/image.h"
#include "restore/replace.h"
#include "restore/restore.h"

/* What SQLite keeps beside a database and would apply to it. */
static const char *const beside[] = {"-wal", "-shm", "-journal"};
enum { BESIDE = sizeof(beside) / sizeof(beside[0]) };

/* ---- the target ---- */

enum rc
restore_nothing_beside(const char *path)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < BESIDE; i++) {
		char *stale = xasprintf("%s%s", path, beside[i]);

		if (replace_removable(stale))
			rc = RC_USAGE;
		else if (file_exists(stale))
			rc = rc_max(rc, msg_fail(RC_DATA,
					    "%s: left of another database "
					    "(-F removes it)",
					    stale));
		free(stale);
	}
	return rc;
}

static enum rc
exists_already(const char *path)
{
	return msg_fail(RC_DATA, "%s: exists already (-F replaces it)", path);
}

enum rc
restore_target(const char *path, const struct restore_opts *opts)
{
	struct replace *r;
	enum rc rc;

	if (!opts->replace)
		return file_exists(path) ? exists_already(path)
					 : restore_nothing_beside(path);
	rc = replace_new(&r, path, opts->busy_ms);
	replace_free(r);
	return rc;
}

/* ---- a file of that name that was not there before ---- */

/* Made meanwhile: by one who restored the same? */
static enum rc
made_meanwhile(struct file *file, const char *path)
{
	struct file *other = NULL;
	bool equal = false;
	enum rc rc = file_open(&other, path);

	if (rc == RC_OK)
		rc = file_same(file, other, &equal);
	if (rc == RC_OK && !equal)
		rc = exists_already(path);
	if (rc == RC_OK) {
		msg_info("%s: made by another process meanwhile", path);
		rc = parent_sync(path);
	}
	file_close(&other);
	return rc;
}

static enum rc
commit_new(struct file **file, const char *path)
{
	bool existed;
	enum rc rc;

	do {
		rc = restore_nothing_beside(path);
		if (rc == RC_OK)
			rc = file_commit_new(file, &existed);
		if (rc == RC_OK && existed)
			rc = made_meanwhile(*file, path);
	} while (rc == RC_ABSENT); /* gone again */
	return rc;
}

static enum rc
restore_new(struct merge *m, const struct merge_info *info, const char *path,
    const struct restore_opts *opts)
{
	struct file *file = NULL;
	enum rc rc = file_create(&file, path, FILE_PRIVATE);

	if (rc == RC_OK)
		rc = file_chmod(file, &info->secrecy);
	if (rc == RC_OK)
		rc = image_write(m, info, file, NULL, NULL, NULL);
	if (rc == RC_OK)
		rc = dbcheck(file_path(file), path, opts->check);
	if (rc == RC_OK)
		rc = commit_new(&file, path);
	file_close(&file);
	return rc;
}

/* ---- one in the place of another ---- */

static enum rc
restore_over(struct merge *m, const struct merge_info *info, const char *path,
    const struct restore_opts *opts)
{
	struct replace *r = NULL;
	struct file *file = NULL;
	enum rc rc = replace_new(&r, path, opts->busy_ms);

	if (rc == RC_OK)
		rc = file_create(
		    &file, replace_path(r), FILE_PRIVATE | FILE_REPLACE);
	if (rc == RC_OK)
		rc = replace_prepare(r, file, &info->secrecy);
	if (rc == RC_OK)
		rc = image_write(m, info, file, NULL, NULL, NULL);
	if (rc == RC_OK)
		rc = dbcheck(file_path(file), path, opts->check);
	if (rc == RC_OK)
		rc = replace_commit(r, &file);
	file_close(&file);
	replace_free(r);
	return rc;
}

enum rc
restore_restore(struct merge *m, const struct merge_info *info,
    const char *path, const struct restore_opts *opts)
{
	if (opts->dry_run) {
		enum rc rc = restore_target(path, opts);

		return rc ? rc : image_write(m, info, NULL, NULL, NULL, NULL);
	}
	return opts->replace ? restore_over(m, info, path, opts)
			     : restore_new(m, info, path, opts);
}

/* ---- to standard output ---- */

static enum rc
print_piece(void *arg, const void *data, size_t len)
{
	(void)arg;
	return fwrite(data, 1, len, stdout) == len ? RC_OK : output_check();
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
	rc = opts->check == DBCHECK_NONE ? file_scratch(&file)
					 : file_spool(&file);
	if (rc == RC_OK)
		rc = image_write(m, info, file, NULL, NULL, NULL);
	if (rc == RC_OK)
		rc = dbcheck(file_path(file), "the database", opts->check);
	if (rc == RC_OK)
		rc = file_feed(file, 0,
		    info->size_after * (uint64_t)info->page_size, print_piece,
		    NULL);
	file_close(&file);
	return rc;
}
