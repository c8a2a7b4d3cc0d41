/* disk_cache: see disk_cache.h. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/directory.h"
#include "base/time.h"
#include "format/checksum.h"
#include "format/segment.h"
#include "remote/disk_cache.h"

enum {
	OPEN = 64, /* files, at most, and as a share of those that may be */
	OPEN_SHARE = 8,
	SUM = 4,
	BLOCK = 4096, /* of a file system */
	NAME = 32,
	SLOT_MAX = SUM + SEG_FRAME_LATER + SEG_PAGE_MAX,
	/* What is written between two looks at the directory, at most: others
	 * write there too. */
	TRIM_EVERY = 16 << 20
};

struct disk_cache {
	char *dir;
	int fd; /* of the directory */
	uint64_t most, written, trim_after;
	size_t files; /* that are kept open */
	struct {
		struct disk_cache_id id;
		int fd; /* -1: none; or it is not to be used */
		bool known;
	} open[OPEN];
	uint8_t slot[SLOT_MAX];
};

/* ---- which files ---- */

struct entry {
	struct timespec used;
	uint64_t bytes;
	char name[NAME + 1];
};

static bool
is_ours(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_uid == geteuid() &&
	       st->st_nlink == 1;
}

static int
by_use(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->used.tv_sec != y->used.tv_sec)
		return x->used.tv_sec < y->used.tv_sec ? -1 : 1;
	return x->used.tv_nsec < y->used.tv_nsec
		   ? -1
		   : x->used.tv_nsec > y->used.tv_nsec;
}

/* All files of caches in the directory: malloced; how many bytes they take. */
static size_t
read_entries(const struct disk_cache *c, struct entry **out, uint64_t *bytes)
{
	DIR *d = opendir(c->dir);
	const struct dirent *e;
	struct stat st;
	size_t n = 0, cap = 0;

	*out = NULL;
	*bytes = 0;
	while (d && (e = readdir(d))) {
		if (strlen(e->d_name) != NAME ||
		    strspn(e->d_name, "0123456789abcdef") != NAME ||
		    fstatat(c->fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
		    !is_ours(&st))
			continue;
		if (n == cap) {
			cap = cap ? 2 * cap : 64;
			*out = xreallocarray(*out, cap, sizeof(**out));
		}
		(*out)[n].used = st.st_mtim;
		(*out)[n].bytes = (uint64_t)st.st_blocks * 512;
		memcpy((*out)[n].name, e->d_name, NAME + 1);
		*bytes += (*out)[n++].bytes;
	}
	if (d)
		closedir(d);
	return n;
}

static void
close_files(struct disk_cache *c)
{
	for (size_t i = 0; i < OPEN; i++) {
		if (c->open[i].known && c->open[i].fd >= 0)
			close(c->open[i].fd);
		c->open[i].known = false;
	}
}

/* Make room, if there is not an eighth of it all.  What is removed is not to
 * live on in a file that is open. */
static void
trim(struct disk_cache *c)
{
	struct entry *entry;
	uint64_t bytes, room, upto = c->most;
	size_t n = read_entries(c, &entry, &bytes);

	if (n > 1)
		qsort(entry, n, sizeof(*entry), by_use);
	if (bytes > c->most - c->most / 8)
		upto = c->most - c->most / 4;
	for (size_t i = 0; i < n && bytes > upto; i++) {
		if (unlinkat(c->fd, entry[i].name, 0) == 0 || errno == ENOENT)
			bytes -= entry[i].bytes;
		close_files(c);
	}
	free(entry);
	room = bytes < c->most ? c->most - bytes : 0;
	c->written = 0;
	c->trim_after = room < TRIM_EVERY ? room : TRIM_EVERY;
}

enum rc
disk_cache_open(struct disk_cache **out, const char *dir, uint64_t bytes)
{
	enum rc rc = dir_make(dir);
	struct disk_cache *c;
	int fd = -1;

	*out = NULL;
	if (rc)
		return rc;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return msg_errno(dir);
	*out = c = xcalloc(1, sizeof(*c));
	c->dir = xstrdup(dir);
	c->fd = fd;
	c->most = bytes;
	c->files = fd_room(OPEN_SHARE, 0);
	if (c->files > OPEN)
		c->files = OPEN;
	trim(c);
	return RC_OK;
}

void
disk_cache_close(struct disk_cache *c)
{
	if (!c)
		return;
	trim(c);
	close_files(c);
	close(c->fd);
	free(c->dir);
	free(c);
}

struct disk_cache_id
disk_cache_id(const char *store, const char *object)
{
	char *text = xasprintf("%s\n%s", store, object);
	XXH128_hash_t h = XXH3_128bits(text, strlen(text));

	free(text);
	return (struct disk_cache_id){h.high64, h.low64};
}

/* ---- one file ---- */

static char *
file_name_of(const struct disk_cache_id *id)
{
	return xasprintf("%016llx%016llx", (unsigned long long)id->high,
	    (unsigned long long)id->low);
}

/* -1: it is not there, or not to be used. */
static int
open_file(const struct disk_cache *c, const struct disk_cache_id *id, int flags)
{
	char *name = file_name_of(id);
	int fd = openat(
	    c->fd, name, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
	bool there = fd >= 0 || errno != ENOENT;
	struct stat st;

	if (fd >= 0 && (fstat(fd, &st) != 0 || !is_ours(&st))) {
		close(fd);
		fd = -1;
	}
	if (fd < 0 && there)
		msg_info("%s/%s: not used", c->dir, name);
	else if (fd >= 0)
		(void)futimens(fd, NULL); /* it was used */
	free(name);
	return fd;
}

/* Its descriptor, or -1. */
static int
file_of(struct disk_cache *c, const struct disk_cache_id *id)
{
	size_t i = id->low % c->files;

	if (c->open[i].known && c->open[i].id.high == id->high &&
	    c->open[i].id.low == id->low)
		return c->open[i].fd;
	if (c->open[i].known && c->open[i].fd >= 0)
		close(c->open[i].fd);
	c->open[i].id = *id;
	c->open[i].fd = open_file(c, id, O_RDWR | O_CREAT);
	c->open[i].known = true;
	return c->open[i].fd;
}

bool
disk_cache_get(struct disk_cache *c, const struct disk_cache_id *id,
    uint32_t position, void *frame, size_t size)
{
	int fd = file_of(c, id);
	size_t whole = SUM + size;

	if (fd < 0 || pread(fd, c->slot, whole, (off_t)(position * whole)) !=
			  (ssize_t)whole)
		return false;
	if (checksum_crc32c(position, c->slot + SUM, size) != le32(c->slot))
		return false;
	memcpy(frame, c->slot + SUM, size);
	return true;
}

/* *taken: what so many bytes take at most. */
static bool
make_room(struct disk_cache *c, uint64_t len, uint64_t *taken)
{
	*taken = (len / BLOCK + 2) * BLOCK;
	if (*taken > c->most / 8)
		return false;
	if (c->written + *taken > c->trim_after)
		trim(c);
	return true;
}

/* A full disk, a limit: it is a cache. */
void
disk_cache_put(struct disk_cache *c, const struct disk_cache_id *id,
    uint32_t position, const void *frame, size_t size)
{
	size_t whole = SUM + size;
	uint64_t taken;
	int fd;

	if (!make_room(c, whole, &taken))
		return;
	fd = file_of(c, id);
	if (fd < 0)
		return;
	put_le32(c->slot, checksum_crc32c(position, frame, size));
	memcpy(c->slot + SUM, frame, size);
	if (pwrite(fd, c->slot, whole, (off_t)(position * whole)) ==
	    (ssize_t)whole)
		c->written += taken;
}

/* ---- whole objects ---- */

bool
disk_cache_map(
    struct disk_cache *c, struct disk_cache_id id, struct file_map *map)
{
	int fd = open_file(c, &id, O_RDONLY);
	struct stat st;
	void *p = MAP_FAILED;

	*map = (struct file_map){0};
	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0 && st.st_size > 0)
		p = mmap(
		    NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		return false;
	*map = (struct file_map){
	    .data = p, .len = (size_t)st.st_size, .mapped = true};
	return true;
}

static bool
write_all(int fd, const char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

/* It gets its name when it is whole, since others map it; one that was killed
 * before that is a file like the others, which nobody uses. */
void
disk_cache_put_all(
    struct disk_cache *c, struct disk_cache_id id, const void *data, size_t len)
{
	char *name = file_name_of(&id), *temporary;
	char *unique = xasprintf("%s %ld %llu", name, (long)getpid(),
	    (unsigned long long)time_now());
	struct disk_cache_id other = disk_cache_id(c->dir, unique);
	uint64_t taken;
	int fd = -1;

	temporary = file_name_of(&other);
	if (make_room(c, len, &taken))
		fd = openat(c->fd, temporary,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0) {
		if (write_all(fd, data, len) &&
		    renameat(c->fd, temporary, c->fd, name) == 0)
			c->written += taken;
		else
			(void)unlinkat(c->fd, temporary, 0);
		close(fd);
	}
	free(temporary);
	free(unique);
	free(name);
}
