/*
 * keys_process: keys that a command prints, credential_process of AWS's files.
 * It is a group of its own, so that it ends with all that it started when its
 * time is up or it prints too much.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "aws/keys.h"
#include "base/signals.h"
#include "base/time.h"

enum { LIMIT_MS = 60000, OUTPUT_MAX = 64 << 10, LOOK_MS = 20 };

static const char name[] = "credential_process";

/* ---- starting ---- */

/* Signals as they are for a command that a shell starts. */
static void
set_attributes(posix_spawnattr_t *a)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_setpgroup(a, 0);
	posix_spawnattr_setsigmask(a, &none);
	posix_spawnattr_setsigdefault(a, &all);
	posix_spawnattr_setflags(a, POSIX_SPAWN_SETPGROUP |
					POSIX_SPAWN_SETSIGMASK |
					POSIX_SPAWN_SETSIGDEF);
}

static int
spawn(pid_t *pid, const char *command, int to)
{
	char *const argv[] = {
	    (char[]){"sh"}, (char[]){"-c"}, xstrdup(command), NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	int err;

	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, to, 1);
	set_attributes(&attributes);
	err = posix_spawn(pid, "/bin/sh", &files, &attributes, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attributes);
	free(argv[2]);
	return err;
}

/* ---- its output and its end ---- */

static enum rc
out_of_time(struct keys_ask *ask)
{
	if (signals_caught())
		return keys_fail(ask, RC_SYSTEM, "%s: interrupted", name);
	return keys_fail(ask, RC_SYSTEM, "%s: not done after %d seconds", name,
	    LIMIT_MS / 1000);
}

static enum rc
read_output(struct keys_ask *ask, int fd, uint64_t end, struct buf *b)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint64_t now;
	ssize_t n;

	for (;;) {
		now = time_monotonic();
		if (now >= end || signals_caught())
			return out_of_time(ask);
		if (poll(&p, 1, (int)(end - now)) <= 0)
			continue;
		n = read(fd, buf_reserve(b, 4096), 4096);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return keys_fail(
			    ask, RC_SYSTEM, "%s: %s", name, strerror(errno));
		if (n == 0)
			return RC_OK;
		b->len += (size_t)n;
		if (b->len > OUTPUT_MAX)
			return keys_fail(ask, RC_USAGE,
			    "%s: it prints more than %d KiB", name,
			    OUTPUT_MAX >> 10);
	}
}

/* It may close its output and go on. */
static enum rc
await(struct keys_ask *ask, pid_t pid, uint64_t end, bool *ended)
{
	int status;
	pid_t got;

	while ((got = waitpid(pid, &status, WNOHANG)) == 0 ||
	       (got < 0 && errno == EINTR)) {
		if (time_monotonic() >= end || signals_caught())
			return out_of_time(ask);
		poll(NULL, 0, LOOK_MS);
	}
	*ended = true;
	if (got < 0)
		return keys_fail(
		    ask, RC_SYSTEM, "%s: %s", name, strerror(errno));
	if (WIFSIGNALED(status))
		return keys_fail(ask, RC_USAGE, "%s: ended by signal %d", name,
		    WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return keys_fail(
		    ask, RC_USAGE, "%s: status %d", name, WEXITSTATUS(status));
	return RC_OK;
}

static enum rc
run(struct keys_ask *ask, const char *command, struct buf *output)
{
	uint64_t end = time_monotonic() + LIMIT_MS;
	bool ended = false;
	int pipes[2], err;
	pid_t pid;
	enum rc rc;

	if (pipe2(pipes, O_CLOEXEC) != 0)
		return keys_fail(
		    ask, RC_SYSTEM, "%s: %s", name, strerror(errno));
	err = spawn(&pid, command, pipes[1]);
	close(pipes[1]);
	if (err) {
		close(pipes[0]);
		return keys_fail(ask, RC_SYSTEM, "%s: %s", name, strerror(err));
	}
	rc = read_output(ask, pipes[0], end, output);
	if (rc == RC_OK)
		rc = await(ask, pid, end, &ended);
	close(pipes[0]);
	if (!ended) {
		kill(-pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	return rc;
}

enum rc
keys_process(struct keys_ask *ask, const char *command, struct keys *k)
{
	struct buf output = {0};
	enum rc rc = run(ask, command, &output);

	if (rc == RC_OK)
		rc = keys_json(ask, &output, name, "SessionToken", "1", k);
	buf_release(&output);
	return rc;
}
