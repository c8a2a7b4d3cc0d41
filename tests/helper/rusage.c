/*
 * rusage: runs a command and writes to a file what it took.
 *
 *   rusage FILE CMD [ARG ...]
 *
 * FILE gets one line: CPU time (user and system) and wall time in milliseconds,
 * and the greatest resident set in KiB.  The status is the command's.
 */

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double
ms(struct timeval t)
{
	return (double)t.tv_sec * 1000 + (double)t.tv_usec / 1000;
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1000 + (double)t.tv_nsec / 1e6;
}

int
main(int argc, char **argv)
{
	double began = now();
	struct rusage u;
	int status;
	FILE *f;
	pid_t pid;

	if (argc < 3)
		return 2;
	pid = fork();
	if (pid == 0) {
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &u) != pid)
		return 2;
	f = fopen(argv[1], "w");
	if (!f)
		return 2;
	fprintf(f, "%.1f %.1f %ld\n", ms(u.ru_utime) + ms(u.ru_stime),
	    now() - began, u.ru_maxrss);
	if (fclose(f) != 0)
		return 2;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
