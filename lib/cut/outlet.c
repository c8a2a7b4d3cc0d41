/* outlet: see outlet.h. */

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include "cut/outlet.h"

bool
outlet_is_idle(const struct outlet *o)
{
	return o->done == o->set.len;
}

static void
failed(struct outlet *o)
{
	o->rc = msg_errno("standard output");
	buf_clear(&o->set);
	o->done = 0;
}

/* A pipe that has room takes PIPE_BUF bytes at once; the descriptor is not ours
 * alone, and stays a blocking one. */
static bool
write_some(struct outlet *o)
{
	size_t n = o->set.len - o->done;
	ssize_t r;

	if (n > PIPE_BUF)
		n = PIPE_BUF;
	r = write(STDOUT_FILENO, o->set.data + o->done, n);
	if (r < 0 && errno != EINTR && errno != EAGAIN) {
		failed(o);
		return false;
	}
	if (r > 0)
		o->done += (size_t)r;
	return true;
}

void
outlet_push(struct outlet *o, bool wait)
{
	struct pollfd fd = {.fd = STDOUT_FILENO};

	while (o->rc == RC_OK) {
		fd.events = outlet_is_idle(o) ? 0 : POLLOUT;
		if (poll(&fd, 1, fd.events && wait ? -1 : 0) < 0) {
			if (errno == EINTR)
				continue;
			failed(o);
			return;
		}
		if (fd.revents & POLLNVAL) {
			errno = EBADF;
			failed(o);
		} else if (fd.revents & (POLLERR | POLLHUP) &&
			   !(fd.revents & POLLOUT)) {
			errno = EPIPE;
			failed(o);
		}
		if (o->rc || !(fd.revents & POLLOUT) || !write_some(o))
			break;
	}
	if (outlet_is_idle(o)) {
		buf_clear(&o->set);
		o->done = 0;
	}
}

void
outlet_release(struct outlet *o)
{
	buf_release(&o->set);
	*o = (struct outlet){0};
}
