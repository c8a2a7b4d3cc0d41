/*
 * clock: a clock that is set, or runs fast; preloaded into a command.
 *
 *   CLOCK_FILE=FILE  two or three numbers, looked at whenever the time is asked
 *                    for: seconds by which the time of day is off; how many times
 *                    as fast as they should all clocks run from the start on; and
 *                    seconds that have passed besides
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int fd = -1;
static struct timespec began_day, began; /* CLOCK_REALTIME, CLOCK_MONOTONIC */

static int
real_clock(clockid_t id, struct timespec *t)
{
	static int (*f)(clockid_t, struct timespec *);

	if (!f)
		f = (__extension__(int (*)(clockid_t, struct timespec *))
			dlsym(RTLD_NEXT, "clock_gettime"));
	return f(id, t);
}

static void __attribute__((constructor)) begin(void)
{
	const char *file = getenv("CLOCK_FILE");

	if (file)
		fd = open(file, O_RDONLY | O_CLOEXEC);
	(void)real_clock(CLOCK_REALTIME, &began_day);
	(void)real_clock(CLOCK_MONOTONIC, &began);
}

static double off, fast = 1, passed; /* as they were read last */

/* (It is empty for a moment when a shell writes it anew.) */
static void
read_file(void)
{
	char text[64];
	double set[3] = {0, 1, 0};
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = 0;
	if (sscanf(text, "%lf %lf %lf", &set[0], &set[1], &set[2]) < 1)
		return;
	off = set[0];
	fast = set[1];
	passed = set[2];
}

static void
move(struct timespec *t, double by)
{
	long long ns = (long long)(by * 1e9) + t->tv_nsec;

	t->tv_sec += ns / 1000000000;
	t->tv_nsec = ns % 1000000000;
	if (t->tv_nsec < 0) {
		t->tv_sec--;
		t->tv_nsec += 1000000000;
	}
}

/* From the start on by one reading of one clock: a clock that stands still does, to
 * the nanosecond, and none goes back. */
int
clock_gettime(clockid_t id, struct timespec *t)
{
	struct timespec now;
	double ran;

	if (fd < 0 || (id != CLOCK_REALTIME && id != CLOCK_MONOTONIC))
		return real_clock(id, t);
	read_file();
	(void)real_clock(CLOCK_MONOTONIC, &now);
	ran = (double)(now.tv_sec - began.tv_sec) +
	      (double)(now.tv_nsec - began.tv_nsec) / 1e9;
	*t = id == CLOCK_REALTIME ? began_day : began;
	move(t, ran * fast + passed + (id == CLOCK_REALTIME ? off : 0));
	return 0;
}

time_t
time(time_t *p)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	if (p)
		*p = t.tv_sec;
	return t.tv_sec;
}

int
gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	struct timespec t;

	(void)zone;
	(void)clock_gettime(CLOCK_REALTIME, &t);
	tv->tv_sec = t.tv_sec;
	tv->tv_usec = t.tv_nsec / 1000;
	return 0;
}
