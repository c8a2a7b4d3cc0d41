/* msg: see msg.h. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/msg.h"
#include "base/utf8.h"

enum {
	NAME_MOST = 64,
	/* Of a longer text the beginning and the end are shown: the object, and
	 * the reason. */
	TEXT_MOST = 8192,
	HEAD = 4096,
	TAIL = 1024,
	SHOWN_MOST = 3 * TEXT_MOST
};

static char program[NAME_MOST + 1] = "segtools";
static int verbosity;
static bool hushed;
static bool status_shown;

enum rc
rc_max(enum rc a, enum rc b)
{
	return a > b ? a : b;
}

void
msg_init(const char *argv0)
{
	const char *slash = argv0 ? strrchr(argv0, '/') : NULL;
	const char *name = slash ? slash + 1 : argv0;

	if (name && *name)
		snprintf(program, sizeof(program), "%s", name);
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

static void (*diverted)(void *, const char *, size_t);
static void *diverted_arg;
static _Thread_local bool muted;

void
msg_verbosity(int delta)
{
	verbosity += delta;
}

bool
msg_hush(bool on)
{
	bool was = hushed;

	hushed = on;
	return was;
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
	struct pollfd fd = {.fd = STDERR_FILENO, .events = POLLOUT};
	ssize_t r;

	while (n > 0) {
		r = write(STDERR_FILENO, p, n);
		if (r < 0 && errno == EAGAIN)
			(void)poll(&fd, 1, -1);
		if (r < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (r <= 0)
			return;
		p += r;
		n -= (size_t)r;
	}
}

void
msg_divert(void (*take)(void *, const char *, size_t), void *arg)
{
	diverted = take;
	diverted_arg = arg;
}

void
msg_mute(bool on)
{
	muted = on;
}

void
msg_say(const char *lines, size_t len)
{
	msg_status(NULL);
	write_stderr(lines, len);
}

/*
 * Names come from servers, streams and the command line: what a terminal would
 * obey must not reach it.  In one write, so that lines of several processes do
 * not mix.
 */
static void
show(const char *text, size_t len)
{
	char out[SHOWN_MOST];
	size_t n;

	if (muted)
		return;
	n = utf8_show(out, sizeof(out) / 16, program, strlen(program));
	out[n++] = ':';
	out[n++] = ' ';
	if (len > TEXT_MOST) {
		n += utf8_show(out + n, sizeof(out) / 2, text, HEAD);
		memcpy(out + n, " ... ", 5);
		n += 5;
		text += len - TAIL;
		len = TAIL;
	}
	n += utf8_show(out + n, sizeof(out) - n - 1, text, len);
	out[n++] = '\n';
	if (diverted)
		diverted(diverted_arg, out, n);
	else
		write_stderr(out, n);
}

/* What is too long for the buffer is worth memory, if there is some. */
static void __attribute__((format(printf, 1, 0)))
say(const char *fmt, va_list ap)
{
	char text[TEXT_MOST], *longer = NULL;
	int len, err = errno;
	va_list again;

	msg_status(NULL);
	va_copy(again, ap);
	len = vsnprintf(text, sizeof(text), fmt, ap);
	if (len >= (int)sizeof(text) && vasprintf(&longer, fmt, again) == len)
		show(longer, (size_t)len);
	else if (len >= 0)
		show(text, strlen(text));
	free(longer);
	va_end(again);
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
	char out[512] = "\r\033[K";
	size_t n = strlen(out);

	if (!line && !status_shown)
		return;
	if (line)
		n += utf8_show(out + n, sizeof(out) - n, line, strlen(line));
	write_stderr(out, n);
	status_shown = line != NULL;
}

bool
msg_has_status(void)
{
	return status_shown;
}
