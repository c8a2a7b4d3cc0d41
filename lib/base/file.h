/*
 * file: files, read and written whole, and the one way in which segtools writes
 * a file: a temporary name in the same directory (temporary.h), then (the
 * caller verifies), fsync, rename, fsync of the directory.
 *
 * Files that are not committed are removed at exit and on SIGINT, SIGTERM and
 * SIGHUP, but for those made with FILE_KEEP.
 *
 * All functions retry EINTR and short transfers, and report failures.
 */
#ifndef SEGTOOLS_FILE_H
#define SEGTOOLS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/msg.h"
#include "base/secrecy.h"

struct file; /* an open file; one owner, closed by file_close() */

/* Open for reading.  RC_ABSENT, unreported, if there is no such file. */
enum rc file_open(struct file **, const char *path);
/* The same where it must be there: RC_DATA, "no such file", hint behind it. */
enum rc file_open_there(struct file **, const char *path, const char *hint);

/*
 * Create the temporary file of path.  The directory must be there; what killed
 * runs left in it is swept first, once for each directory and process.  Others
 * that write the same file write one of their own: the last commit counts, or
 * without FILE_REPLACE the first.
 *
 *   FILE_REPLACE  file_commit() replaces an existing file; otherwise one that
 *                 is there, or appears meanwhile, makes the commit fail
 *                 (RC_DATA)
 *   FILE_KEEP     what was written stays when the process fails or is killed,
 *                 and is there (file_size()) when the file is created again:
 *                 for downloads that are resumed.  Such a file is made without
 *                 a sweep; the caller sweeps when it has resumed all it wants.
 *                 (Not where somebody else has that temporary name: then it is
 *                 a file as any other.)
 *   FILE_PRIVATE  made with mode 0600 at first (file_chmod() at will)
 *   FILE_SAME_MODE  made with the permissions of the file that it replaces, if
 *                 there is one, so that whoever has set them does it once
 */
enum { FILE_REPLACE = 1, FILE_KEEP = 2, FILE_PRIVATE = 4, FILE_SAME_MODE = 8 };
enum rc file_create(struct file **, const char *path, int flags);

/* A file without a name in $TMPDIR (or /tmp); and one with a name that nobody
 * can know before, for who must open it by name.  RC_USAGE: no such directory. */
enum rc file_scratch(struct file **);
enum rc file_spool(struct file **);

/*
 * The mode.  A file system that knows none is no failure: then a file stays as
 * private as it was made.  file_chmod() gives a new file 0666 less the umask,
 * less what its directory's access control list does not give to what is made
 * there, and less what it is to lack for the secrecy of what it is written from.
 * file_chmod_as() is for one that takes another's place.
 */
enum rc file_chmod(struct file *, const struct secrecy *);
enum rc file_chmod_as(struct file *, mode_t mode);
enum rc file_secrecy(struct file *, struct secrecy *);
mode_t file_default_mode(void); /* 0666 less the umask */

/* fsync, rename to the final name, fsync of the directory; then closed and
 * *f is NULL, whatever happened.  file_close() of an uncommitted file removes
 * it (not with FILE_KEEP).  Both accept NULL. */
enum rc file_commit(struct file **f);
void file_close(struct file **f);
/* The same, without FILE_REPLACE: if the name was taken, *existed is set,
 * unreported, and the file stays as it was. */
enum rc file_commit_new(struct file **f, bool *existed);
/* Remove an uncommitted file even with FILE_KEEP, and close it. */
void file_discard(struct file **f);

/*
 * Commit many at once, in order: writing back goes on side by side and each
 * directory is fsynced once, which makes small files several times cheaper.
 * All files are closed.  One made without FILE_REPLACE whose name was taken
 * sets existed, unreported, with RC_OK: the caller decides.  The greatest
 * status.
 *
 *   synced   by file_sync() since it was last written
 *   follows  it gets no name if the one before it got none
 */
struct file_commit {
	struct file *file;
	bool synced, follows;
	bool existed;
	enum rc rc;
};
enum rc file_commit_many(struct file_commit *, size_t n);

/* The durable half of a commit alone: fsync of the contents, so that the
 * commit of several files may come later in quick succession. */
enum rc file_sync(struct file *);
/* Begin to write back what was written, so that a later fsync has less to wait
 * for. */
void file_write_back(struct file *);

const char *file_name(const struct file *); /* the final name */
/* Where it is now: the temporary name of an uncommitted file. */
const char *file_path(const struct file *);
int file_fd(const struct file *); /* for ioctl and the like */
enum rc file_size(struct file *, uint64_t *size);
enum rc file_truncate(struct file *, uint64_t size);
enum rc fd_truncate(int fd, const char *name, uint64_t size);
/* Have the disk keep room for so many bytes in all, the size of the file as it
 * is: writing costs less then, and a full disk shows at once.  Nothing happens
 * where the file system can't. */
enum rc file_reserve(struct file *, uint64_t size);

/* ---- what is in a file: file_data.c ---- */

/* Exactly len bytes at offset; an end of file before that is RC_DATA, "cut
 * short".  file_readv() changes its vector. */
enum rc file_read(struct file *, void *, size_t len, uint64_t offset);
enum rc file_readv(struct file *, struct iovec *, int n, uint64_t offset);
enum rc file_write(struct file *, const void *, size_t len, uint64_t offset);
/* A small file: created with these flags, written and committed. */
enum rc file_put(const char *path, int flags, const void *, size_t len);
enum rc file_writev(struct file *, struct iovec *, int n, uint64_t offset);

/* Say that the file is read from front to back. */
void file_sequential(struct file *);

/* Have the two the same contents? */
enum rc file_same(struct file *, struct file *, bool *same);

/* What lies from..to in large pieces to sink, whose failure ends it. */
enum rc file_feed(struct file *, uint64_t from, uint64_t to,
    enum rc (*sink)(void *arg, const void *data, size_t len), void *arg);

/*
 * Who looks at the contents of a file while they are read for something else:
 * begin() before the first byte, and whenever that begins anew; feed() in order;
 * end() after the last.  What they fail with, reported, the reading fails with.
 */
struct file_check {
	enum rc (*begin)(void *arg);
	enum rc (*feed)(void *arg, const void *data, size_t len);
	enum rc (*end)(void *arg);
	void *arg;
};
/* Read a file whole for that alone. */
enum rc file_check(struct file *, const struct file_check *);

/* A sink that writes on from at: its arg. */
struct file_tail {
	struct file *file;
	uint64_t at;
};
enum rc file_append(void *tail, const void *data, size_t len);

/*
 * Make dst's contents those of src: as a clone where the file system can, else
 * by copy_file_range, else by reading and writing.  dst is empty.  file_clone()
 * is the first of these alone: false where it cannot be had.
 */
enum rc file_copy(struct file *dst, struct file *src);
bool file_clone(struct file *dst, struct file *src);
/* The same, with what is in dst then checked by one reading of all of it. */
enum rc file_copy_checked(
    struct file *dst, struct file *src, const struct file_check *);

/* The whole file in memory, read-only; at most limit bytes, else RC_DATA.
 * Small files are read, larger ones mapped.  An empty file gives len 0. */
struct file_map {
	const void *data;
	size_t len;
	bool mapped;
};
enum rc file_map(struct file_map *, struct file *, uint64_t limit);
void file_unmap(struct file_map *);

/* ---- descriptors ---- */

/* Would a read of fd not wait?  False for a negative one. */
bool fd_readable(int fd);
/* Allow for many open files: raise the soft limit to the hard one. */
void fd_raise_limit(void);
/* How many things that have so many files open each can be there at once,
 * within the limit as it is, beside so many others and FD_ALWAYS, which any
 * command may have: 1 at least, so that too few are said of a file. */
enum { FD_ALWAYS = 16 };
size_t fd_room(size_t each, size_t others);

#endif
