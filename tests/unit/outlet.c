/*
 * What standard output takes in parts, now and then, or not at all.  poll() and
 * write() are this program's own, which come before those of the C library.
 */

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "cut/outlet.h"
#include "tap.h"

static struct outlet o;
static char taken[100];
static size_t n_taken;
static bool pushing;  /* calls are the outlet's */
static size_t room;   /* bytes that are taken at once */
static int refuse;    /* errno of the next write; 0: none */
static unsigned left; /* writes that there is room for */

int
poll(struct pollfd *fd, nfds_t n, int timeout)
{
	(void)timeout;
	fd->revents = left > 0 && !outlet_is_idle(&o) ? POLLOUT : 0;
	return n > 0 && fd->revents != 0;
}

ssize_t
write(int fd, const void *p, size_t n)
{
	if (!pushing)
		return syscall(SYS_write, fd, p, n);
	if (refuse) {
		errno = refuse;
		refuse = 0;
		return -1;
	}
	left--;
	n = n < room ? n : room;
	memcpy(taken + n_taken, p, n);
	n_taken += n;
	return (ssize_t)n;
}

static void
push(size_t at_once, unsigned times, int error)
{
	room = at_once;
	left = times;
	refuse = error;
	pushing = true;
	outlet_push(&o, false);
	pushing = false;
}

static bool
has(const char *text)
{
	return n_taken == strlen(text) && memcmp(taken, text, n_taken) == 0;
}

int
main(void)
{
	msg_init("outlet");
	buf_adds(&o.set, "one record\nand another\n\n");
	push(3, 2, 0);
	ok(has("one re") && !outlet_is_idle(&o) && o.rc == RC_OK,
	    "as much as is taken");
	push(4, 1, EINTR);
	ok(has("one record"), "on from there, after an interruption");
	push(100, 0, 0);
	ok(has("one record"), "nothing where there is no room");
	push(100, 1, EAGAIN);
	ok(has("one record\nand another\n\n") && outlet_is_idle(&o) &&
		o.set.len == 0,
	    "all of it in the end");
	buf_adds(&o.set, "more\n");
	push(100, 1, EIO);
	ok(o.rc == RC_SYSTEM && outlet_is_idle(&o), "one that fails");
	outlet_release(&o);
	return tap_done();
}
