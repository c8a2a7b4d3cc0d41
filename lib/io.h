/*
 * io: files, read and written whole, and the one way in which segtools writes
 * a file: a temporary name in the same directory, then (the caller verifies),
 * fsync, rename, fsync of the directory.
 *
 * A temporary file is called ".segtmp-NAME" for the final name NAME, and is
 * held with flock() while its writer lives.  So the leftovers of a killed run
 * can be told from the work of a live one: io_sweep() removes the former.
 * Files that are not committed are removed at exit and on SIGINT, SIGTERM and
 * SIGHUP, but for those made with IO_KEEP.
 *
 * All functions retry EINTR and short transfers, and report failures.
 */
#ifndef SEGTOOLS_IO_H
#define SEGTOOLS_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "msg.h"

struct io_file; /* an open file; one owner, closed by io_close() */

/* Open for reading.  RC_ABSENT, unreported, if there is no such file. */
enum rc io_open(struct io_file **, const char *path);

/*
 * Create the temporary file of path.  The directory must be there; what killed
 * runs left in it is swept first, once for each directory and process.  A
 * live process that writes the same file is an error (RC_SYSTEM).
 *
 *   IO_REPLACE  io_commit() replaces an existing file; otherwise one that is
 *               there, or appears meanwhile, makes the commit fail (RC_DATA)
 *   IO_KEEP     what was written stays when the process fails or is killed,
 *               and is there (io_size()) when the file is created again: for
 *               downloads that are resumed.  Such a file is made without a
 * sweep; the caller sweeps when it has resumed all it wants to. IO_PRIVATE made
 * with mode 0600 at first (io_chmod() at will)
 */
enum { IO_REPLACE = 1, IO_KEEP = 2, IO_PRIVATE = 4 };
enum rc io_create(struct io_file **, const char *path, int flags);

/* A file without a name in $TMPDIR (or /tmp), for spooling. */
enum rc io_scratch(struct io_file **);

/* The mode; and 0666 less the umask. */
enum rc io_chmod(struct io_file *, mode_t mode);
mode_t io_default_mode(void);

/* fsync, rename to the final name, fsync of the directory; then closed and
 * *f is NULL, whatever happened.  io_close() of an uncommitted file removes it
 * (not with IO_KEEP).  Both accept NULL. */
enum rc io_commit(struct io_file **f);
void io_close(struct io_file **f);
/* Remove an uncommitted file even with IO_KEEP, and close it. */
void io_discard(struct io_file **f);

/*
 * Commit many at once, in order: writing back goes on side by side and each
 * directory is fsynced once, which makes small files several times cheaper.
 * All files are closed.  One made without IO_REPLACE whose name was taken
 * sets existed, unreported, with RC_OK: the caller decides.  The greatest
 * status.
 */
struct io_commit {
	struct io_file *file;
	bool existed;
	enum rc rc;
};
enum rc io_commit_many(struct io_commit *, size_t n);

/* The durable half of a commit alone: fsync of the contents, so that the
 * commit of several files may come later in quick succession. */
enum rc io_sync(struct io_file *);
/* Begin to write back what was written, so that a later fsync has less to wait
 * for. */
void io_write_back(struct io_file *);

const char *io_name(const struct io_file *); /* the final name */
/* Where it is now: the temporary name of an uncommitted file. */
const char *io_path(const struct io_file *);
int io_fd(const struct io_file *); /* for ioctl and the like */
enum rc io_size(struct io_file *, uint64_t *size);
enum rc io_truncate(struct io_file *, uint64_t size);
/* Have the disk keep room for so many bytes in all, the size of the file as it
 * is: writing costs less then, and a full disk shows at once.  Nothing happens
 * where the file system can't. */
enum rc io_reserve(struct io_file *, uint64_t size);

/* Exactly len bytes at offset; an end of file before that is RC_DATA, "cut
 * short".  io_readv() changes its vector. */
enum rc io_read(struct io_file *, void *, size_t len, uint64_t offset);
enum rc io_readv(struct io_file *, struct iovec *, int n, uint64_t offset);
enum rc io_write(struct io_file *, const void *, size_t len, uint64_t offset);
enum rc io_writev(struct io_file *, struct iovec *, int n, uint64_t offset);

/* Would a read of fd not wait?  False for a negative one. */
bool io_readable(int fd);

/* Say that the file is read from front to back. */
void io_sequential(struct io_file *);

/*
 * Make dst's contents those of src: as a clone where the file system can, else
 * by copy_file_range, else by reading and writing.  dst is empty.
 */
enum rc io_copy(struct io_file *dst, struct io_file *src);

/* The whole file in memory, read-only; at most limit bytes, else RC_DATA.
 * Small files are read, larger ones mapped.  An empty file gives len 0. */
struct io_map {
	const void *data;
	size_t len;
	bool mapped;
};
enum rc io_map(struct io_map *, struct io_file *, uint64_t limit);
void io_unmap(struct io_map *);

/* Remove a file and make that durable.  RC_ABSENT if it is not there. */
enum rc io_remove(const char *path);
enum rc io_sync_dir(const char *dir);
/* Directories to be fsynced, each once: all-zero is none. */
struct io_dirs {
	char **dir;
	size_t n, cap;
};
void io_dirs_add(struct io_dirs *, const char *file); /* the one it is in */
enum rc io_dirs_sync(struct io_dirs *);               /* empties the list */
/* Make one directory if it is not there; its parent must be (RC_USAGE). */
enum rc io_mkdir(const char *dir);
/* mkdir -p below base, which must be there (RC_USAGE). */
enum rc io_mkdir_below(const char *base, const char *relative);
bool io_exists(const char *path);
/* Remove what killed runs left in dir; "not there" is no error. */
void io_sweep(const char *dir);
bool io_is_temporary(const char *basename);

/* Allow for many open files: raise the soft limit to the hard one. */
size_t io_raise_open_files(void);

/*
 * Signals.  With io_defer_signals(true), SIGINT, SIGTERM and SIGHUP only set
 * what io_interrupted() tells, and a poll() returns with EINTR: for work that
 * must be given up in an orderly way.  io_die() then ends the process by that
 * signal, temporary files removed.  Otherwise the signals do that at once.
 */
void io_defer_signals(bool defer);
int io_interrupted(void);
void io_die(void) __attribute__((noreturn));

/* RC_SYSTEM if a write to stdout has failed.  That is reported once, by the
 * first of these calls; errno is then to be the write's. */
enum rc io_check_stdout(void);
/* Flush stdout and close it; a failure at any time is RC_SYSTEM.  Every
 * command ends with it. */
enum rc io_close_stdout(void);

#endif
