/*
 * dir: a store that is a directory.  The objects are files under it with
 * the paths that they have in a bucket.
 *
 * Transfers wait in a queue and are done by store_wait(), in rounds.  What
 * costs a small file most is to make it durable; the PUTs of a round share that
 * (file_commit_many()).  A PUT of a file that is to spare gives it a second name,
 * where that is as good as a copy.  A GET from offset 0 into an empty file is a clone, where
 * the file system can.  What is to be checked is read once: before it is handed
 * over, or while it is copied, before it has its name.
 *
 * A directory that a DELETE left empty is removed, so that a namespace without
 * objects does not exist, as in a bucket.  A lock on the root keeps that from
 * happening between the making of a directory and that of a file in it.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.h"
#include "base/handover.h"
#include "base/temporary.h"
#include "format/key.h"
#include "store/dir.h"
#include "store/dir_list.h"

enum {
	ROUND = 64,        /* transfers done together */
	PIECE = 256 << 10, /* what a sink gets at once: still in the cache */
	BUF_LIMIT = 64 << 20
};

struct dir_store {
	char *root;
	int lock;   /* the root, for flock(); or -1 */
	char *made; /* the last directory made for a PUT, relative */
	struct store_xfer *head, **tail;
	unsigned queued;
	struct request_counts *counts; /* or NULL */
};

/* A transfer in a round, and how it went. */
struct slot {
	struct store_xfer *xfer;
	enum rc rc;
	struct file *put; /* written, waiting for its name */
	bool handed;      /* or it has it: the directory is to be synced */
};

/* ---- paths ---- */

static char *
path_below(const struct dir_store *s, const char *path)
{
	return xasprintf("%s/%s", s->root, path);
}

static enum rc
check_root(const char *root)
{
	struct stat st;

	if (stat(root, &st) != 0)
		return errno == ENOENT
			   ? msg_fail(RC_USAGE,
				 "%s: no such store (seg-upload --create "
				 "makes it)",
				 root)
			   : msg_errno(root);
	if (!S_ISDIR(st.st_mode))
		return msg_fail(RC_USAGE, "%s: not a directory", root);
	return RC_OK;
}

/*
 * The links that a listing does not follow: of the directory that the object is
 * in, and of itself where it is read.  (A PUT replaces it, a DELETE removes it.)
 */
static enum rc
refuse_links(const struct dir_store *s, const struct store_xfer *x)
{
	char *path = path_below(s, x->object), *dir = path_dir(path);
	bool reads = x->verb == STORE_GET || x->verb == STORE_HEAD;
	enum rc rc = dir_refuse_link(dir);

	if (rc == RC_OK && reads)
		rc = dir_refuse_link(path);
	free(dir);
	free(path);
	return rc;
}

/* ---- listing ---- */

/* limit is only a hint; a directory has no order to make use of it. */
static enum rc
dir_list(void *impl, const char *prefix, bool delimited, unsigned limit,
    enum rc (*entry)(void *, const struct store_entry *), void *arg)
{
	struct dir_store *s = impl;
	char *base;
	enum rc rc = check_root(s->root);

	(void)limit;
	if (rc)
		return rc;
	if (s->counts)
		s->counts->requests++;
	if (!store_path_is_plain(prefix))
		return msg_fail(RC_DATA, "%s: not a path in a store", prefix);
	base = path_below(s, prefix);
	if (base[strlen(base) - 1] == '/')
		base[strlen(base) - 1] = 0;
	rc = dir_walk(base,
	    !delimited                        ? DIR_ALL
	    : prefix_is_of_namespaces(prefix) ? DIR_NAMESPACES
					      : DIR_NEXT,
	    entry, arg);
	free(base);
	return rc;
}

/* ---- GET, HEAD ---- */

/* What identifies the contents, since a name is never written twice in place.
 */
static enum rc
describe(struct store_xfer *x, struct file *f)
{
	char etag[sizeof(x->etag)] = "";
	struct stat st;

	if (fstat(file_fd(f), &st) != 0)
		return msg_errno(file_name(f));
	x->size = (uint64_t)st.st_size;
	x->secrecy = secrecy_of(file_fd(f), NULL, &st);
	snprintf(etag, sizeof(etag), "%llx-%llx-%llx.%lx",
	    (unsigned long long)st.st_ino, (unsigned long long)st.st_size,
	    (unsigned long long)st.st_mtim.tv_sec,
	    (unsigned long)st.st_mtim.tv_nsec);
	if (x->verb == STORE_GET && x->etag[0] && strcmp(x->etag, etag) != 0)
		return msg_fail(RC_DATA, "%s: changed meanwhile", file_name(f));
	memcpy(x->etag, etag, sizeof(etag));
	return RC_OK;
}

static enum rc
take_piece(
    struct store_xfer *x, const char *p, size_t n, uint64_t at, bool copied)
{
	enum rc rc = RC_OK;

	store_count(x->store, n);
	if (x->buf)
		buf_add(x->buf, p, n);
	if (x->sink)
		rc = x->sink(x->arg, p, n);
	if (rc == RC_OK && x->file && !copied)
		rc = file_write(x->file, p, n, at);
	return rc;
}

/* copied: the file has it. */
static enum rc
get_range(struct store_xfer *x, struct file *f, uint64_t length, bool copied)
{
	size_t room = length < PIECE ? (size_t)length : PIECE, n;
	char *piece = xmalloc(room + 1);
	uint64_t at = x->offset, end = x->offset + length;
	enum rc rc = RC_OK;

	if (length >= PIECE)
		file_sequential(f);
	for (; rc == RC_OK && at < end; at += n) {
		n = end - at < room ? (size_t)(end - at) : room;
		rc = file_read(f, piece, n, at);
		if (rc == RC_OK)
			rc = take_piece(x, piece, n, at, copied);
	}
	free(piece);
	return rc;
}

static enum rc
get_from(struct store_xfer *x, struct file *f)
{
	uint64_t limit = x->limit ? x->limit : BUF_LIMIT, have = 1, length;
	bool copied = false;
	enum rc rc = RC_OK;

	if (x->offset > x->size || x->length > x->size - x->offset)
		return store_too_short(x, file_name(f));
	length = x->length ? x->length : x->size - x->offset;
	if (x->buf && length > limit)
		return msg_fail(RC_DATA, "%s: too large", file_name(f));
	if (x->file && length == x->size)
		rc = file_size(x->file, &have);
	if (rc == RC_OK && have == 0 && !x->sink) {
		rc = file_copy(x->file, f);
		if (rc == RC_OK)
			store_count(x->store, x->size);
		return rc;
	}
	/* What is read for a sink is written on the way. */
	if (rc == RC_OK && have == 0)
		copied = file_clone(x->file, f);
	return rc ? rc : get_range(x, f, length, copied);
}

static enum rc
do_get(struct dir_store *s, struct store_xfer *x)
{
	char *path = path_below(s, x->object);
	struct file *f = NULL;
	enum rc rc = file_open(&f, path);

	if (rc == RC_OK)
		rc = describe(x, f);
	if (rc == RC_OK && x->verb == STORE_GET)
		rc = get_from(x, f);
	file_close(&f);
	free(path);
	return rc;
}

/* ---- directories ---- */

/* Remove the directories above the object that became empty.  Who is putting
 * something holds the lock: then they stay. */
static void
prune(struct dir_store *s, const char *object)
{
	char *path = path_below(s, object), *slash;
	size_t root = strlen(s->root);

	if (s->lock < 0 || flock(s->lock, LOCK_EX | LOCK_NB) != 0)
		goto out;
	while ((slash = strrchr(path, '/')) && slash > path + root) {
		*slash = 0;
		if (rmdir(path) != 0)
			break;
	}
	(void)flock(s->lock, LOCK_UN);
out:
	free(path);
}

/* ---- PUT ---- */

/* Make the directory of the object unless the last PUT just did. */
static enum rc
make_parent(struct dir_store *s, const char *object)
{
	const char *slash = strrchr(object, '/');
	size_t n = slash ? (size_t)(slash - object) : 0;
	char *parent = xstrndup(object, n), *path = path_below(s, parent);
	enum rc rc = RC_OK;

	if (!s->made || strcmp(s->made, parent) != 0 || !file_exists(path)) {
		rc = check_root(s->root);
		if (rc == RC_OK)
			rc = dir_make_below(s->root, parent);
	}
	free(s->made);
	s->made = parent;
	free(path);
	return rc;
}

/* What will be handed over; without its directory that cannot be told. */
static enum rc
check_spare(struct dir_store *s, struct store_xfer *x, const char *path)
{
	enum rc rc = make_parent(s, x->object);

	return rc == RC_OK && handover_may(x->file, x->spare, path)
		   ? file_check(x->file, x->check)
		   : rc;
}

static enum rc
hand_over(struct store_xfer *x, struct slot *slot, const char *path)
{
	enum handed handed = HANDED_NOT;
	uint64_t size = 0;
	enum rc rc = handover(x->file, x->spare, path, &handed);

	slot->handed = handed == HANDED;
	x->existed = handed == HANDED_TAKEN;
	if (slot->handed)
		rc = rc_max(rc, file_size(x->file, &size));
	store_count(x->store, size);
	return rc;
}

/* A file to write to, unless the object was handed over or is there. */
static enum rc
create_locked(struct dir_store *s, struct slot *slot, const char *path)
{
	struct store_xfer *x = slot->xfer;
	enum rc rc;

	if (s->lock >= 0)
		(void)flock(s->lock, LOCK_SH);
	rc = make_parent(s, x->object);
	if (rc == RC_OK && x->spare)
		rc = hand_over(x, slot, path);
	if (rc == RC_OK && !slot->handed && !x->existed)
		rc = file_create(&slot->put, path,
		    FILE_PRIVATE | (x->replace ? FILE_REPLACE : 0));
	if (s->lock >= 0)
		(void)flock(s->lock, LOCK_UN);
	return rc;
}

static enum rc
write_put(struct store_xfer *x, struct file *to)
{
	struct secrecy secrecy = x->secrecy;
	uint64_t size = 0;
	enum rc rc;

	if (x->file) {
		rc = x->check ? file_copy_checked(to, x->file, x->check)
			      : file_copy(to, x->file);
		if (rc == RC_OK)
			rc = file_secrecy(x->file, &secrecy);
		if (rc == RC_OK)
			rc = file_size(to, &size);
		store_count(x->store, size);
	} else {
		rc = file_write(to, x->buf->data, x->buf->len, 0);
	}
	return rc ? rc : file_chmod(to, &secrecy);
}

/* A file that is made has that done.  What a killed run left of an object that
 * is there is nothing that anybody would make again. */
static void
sweep_beside(const char *path)
{
	char *dir = path_dir(path);

	temporary_sweep_once(dir);
	free(dir);
}

static enum rc
do_put(struct dir_store *s, struct store_xfer *x, struct slot *slot)
{
	char *path = path_below(s, x->object);
	enum rc rc = RC_OK;

	x->existed = !x->replace && file_exists(path);
	if (x->existed)
		sweep_beside(path);
	if (!x->existed && x->spare && x->check)
		rc = check_spare(s, x, path);
	if (rc == RC_OK && !x->existed)
		rc = create_locked(s, slot, path);
	if (rc == RC_OK && slot->put)
		rc = write_put(x, slot->put);
	if (rc) {
		file_close(&slot->put);
		prune(s, x->object);
	}
	free(path);
	return rc;
}

/* Give the written files of a round their names. */
static void
commit_puts(struct slot *slots, size_t n)
{
	struct file_commit commit[ROUND];
	size_t of[ROUND], m = 0;

	for (size_t i = 0; i < n; i++) {
		if (!slots[i].put)
			continue;
		of[m] = i;
		commit[m++] = (struct file_commit){.file = slots[i].put};
		slots[i].put = NULL;
	}
	(void)file_commit_many(commit, m);
	for (size_t i = 0; i < m; i++) {
		slots[of[i]].rc = commit[i].rc;
		slots[of[i]].xfer->existed = commit[i].existed;
	}
}

/* ---- DELETE ---- */

static enum rc
do_delete(struct dir_store *s, struct store_xfer *x)
{
	char *path = path_below(s, x->object);
	enum rc rc = RC_OK;

	if (unlink(path) != 0)
		rc = errno == ENOENT ? RC_ABSENT : msg_errno(path);
	free(path);
	return rc;
}

/*
 * Removals, names given to what was handed over, and names found taken (whose
 * writer may not have got that far yet), become durable.
 */
static void
sync_dirs(struct dir_store *s, struct slot *slots, size_t n)
{
	struct dirs dirs = {0};
	enum rc rc;

	for (size_t i = 0; i < n; i++) {
		struct store_xfer *x = slots[i].xfer;
		char *path;

		if (x->verb != STORE_DELETE &&
		    !(x->verb == STORE_PUT && (x->existed || slots[i].handed)))
			continue;
		path = path_below(s, x->object);
		dirs_add(&dirs, path);
		free(path);
	}
	rc = dirs_sync(&dirs);
	for (size_t i = 0; i < n; i++) {
		struct store_xfer *x = slots[i].xfer;

		if (x->verb == STORE_DELETE) {
			prune(s, x->object);
			if (slots[i].rc == RC_OK)
				slots[i].rc = rc;
		} else if (x->verb == STORE_PUT && slots[i].rc == RC_OK) {
			slots[i].rc = rc;
		}
	}
}

static enum rc
dir_settled(void *impl, const char *object)
{
	char *path = path_below(impl, object);
	struct dirs dirs = {0};

	dirs_add(&dirs, path);
	free(path);
	return dirs_sync(&dirs);
}

/* ---- the queue ---- */

static void
dir_start(void *impl, struct store_xfer *x)
{
	struct dir_store *s = impl;

	x->next = NULL;
	*s->tail = x;
	s->tail = &x->next;
	s->queued++;
	if (s->counts)
		s->counts->requests++;
}

static struct store_xfer *
dequeue(struct dir_store *s)
{
	struct store_xfer *x = s->head;

	s->head = x->next;
	if (!s->head)
		s->tail = &s->head;
	x->next = NULL;
	s->queued--;
	return x;
}

static enum rc
transfer(struct dir_store *s, struct slot *slot)
{
	struct store_xfer *x = slot->xfer;
	enum rc rc;

	if (!store_object_is_plain(x->object))
		return msg_fail(
		    RC_DATA, "%s: not a path in a store", x->object);
	rc = refuse_links(s, x);
	if (rc)
		return rc;
	switch (x->verb) {
	case STORE_PUT:
		return do_put(s, x, slot);
	case STORE_DELETE:
		return do_delete(s, x);
	case STORE_GET:
	case STORE_HEAD:
		break;
	}
	return do_get(s, x);
}

/* done() may start transfers: they wait for the next round. */
static void
do_round(struct dir_store *s)
{
	struct slot slots[ROUND];
	size_t n = 0;

	for (; n < ROUND && s->head; n++) {
		slots[n] = (struct slot){.xfer = dequeue(s)};
		slots[n].rc = transfer(s, &slots[n]);
	}
	commit_puts(slots, n);
	sync_dirs(s, slots, n);
	for (size_t i = 0; i < n; i++)
		slots[i].xfer->done(slots[i].xfer, slots[i].rc);
}

static void
dir_wait(void *impl, unsigned max, int fd)
{
	struct dir_store *s = impl;

	while (s->queued > max && !fd_readable(fd))
		do_round(s);
}

static unsigned
dir_running(const void *impl)
{
	return ((const struct dir_store *)impl)->queued;
}

/* ---- opening ---- */

static void
dir_free(void *impl)
{
	struct dir_store *s = impl;

	if (s->lock >= 0)
		close(s->lock);
	free(s->made);
	free(s->root);
	free(s);
}

enum rc
store_dir_open(void **impl, const char *path, const struct store_opts *opts)
{
	struct dir_store *s;
	size_t len = strlen(path);
	enum rc rc;

	*impl = NULL;
	if (len == 0)
		return msg_fail(RC_USAGE, "the store's name is empty");
	if (opts->create) {
		rc = dir_make(path);
		if (rc)
			return rc;
	}
	rc = check_root(path);
	if (rc)
		return rc;
	while (len > 1 && path[len - 1] == '/')
		len--;
	s = xcalloc(1, sizeof(*s));
	s->root = xstrndup(path, len);
	s->lock = open(s->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	s->tail = &s->head;
	s->counts = opts->counts;
	*impl = s;
	return RC_OK;
}

const struct store_ops store_dir_ops = {
    .list = dir_list,
    .start = dir_start,
    .wait = dir_wait,
    .running = dir_running,
    .settle = dir_settled,
    .free = dir_free,
    .fails_in_part = true,
};
