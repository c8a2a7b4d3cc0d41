/*
 * trace: the operations of a run with what is written, so that a crash of the
 * machine can be played with them (tests/faults/power.py).
 *
 * FS_TRACE=FILE gets, for each operation that was done,
 *
 *   OP SAID INODE MTIME AT LENGTH TAB PATH TAB TO NEWLINE, then LENGTH bytes
 *
 * OP is create, write, ftruncate (AT is the size), fsync (of a directory:
 * syncdir), rename, link, unlink, mkdir or rmdir.  SAID is how much is in the
 * file that is standard output by then.
 */

static int trace_file = -1;

static void
trace_begin(void)
{
	const char *name = getenv("FS_TRACE");

	if (name)
		trace_file = REAL(open)(
		    name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
}

static void
trace_put(const char *op, const struct stat *st, off_t at, const char *bytes,
    size_t n, const char *path, const char *to)
{
	char head[2 * 4096 + 128];
	struct stat out;
	struct iovec v[2] = {{.iov_base = head}, {.iov_len = n}};

	if (fstat(STDOUT_FILENO, &out) != 0 || !S_ISREG(out.st_mode))
		out.st_size = 0;
	memcpy(&v[1].iov_base, &bytes, sizeof(bytes));
	v[0].iov_len = (size_t)snprintf(head, sizeof(head),
	    "%s %lld %llu %lld%09ld %lld %zu\t%s\t%s\n", op,
	    (long long)out.st_size, (unsigned long long)st->st_ino,
	    (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec, (long long)at,
	    n, path, to ? to : "");
	if (REAL(writev)(trace_file, v, 2) < 0)
		abort();
}

static void
trace_names(const char *op, const char *path, const char *to)
{
	struct stat st = {0};
	int err = errno;

	if (trace_file < 0 || busy)
		return;
	(void)fstatat(AT_FDCWD, to ? to : path, &st, AT_SYMLINK_NOFOLLOW);
	trace_put(op, &st, 0, NULL, 0, path, to);
	errno = err;
}

/* n: SIZE_MAX for all of it. */
static void
trace_fd(const char *op, int fd, off_t at, size_t n)
{
	char self[64], path[4096] = "", *bytes = NULL;
	struct stat st;
	int err = errno, in = -1;

	if (trace_file < 0 || busy || fstat(fd, &st) != 0)
		return;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (readlink(self, path, sizeof(path) - 1) < 0)
		abort();
	if (n == SIZE_MAX)
		n = (size_t)st.st_size;
	if (n > 0) {
		bytes = malloc(n);
		in = REAL(open)(self, O_RDONLY | O_CLOEXEC);
		if (!bytes || in < 0 ||
		    REAL(pread)(in, bytes, n, at) != (ssize_t)n)
			abort();
		close(in);
	}
	trace_put(S_ISDIR(st.st_mode) ? "syncdir" : op, &st, at, bytes, n, path,
	    NULL);
	free(bytes);
	errno = err;
}
