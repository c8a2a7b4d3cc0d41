/*
 * adopt: see adopt.h.
 *
 * Names are given without replacing anything, so that nothing is decided by a
 * look that is out of date by then.  Where a name was taken, the files are still
 * at hand by a second descriptor, to be compared, and copied if need be.
 */

#include <stdlib.h>

#include "base/buf.h"
#include "segment/adopt.h"
#include "segment/segpair.h"

/* What has the names. */
enum there { THERE_SAME, THERE_OTHER, THERE_DAMAGED };

static enum rc
check_there(const char *seg_path, const char *idx_path, const struct key *key,
    struct file *copy, enum there *there)
{
	int quiet = msg_is_verbose() ? 0 : 100;
	struct file *seg = NULL, *idx = NULL;
	bool same = false;
	enum rc rc = file_open(&seg, seg_path);

	if (rc == RC_OK)
		rc = file_open(&idx, idx_path);
	if (rc == RC_DATA)
		goto out; /* a pipe, say: it is not ours to remove */
	msg_verbosity(-quiet);
	if (rc == RC_OK)
		rc = segpair_check(seg, idx, key, NULL, NULL);
	msg_verbosity(quiet);
	if (rc == RC_OK) {
		rc = file_same(seg, copy, &same);
		*there = same ? THERE_SAME : THERE_OTHER;
	} else if (rc == RC_DATA || rc == RC_ABSENT) {
		*there = THERE_DAMAGED;
		rc = RC_OK;
	}
out:
	file_close(&seg);
	file_close(&idx);
	return rc;
}

static enum rc
replace(const char *path, struct file *copy)
{
	const int flags = FILE_REPLACE | FILE_PRIVATE;
	struct secrecy secrecy;
	struct file *f = NULL;
	enum rc rc = file_secrecy(copy, &secrecy);

	if (rc == RC_OK)
		rc = file_create(&f, path, flags);
	if (rc == RC_OK)
		rc = file_chmod(f, &secrecy);
	if (rc == RC_OK)
		rc = file_copy(f, copy);
	if (rc == RC_OK)
		rc = file_commit(&f);
	file_close(&f);
	return rc;
}

/* A name or both were taken; seg_path and idx_path are theirs. */
static enum rc
reconcile(const char *seg_path, const char *idx_path, const struct key *key,
    struct file *const copy[2])
{
	enum there there = THERE_DAMAGED;
	enum rc rc =
	    check_there(seg_path, idx_path, key, copy[PART_SEGMENT], &there);

	if (rc || there == THERE_SAME)
		return rc;
	if (there == THERE_OTHER)
		return msg_fail(RC_DATA,
		    "%s: there already, whole, and not the same", seg_path);
	msg_info("%s: damaged, replaced", seg_path);
	rc = replace(seg_path, copy[PART_SEGMENT]);
	return rc ? rc : replace(idx_path, copy[PART_INDEX]);
}

struct copies {
	struct file *file[2];
	char *path[2];
};

static enum rc
keep_copies(struct copies *c, const struct adopt *a)
{
	enum rc rc = RC_OK;

	for (int part = 0; rc == RC_OK && part < 2; part++) {
		c->path[part] = xstrdup(file_name(a->file[part]));
		rc = file_open(&c->file[part], file_path(a->file[part]));
		if (rc == RC_ABSENT)
			rc = msg_fail(RC_SYSTEM, "%s: removed by somebody",
			    file_path(a->file[part]));
	}
	return rc;
}

static void
copies_release(struct copies *c)
{
	for (int part = 0; part < 2; part++) {
		file_close(&c->file[part]);
		free(c->path[part]);
	}
}

void
adopt_pairs(struct adopt *a, size_t n)
{
	struct file_commit commit[2 * ADOPT_MAX] = {0};
	struct copies copies[ADOPT_MAX] = {0};
	struct file_commit *c = commit;
	size_t files = 0;

	for (size_t i = 0; i < n; i++) {
		a[i].rc = keep_copies(&copies[i], &a[i]);
		for (int part = 0; part < 2; part++) {
			if (a[i].rc == RC_OK)
				commit[files++].file = a[i].file[part];
			else
				file_close(&a[i].file[part]);
			a[i].file[part] = NULL;
		}
	}
	(void)file_commit_many(commit, files);
	for (size_t i = 0; i < n; i++) {
		if (a[i].rc == RC_OK) {
			a[i].rc = rc_max(c[0].rc, c[1].rc);
			if (a[i].rc == RC_OK && (c[0].existed || c[1].existed))
				a[i].rc = reconcile(copies[i].path[0],
				    copies[i].path[1], &a[i].name.key,
				    copies[i].file);
			c += 2;
		}
		copies_release(&copies[i]);
	}
}
