/*
 * signals: how SIGINT, SIGTERM and SIGHUP end a process.
 *
 * With signals_defer(true) they only set what signals_caught() tells, and a
 * poll() returns with EINTR: for work that must be given up in an orderly way.
 * signals_die() then ends the process by that signal.  Otherwise they end it at
 * once.  Either way, and at a normal exit, signals_at_end()'s function runs.
 *
 * After signals_grace() the first SIGINT or SIGTERM only says that the process
 * has so many seconds left to come to its end by itself: for who reads what
 * another one, who had the signal too, is about to end in order.  So it is after
 * signals_heard(), of a first one that came by other means.  What comes within a
 * second of it is still the first one.
 */
#ifndef SEGTOOLS_SIGNALS_H
#define SEGTOOLS_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

void signals_grace(unsigned seconds);
void signals_heard(void);
void signals_defer(bool defer);
int signals_caught(void);
void signals_die(void) __attribute__((noreturn));

/* The one clean-up of the process (file.c's, of temporary files).  It may run
 * at any moment but while the signals are blocked. */
void signals_at_end(void (*clean_up)(void));
/* Block the three; *old is for sigprocmask(SIG_SETMASK). */
void signals_block(sigset_t *old);

#endif
