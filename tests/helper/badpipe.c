/*
 * badpipe: runs a command whose stdin is not a pipe as tests have them: slow,
 * stopped, killed or broken.
 *
 *   badpipe HOW FILE CMD [ARG ...]
 *
 *   each       the bytes of FILE one by one, each when the one before was read
 *   nonblock   the same through a descriptor that does not block
 *   broken:N   N bytes, then reading fails with EIO
 *   killed:N   N bytes, then the writer is killed
 *   stopped:N  N bytes, then the writer is stopped until a message of the
 *              command has appeared on its stderr, a file; then the rest
 *
 * The status is the command's; 126: this program's own failure.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { OWN_FAILURE = 126, MOST = 64 << 20 };

static _Noreturn void
die(const char *what)
{
	(void)fprintf(stderr, "badpipe: %s: %s\n", what, strerror(errno));
	exit(OWN_FAILURE);
}

static void
nap(void)
{
	const struct timespec t = {.tv_nsec = 20000};

	nanosleep(&t, NULL);
}

/* Write it all; false when nobody reads any more. */
static int
put(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t r = write(fd, p, n);

		if (r < 0 && errno == EPIPE)
			return 0;
		if (r < 0)
			die("write");
		p += r;
		n -= (size_t)r;
	}
	return 1;
}

/* Until the pipe is empty, or nobody reads any more (POLLERR). */
static void
wait_until_read(int fd)
{
	struct pollfd p = {.fd = fd};
	int n = 1;

	while (poll(&p, 1, 0) == 0 && ioctl(fd, FIONREAD, &n) == 0 && n > 0)
		nap();
}

static void
each_byte(int fd, const char *p, size_t n)
{
	for (size_t i = 0; i < n && put(fd, p + i, 1); i++)
		wait_until_read(fd);
}

/* What stderr, a file, holds. */
static off_t
said(void)
{
	struct stat st;

	if (fstat(STDERR_FILENO, &st) != 0 || !S_ISREG(st.st_mode))
		die("stderr is no file");
	return st.st_size;
}

static void
write_stream(int fd, const char *how, const char *p, size_t n, size_t at)
{
	signal(SIGPIPE, SIG_IGN);
	if (strncmp(how, "stopped:", 8) == 0) {
		if (!put(fd, p, at))
			return;
		for (int i = 0; i < 500000 && said() == 0; i++)
			nap();
		wait_until_read(fd);
		(void)put(fd, p + at, n - at);
	} else if (strchr(how, ':')) {
		(void)put(fd, p, at);
		if (*how == 'k')
			raise(SIGKILL);
	} else {
		each_byte(fd, p, n);
	}
}

/* A terminal whose other side has gone answers EIO once it is drained. */
static void
open_terminal(int fds[2])
{
	struct termios t;

	fds[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fds[0] < 0 || grantpt(fds[0]) != 0 || unlockpt(fds[0]) != 0)
		die("a terminal");
	fds[1] = open(ptsname(fds[0]), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fds[1] < 0 || tcgetattr(fds[1], &t) != 0)
		die("a terminal");
	cfmakeraw(&t);
	if (tcsetattr(fds[1], TCSANOW, &t) != 0)
		die("a terminal");
}

static char *
read_file(const char *path, size_t *n)
{
	char *p = malloc(MOST);
	FILE *f = fopen(path, "r");

	if (!p || !f)
		die(path);
	*n = fread(p, 1, MOST, f);
	if (ferror(f) || *n == MOST)
		die(path);
	fclose(f);
	return p;
}

int
main(int argc, char **argv)
{
	const char *colon;
	size_t n, at = 0;
	int fds[2], status;
	char *bytes;
	pid_t writer, pid;

	if (argc < 4)
		return OWN_FAILURE;
	bytes = read_file(argv[2], &n);
	colon = strchr(argv[1], ':');
	if (colon)
		at = (size_t)strtoul(colon + 1, NULL, 10);
	if (at > n)
		return OWN_FAILURE;
	if (strncmp(argv[1], "broken", 6) == 0)
		open_terminal(fds);
	else if (pipe2(fds, O_CLOEXEC) != 0)
		die("pipe");
	if (strcmp(argv[1], "nonblock") == 0 &&
	    fcntl(fds[0], F_SETFL, O_NONBLOCK) != 0)
		die("O_NONBLOCK");
	writer = fork();
	if (writer == 0) {
		close(fds[0]);
		write_stream(fds[1], argv[1], bytes, n, at);
		_exit(0);
	}
	free(bytes);
	close(fds[1]);
	pid = fork();
	if (pid == 0) {
		if (dup2(fds[0], STDIN_FILENO) < 0)
			die("dup2");
		execvp(argv[3], argv + 3);
		die(argv[3]);
	}
	close(fds[0]);
	if (writer < 0 || pid < 0 || waitpid(pid, &status, 0) != pid ||
	    waitpid(writer, NULL, 0) != writer)
		die("wait");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
