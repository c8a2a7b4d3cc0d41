/* file_data: what is in a file; see file.h. */

#include <errno.h>
#include <limits.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"

enum {
	/* What one system call moves: below it the call's cost shows, above it
	 * the data leaves the cache between two uses. */
	PIECE = 1 << 20,
	FEED = 256 << 10, /* what is fed on is to be in the cache still */
	/* From here on mapping a file is cheaper than reading it. */
	MAP_FROM = 256 << 10
};

/* Take n bytes off the front of a vector. */
static void
advance(struct iovec **v, int *count, size_t n)
{
	while (*count > 0 && n >= (*v)->iov_len) {
		n -= (*v)->iov_len;
		(*v)++;
		(*count)--;
	}
	if (*count > 0) {
		(*v)->iov_base = (char *)(*v)->iov_base + n;
		(*v)->iov_len -= n;
	}
}

enum rc
file_readv(struct file *f, struct iovec *v, int count, uint64_t offset)
{
	ssize_t r;

	advance(&v, &count, 0);
	while (count > 0) {
		r = preadv(file_fd(f), v, count < IOV_MAX ? count : IOV_MAX,
		    (off_t)offset);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return msg_errno(file_name(f));
		if (r == 0)
			return msg_fail(RC_DATA, "%s: cut short", file_name(f));
		offset += (uint64_t)r;
		advance(&v, &count, (size_t)r);
	}
	return RC_OK;
}

enum rc
file_read(struct file *f, void *p, size_t len, uint64_t offset)
{
	struct iovec v = {.iov_base = p, .iov_len = len};

	return file_readv(f, &v, 1, offset);
}

enum rc
file_writev(struct file *f, struct iovec *v, int count, uint64_t offset)
{
	ssize_t r;

	advance(&v, &count, 0);
	while (count > 0) {
		r = pwritev(file_fd(f), v, count < IOV_MAX ? count : IOV_MAX,
		    (off_t)offset);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return msg_errno(file_name(f));
		offset += (uint64_t)r;
		advance(&v, &count, (size_t)r);
	}
	return RC_OK;
}

enum rc
file_write(struct file *f, const void *p, size_t len, uint64_t offset)
{
	union {
		const void *from;
		void *to;
	} u = {.from = p}; /* struct iovec has no const */
	struct iovec v = {.iov_base = u.to, .iov_len = len};

	return file_writev(f, &v, 1, offset);
}

enum rc
file_put(const char *path, int flags, const void *data, size_t len)
{
	struct file *f = NULL;
	enum rc rc = file_create(&f, path, flags);

	if (rc == RC_OK)
		rc = file_write(f, data, len, 0);
	if (rc == RC_OK)
		rc = file_commit(&f);
	file_close(&f);
	return rc;
}

enum rc
file_same(struct file *a, struct file *b, bool *same)
{
	char *piece = xmalloc(2 * (size_t)PIECE);
	uint64_t size = 0, other = 0;
	size_t n;
	enum rc rc = file_size(a, &size);

	if (rc == RC_OK)
		rc = file_size(b, &other);
	*same = rc == RC_OK && size == other;
	for (uint64_t at = 0; rc == RC_OK && *same && at < size; at += n) {
		n = size - at < PIECE ? (size_t)(size - at) : PIECE;
		rc = file_read(a, piece, n, at);
		if (rc == RC_OK)
			rc = file_read(b, piece + PIECE, n, at);
		*same = rc == RC_OK && memcmp(piece, piece + PIECE, n) == 0;
	}
	free(piece);
	return rc;
}

enum rc
file_feed(struct file *f, uint64_t from, uint64_t to,
    enum rc (*sink)(void *arg, const void *data, size_t len), void *arg)
{
	char *piece = xmalloc(FEED);
	enum rc rc = RC_OK;
	size_t n;

	for (; rc == RC_OK && from < to; from += n) {
		n = to - from < FEED ? (size_t)(to - from) : FEED;
		rc = file_read(f, piece, n, from);
		if (rc == RC_OK)
			rc = sink(arg, piece, n);
	}
	free(piece);
	return rc;
}

enum rc
file_append(void *tail, const void *data, size_t len)
{
	struct file_tail *t = tail;
	enum rc rc = file_write(t->file, data, len, t->at);

	t->at += len;
	return rc;
}

static enum rc
copy_by_hand(struct file *dst, struct file *src, uint64_t at, uint64_t size)
{
	struct file_tail tail = {dst, at};

	return file_feed(src, at, size, file_append, &tail);
}

bool
file_clone(struct file *dst, struct file *src)
{
	return ioctl(file_fd(dst), FICLONE, file_fd(src)) == 0;
}

enum rc
file_copy(struct file *dst, struct file *src)
{
	uint64_t size;
	loff_t from = 0, to = 0;
	ssize_t r;
	enum rc rc = file_size(src, &size);

	if (rc)
		return rc;
	if (file_clone(dst, src))
		return RC_OK;
	while ((uint64_t)from < size) {
		r = copy_file_range(file_fd(src), &from, file_fd(dst), &to,
		    (size_t)(size - (uint64_t)from), 0);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0 && (errno == ENOSPC || errno == EIO))
			return msg_errno(file_name(dst));
		if (r <= 0)
			break; /* file systems that can't: by hand */
	}
	return copy_by_hand(dst, src, (uint64_t)from, size);
}

/* ---- checked on the way ---- */

struct checked_copy {
	const struct file_check *check;
	struct file_tail tail;
};

static enum rc
check_and_write(void *arg, const void *data, size_t len)
{
	struct checked_copy *c = arg;
	enum rc rc = c->check->feed(c->check->arg, data, len);

	return rc ? rc : file_append(&c->tail, data, len);
}

static enum rc
feed_checked(struct file *f, const struct file_check *check,
    enum rc (*sink)(void *arg, const void *data, size_t len), void *arg)
{
	uint64_t size;
	enum rc rc = file_size(f, &size);

	if (rc == RC_OK)
		rc = check->begin(check->arg);
	file_sequential(f);
	if (rc == RC_OK)
		rc = file_feed(f, 0, size, sink, arg);
	return rc ? rc : check->end(check->arg);
}

enum rc
file_check(struct file *f, const struct file_check *check)
{
	return feed_checked(f, check, check->feed, check->arg);
}

enum rc
file_copy_checked(
    struct file *dst, struct file *src, const struct file_check *check)
{
	struct checked_copy c = {check, {.file = dst}};

	if (file_clone(dst, src))
		return file_check(dst, check);
	return feed_checked(src, check, check_and_write, &c);
}

/* ---- mapped ---- */

/* Shared, so that the pages are the cache's own; file systems that cannot have
 * that can mostly have private ones, which nobody writes to.  NULL: neither. */
static void *
map(struct file *f, size_t size)
{
	void *p = mmap(NULL, size, PROT_READ, MAP_SHARED, file_fd(f), 0);

	if (p == MAP_FAILED)
		p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, file_fd(f), 0);
	return p == MAP_FAILED ? NULL : p;
}

enum rc
file_map(struct file_map *m, struct file *f, uint64_t limit)
{
	uint64_t size;
	void *p = NULL;
	enum rc rc = file_size(f, &size);

	*m = (struct file_map){0};
	if (rc)
		return rc;
	if (size > limit || size > SIZE_MAX)
		return msg_fail(RC_DATA, "%s: too large", file_name(f));
	if (size >= MAP_FROM)
		p = map(f, (size_t)size);
	m->mapped = p != NULL;
	if (!p) {
		p = xmalloc((size_t)size);
		rc = file_read(f, p, (size_t)size, 0);
		if (rc) {
			free(p);
			return rc;
		}
	}
	m->data = p;
	m->len = (size_t)size;
	return RC_OK;
}

void
file_unmap(struct file_map *m)
{
	union {
		const void *from;
		void *to;
	} u = {.from = m->data};

	if (m->mapped)
		munmap(u.to, m->len);
	else
		free(u.to);
	*m = (struct file_map){0};
}
