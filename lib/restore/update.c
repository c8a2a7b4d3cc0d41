/*
 * update: see update.h.
 *
 * What can be in the way of another one that does the same is done under a lock
 * of the directory: to look at what is there once more, to write down what is
 * and what comes, and to put the new file in place.  Whoever finds there that it
 * was done already has nothing more to do.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/directory.h"
#include "base/file.h"
#include "restore/dbcheck.h"
#include "restore/image.h"
#include "restore/replace.h"
#include "restore/standby.h"
#include "restore/update.h"

struct update {
	const struct restore_opts *opts;
	const struct merge_info *info;
	const char *path; /* the file that is meant */
	bool there;       /* it is; and if its state is known: */
	bool known;
	struct standby is, comes;
	int lock; /* the directory, or -1 */
};

/* ---- what is there ---- */

/* Where the copy stands; one that is nobody's is refused, or of no interest. */
static enum rc
look(struct update *u)
{
	const char *why;
	enum rc rc = standby_read(u->path, &u->is, &why);

	u->there = rc != RC_ABSENT;
	u->known = rc == RC_OK && !why;
	if (rc == RC_ABSENT)
		return u->opts->replace ? RC_OK
					: restore_nothing_beside(u->path);
	if (rc == RC_OK && why && !u->opts->replace)
		return msg_fail(
		    RC_DATA, "%s: %s (-F replaces it)", u->path, why);
	return u->opts->replace && rc == RC_DATA ? RC_OK : rc;
}

/* DB-seg can be written. */
static enum rc
may_stand(const char *db)
{
	char *path = xasprintf("%s-seg", db);
	enum rc rc = replace_removable(path);

	free(path);
	return rc;
}

enum rc
update_target(const char *path, const struct restore_opts *opts)
{
	struct update u = {.opts = opts};
	struct replace *r = NULL;
	enum rc rc = replace_new(&r, path, opts->busy_ms);

	if (rc == RC_OK) {
		u.path = replace_path(r);
		rc = may_stand(u.path);
	}
	if (rc == RC_OK)
		rc = look(&u);
	replace_free(r);
	return rc;
}

/* Does it stand where the set ends?  Then another one did the same before us.
 * (What has a whole database is made from it, whatever is there.) */
static bool
is_done(const struct update *u)
{
	const struct key *key = &u->info->name.key;

	return u->known && key->start != 1 &&
	       strcmp(u->is.namespace, u->info->name.namespace) == 0 &&
	       u->is.end == key->end && u->is.time == key->time &&
	       u->is.page_size == u->info->page_size &&
	       u->is.size == u->info->size_after &&
	       (!u->is.has_sum || !seg_id_has_sum(u->info->id) ||
		   seg_id_matches(u->info->id, &u->is.sum));
}

/* Does the set lead on from there?  *base: from the pages that are there. */
static enum rc
judge(const struct update *u, bool *base)
{
	uint64_t start = u->info->name.key.start;

	*base = u->known && start == u->is.end + 1 &&
		u->info->page_size == u->is.page_size;
	if (u->known && !u->opts->replace &&
	    strcmp(u->is.namespace, u->info->name.namespace) != 0)
		return msg_fail(RC_DATA,
		    "%s: a copy of %s, not of %s (-F replaces it)", u->path,
		    u->is.namespace, u->info->name.namespace);
	if (start == 1 || *base)
		return RC_OK;
	if (!u->known)
		return msg_fail(RC_DATA,
		    "%s: not made: the set begins at frame %" PRIu64 ", not 1",
		    u->path, start);
	if (start != u->is.end + 1)
		return msg_fail(RC_DATA,
		    "%s: ends at frame %" PRIu64
		    ", and the set begins at %" PRIu64,
		    u->path, u->is.end, start);
	/* Another page size: all of it must be in the set, as the checksum of
	 * the whole will tell. */
	if (!seg_id_has_sum(u->info->id))
		return msg_fail(RC_DATA,
		    "%s: has pages of %" PRIu32
		    " bytes, and the set of %" PRIu32,
		    u->path, u->is.page_size, u->info->page_size);
	return RC_OK;
}

/* The file as it was: of one that was replaced twice the inode may be back. */
static bool
same_file(const struct standby *a, const struct standby *b)
{
	return a->inode == b->inode && a->mtime == b->mtime &&
	       a->end == b->end && a->time == b->time;
}

/* ---- the new file ---- */

/* The pages that are there, as they were when we looked; *done: they are not,
 * for another one has done the same meanwhile. */
static enum rc
copy_base(struct update *u, struct file *file, bool *done)
{
	struct standby now;
	struct file *base = NULL;
	const char *why;
	enum rc rc = file_open(&base, u->path);

	if (rc == RC_OK)
		rc = file_copy(file, base);
	file_close(&base);
	if (rc == RC_OK)
		rc = standby_read(u->path, &now, &why);
	if (rc != RC_ABSENT && (rc || (!why && same_file(&now, &u->is))))
		return rc;
	rc = look(u);
	*done = rc == RC_OK && is_done(u);
	if (rc == RC_OK && !*done)
		rc = msg_fail(
		    RC_SYSTEM, "%s: changed while it was read", u->path);
	return rc;
}

static enum rc
build(struct update *u, struct merge *m, struct file *file, bool from_base,
    bool *done)
{
	struct image_base base = {
	    .size = u->is.size, .has_sum = u->is.has_sum, .sum = u->is.sum};
	struct standby *next = &u->comes;
	enum rc rc = from_base ? copy_base(u, file, done) : RC_OK;

	if (rc || *done)
		return rc;
	*next = (struct standby){.end = u->info->name.key.end,
	    .time = u->info->name.key.time,
	    .page_size = u->info->page_size,
	    .size = u->info->size_after};
	strcpy(next->namespace, u->info->name.namespace);
	rc = image_write(m, u->info, file, from_base ? &base : NULL, &next->sum,
	    &next->has_sum);
	if (rc == RC_OK && u->opts->check != DBCHECK_NONE)
		rc = dbcheck(file_path(file), u->path, u->opts->check);
	return rc;
}

/* ---- in its place ---- */

/* Where the file system knows no locks nobody has one. */
static void
lock_directory(struct update *u)
{
	char *dir = path_dir(u->path);

	u->lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while (u->lock >= 0 && flock(u->lock, LOCK_EX) != 0 && errno == EINTR)
		;
	free(dir);
}

static void
unlock_directory(struct update *u)
{
	if (u->lock >= 0)
		close(u->lock);
}

/* Did another one do it meanwhile?  RC_SYSTEM: it did something else. */
static enum rc
look_again(struct update *u, bool *done)
{
	struct standby was = u->is;
	bool there = u->there, known = u->known;
	enum rc rc = look(u);

	*done = rc == RC_OK && u->known && u->is.end == u->comes.end &&
		u->is.time == u->comes.time && u->is.bytes == u->comes.bytes &&
		(!known || !same_file(&was, &u->is)) &&
		memcmp(&u->is.sum, &u->comes.sum, sizeof(u->is.sum)) == 0;
	if (rc || *done)
		return rc;
	if (u->there != there || u->known != known ||
	    (known && !same_file(&was, &u->is)))
		return msg_fail(RC_SYSTEM,
		    "%s: another process changed it meanwhile", u->path);
	return RC_OK;
}

static enum rc
commit(struct update *u, struct replace *r, struct file **file, bool *done)
{
	enum rc rc = file_sync(*file);

	if (rc == RC_OK)
		rc = standby_stamp(&u->comes, file_fd(*file), u->path);
	if (rc)
		return rc;
	lock_directory(u);
	rc = look_again(u, done);
	if (rc == RC_OK && !*done)
		rc =
		    standby_write(u->path, u->known ? &u->is : NULL, &u->comes);
	if (rc == RC_OK && !*done)
		rc = replace_commit(r, file);
	unlock_directory(u);
	return rc;
}

/* The new file, from nothing or from what is there, in its place. */
static enum rc
make(
    struct update *u, struct merge *m, struct replace *r, bool base, bool *done)
{
	struct file *file = NULL;
	enum rc rc;

	if (u->opts->dry_run) {
		rc = file_scratch(&file);
	} else {
		rc = file_create(&file, u->path, FILE_PRIVATE | FILE_REPLACE);
		if (rc == RC_OK)
			rc = replace_prepare(r, file, &u->info->secrecy);
	}
	if (rc == RC_OK)
		rc = build(u, m, file, base, done);
	if (rc == RC_OK && !*done && !u->opts->dry_run)
		rc = commit(u, r, &file, done);
	file_close(&file);
	return rc;
}

enum rc
update_run(struct merge *m, const struct merge_info *info, const char *path,
    const struct restore_opts *opts)
{
	struct update u = {.opts = opts, .info = info};
	struct replace *r = NULL;
	bool base = false, done = false;
	enum rc rc = replace_new(&r, path, opts->busy_ms);

	if (rc)
		return rc;
	u.path = replace_path(r);
	rc = look(&u);
	done = rc == RC_OK && is_done(&u);
	if (rc == RC_OK && !done)
		rc = judge(&u, &base);
	if (rc == RC_OK && !done)
		rc = make(&u, m, r, base, &done);
	if (done)
		msg_info("%s: done already", u.path);
	replace_free(r);
	return rc;
}
