/* signals: see signals.h. */

#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/signals.h"

static const int end_signals[] = {SIGINT, SIGTERM, SIGHUP};
static volatile sig_atomic_t deferred;
static volatile sig_atomic_t interrupted;
static volatile sig_atomic_t grace; /* seconds, for the first signal */
static volatile sig_atomic_t first;
static volatile sig_atomic_t heard; /* when that was; 0: there was none */
static void (*clean_up)(void);

static void
run_clean_up(void)
{
	if (clean_up)
		clean_up();
}

static void
die_by(int sig)
{
	signal(sig, SIG_DFL);
	raise(sig);
}

/* In ms, and as many as a sig_atomic_t has of them; never 0. */
static sig_atomic_t
now_ms(void)
{
	struct timespec t = {0};
	uint64_t ms;

	clock_gettime(CLOCK_MONOTONIC, &t);
	ms = (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
	return (sig_atomic_t)(ms % INT_MAX + 1);
}

/* timeout(1) sends a signal to the process, and then to its group; a terminal's
 * comes once more from whoever passes it on.  That is one signal. */
static bool
is_echo(void)
{
	sig_atomic_t since = now_ms() - heard;

	return heard && since >= 0 && since < 1000;
}

static void
on_signal(int sig)
{
	if (sig == SIGALRM) {
		sig = first;
	} else if (is_echo()) {
		return;
	} else if (grace > 0 && sig != SIGHUP) {
		first = sig;
		heard = now_ms();
		alarm((unsigned)grace);
		grace = 0;
		return;
	}
	if (deferred) {
		interrupted = sig;
		return;
	}
	run_clean_up();
	die_by(sig);
}

void
signals_block(sigset_t *old)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < 3; i++)
		sigaddset(&set, end_signals[i]);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_BLOCK, &set, old);
}

static void
install_handlers(void)
{
	static bool installed;
	struct sigaction sa = {.sa_handler = on_signal}, old;

	if (installed)
		return;
	installed = true;
	atexit(run_clean_up);
	for (size_t i = 0; i < 3; i++) {
		/* nohup and the like ignore a signal: leave it so. */
		if (sigaction(end_signals[i], NULL, &old) == 0 &&
		    old.sa_handler != SIG_IGN)
			sigaction(end_signals[i], &sa, NULL);
	}
}

void
signals_at_end(void (*f)(void))
{
	clean_up = f;
	install_handlers();
}

void
signals_grace(unsigned seconds)
{
	struct sigaction sa = {.sa_handler = on_signal};

	/* Who is seen to catch a signal grants it. */
	grace = (sig_atomic_t)seconds;
	sigaction(SIGALRM, &sa, NULL);
	install_handlers();
}

void
signals_heard(void)
{
	install_handlers();
	heard = now_ms();
}

void
signals_defer(bool defer)
{
	install_handlers();
	deferred = defer;
	if (!defer && interrupted)
		signals_die();
}

int
signals_caught(void)
{
	return interrupted;
}

void
signals_die(void)
{
	sigset_t set;
	int sig = interrupted ? (int)interrupted : SIGTERM;

	run_clean_up();
	sigemptyset(&set);
	sigaddset(&set, sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	die_by(sig);
	_exit(128 + sig);
}
