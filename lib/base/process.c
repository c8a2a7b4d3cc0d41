/* process: see process.h.  Host names get copied with machines; the id of a boot
 * does not. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/process.h"

/* The beginning of a file of /proc, as text; "" if it cannot be read. */
static void
read_text(const char *path, char *text, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, room - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = 0;
}

/*
 * The 22nd field of /proc/PID/stat; the second, in parentheses, may hold
 * anything.  *state is the third: Z is one that is dead and still has its pid,
 * as nobody has asked how it ended.  0 and '?': not known.
 */
static uint64_t
start_time(uint64_t pid, char *state)
{
	char path[64], text[1024];
	const char *p;

	snprintf(
	    path, sizeof(path), "/proc/%llu/stat", (unsigned long long)pid);
	read_text(path, text, sizeof(text));
	p = strrchr(text, ')');
	*state = p && p[1] ? p[2] : '?';
	for (int field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	return p ? strtoull(p, NULL, 10) : 0;
}

void
process_self(struct process *p)
{
	char state;
	ssize_t n;

	memset(p, 0, sizeof(*p));
	if (gethostname(p->host, sizeof(p->host) - 1) != 0)
		strcpy(p->host, "?");
	read_text("/proc/sys/kernel/random/boot_id", p->boot, sizeof(p->boot));
	p->boot[strcspn(p->boot, "\n")] = 0;
	n = readlink("/proc/self/ns/pid", p->pids, sizeof(p->pids) - 1);
	p->pids[n > 0 ? n : 0] = 0;
	p->pid = (uint64_t)getpid();
	p->started = start_time(p->pid, &state);
}

bool
process_same(const struct process *a, const struct process *b)
{
	return a->pid == b->pid && a->started == b->started &&
	       strcmp(a->host, b->host) == 0 && strcmp(a->boot, b->boot) == 0 &&
	       strcmp(a->pids, b->pids) == 0;
}

bool
process_is_dead(const struct process *p)
{
	struct process self;
	uint64_t started;
	char state;

	process_self(&self);
	if (!*self.boot || strcmp(self.boot, p->boot) != 0 || !*self.pids ||
	    strcmp(self.pids, p->pids) != 0 || p->pid == 0 ||
	    p->pid > INT32_MAX)
		return false;
	if (kill((pid_t)p->pid, 0) != 0 && errno == ESRCH)
		return true;
	started = start_time(p->pid, &state);
	/* Or another one that got its pid. */
	return state == 'Z' || state == 'X' ||
	       (p->started && self.started && started && started != p->started);
}
