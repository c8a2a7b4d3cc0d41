/* ask: see ask.h. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cut/ask.h"
#include "plan/listing.h"

/* An answer is written and read in one piece. */
_Static_assert(sizeof(struct ask_answer) <= 512, "more than PIPE_BUF has");

#define CUT "...\n"

/* Of what is too long as many whole characters as there is room for. */
static void
take_why(void *arg, const char *line, size_t len)
{
	struct ask_answer *a = arg;
	bool cut = len >= sizeof(a->why);

	if (cut)
		len = sizeof(a->why) - sizeof(CUT);
	while (cut && ((uint8_t)line[len] & 0xc0) == 0x80)
		len--;
	snprintf(
	    a->why, sizeof(a->why), "%.*s%s", (int)len, line, cut ? CUT : "");
}

static void
answer(int fd, const struct ask_answer *a)
{
	ssize_t n;

	do
		n = write(fd, a, sizeof(*a));
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(*a))
		_exit(1);
}

/* The process that asks.  It ends with its parent, whose temporary files and
 * output are nothing of its. */
static void __attribute__((noreturn)) be_asker(int fd, const char *where,
    const struct store_opts *opts, const char *cluster, size_t n,
    const size_t *which, const char *const *namespace)
{
	struct ask_answer a;
	struct store_opts counted = *opts;
	struct store *store = NULL;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	enum rc opened;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (null >= 0)
		(void)dup2(null, STDOUT_FILENO);
	memset(&a, 0, sizeof(a));
	msg_divert(take_why, &a);
	counted.counts = &a.counts;
	opened = store_open(&store, where, &counted);
	for (size_t i = 0; i < n; i++) {
		a.which = which[i];
		a.rc = opened;
		if (opened == RC_OK)
			a.rc = listing_newest(
			    store, cluster, namespace[i], &a.key);
		answer(fd, &a);
		a.counts = (struct request_counts){0};
		if (opened == RC_OK)
			a.why[0] = 0;
	}
	_exit(0);
}

bool
ask_begin(struct ask *ask, const char *store, const struct store_opts *opts,
    const char *cluster, size_t n, const size_t *which,
    const char *const *namespace)
{
	int fd[2];
	pid_t pid;

	if (ask->running || pipe2(fd, O_CLOEXEC) != 0)
		return false;
	pid = fork();
	if (pid == 0) {
		/* Lest it wait for itself to read when nobody else does. */
		close(fd[0]);
		be_asker(fd[1], store, opts, cluster, n, which, namespace);
	}
	close(fd[1]);
	if (pid < 0) {
		close(fd[0]);
		return false;
	}
	(void)fcntl(fd[0], F_SETFL, O_NONBLOCK);
	*ask = (struct ask){
	    .fd = fd[0], .pid = pid, .running = true, .counts = opts->counts};
	return true;
}

bool
ask_next(struct ask *ask, struct ask_answer *a)
{
	ssize_t n;

	if (!ask->running)
		return false;
	do
		n = read(ask->fd, a, sizeof(*a));
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)sizeof(*a)) {
		if (ask->counts) {
			ask->counts->requests += a->counts.requests;
			ask->counts->retries += a->counts.retries;
		}
		return true;
	}
	if (n >= 0 || errno != EAGAIN)
		ask_stop(ask);
	return false;
}

void
ask_stop(struct ask *ask)
{
	if (!ask->running)
		return;
	(void)kill(ask->pid, SIGKILL);
	while (waitpid(ask->pid, NULL, 0) < 0 && errno == EINTR)
		;
	close(ask->fd);
	ask->running = false;
}
