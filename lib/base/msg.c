/* msg: see msg.h. */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/msg.h"

static const char *program = "segtools";
static int verbosity;
static bool hushed;
static int status_shown;

enum rc
rc_max(enum rc a, enum rc b)
{
	return a > b ? a : b;
}

void
msg_init(const char *argv0)
{
	const char *slash = strrchr(argv0, '/');

	program = slash ? slash + 1 : argv0;
	/*
	 * A closed stdin or stdout must make reading or writing fail, not hand
	 * its number to the next file that is opened: fill it with something
	 * that cannot be read, or written.
	 */
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			(void)open("/dev/null", fd == 1 ? O_RDONLY : O_WRONLY);
}

const char *
msg_name(void)
{
	return program;
}

void
msg_verbosity(int delta)
{
	verbosity += delta;
}

void
msg_hush(bool on)
{
	hushed = on;
}

int
msg_is_verbose(void)
{
	return verbosity > 0;
}

int
msg_is_quiet(void)
{
	return verbosity < 0;
}

static void
write_stderr(const char *p, size_t n)
{
	ssize_t r;

	while (n > 0) {
		r = write(STDERR_FILENO, p, n);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return;
		p += r;
		n -= (size_t)r;
	}
}

/*
 * Object names come from servers and streams: a control character in one must
 * not reach the terminal.  Bytes above 0x7f are left alone, for UTF-8.
 */
static void __attribute__((format(printf, 1, 0)))
say(const char *fmt, va_list ap)
{
	char raw[4096], out[2 * sizeof(raw) + 300];
	size_t n = 0;
	int len, err = errno;

	msg_status(NULL);
	len = vsnprintf(raw, sizeof(raw), fmt, ap);
	if (len < 0)
		return;
	n += (size_t)snprintf(out, 256, "%s: ", program);
	for (const char *p = raw; *p; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f) {
			out[n++] = '^';
			out[n++] = *p == 0x7f ? '?' : (char)(*p + 0x40);
		} else {
			out[n++] = *p;
		}
	}
	out[n++] = '\n';
	write_stderr(out, n);
	errno = err;
}

enum rc
msg_fail(enum rc rc, const char *fmt, ...)
{
	va_list ap;

	if (verbosity < -1 || (rc == RC_DATA && hushed && verbosity < 1))
		return rc;
	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	return rc;
}

enum rc
rc_of_errno(int err)
{
	switch (err) {
	case ENOENT:
		return RC_DATA;
	case EACCES:
	case EPERM:
	case EROFS:
	case ENOTDIR:
	case EISDIR:
	case ENAMETOOLONG:
	case ELOOP:
		return RC_USAGE;
	default:
		return RC_SYSTEM;
	}
}

enum rc
msg_errno(const char *object)
{
	int err = errno;

	return msg_fail(rc_of_errno(err), "%s: %s", object, strerror(err));
}

void
msg_warn(const char *fmt, ...)
{
	va_list ap;

	if (verbosity < 0 || (hushed && verbosity < 1))
		return;
	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void
msg_info(const char *fmt, ...)
{
	va_list ap;

	if (verbosity < 1)
		return;
	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void
msg_trace(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void
msg_status(const char *line)
{
	char out[512];
	int n;

	if (!line && !status_shown)
		return;
	n = snprintf(out, sizeof(out), "\r\033[K%s", line ? line : "");
	if (n > 0)
		write_stderr(
		    out, (size_t)n < sizeof(out) ? (size_t)n : sizeof(out) - 1);
	status_shown = line != NULL;
}
