/*
 * msg: the program's name, what it says on stderr, and the statuses.
 *
 * The one error idiom of segtools: a function that can fail returns enum rc.
 * It says why, once, where the failure is detected, with msg_fail() or
 * msg_errno(), naming the object and the reason; its callers only pass the
 * status on.  RC_ABSENT is the one status that is returned without a message:
 * a lookup found nothing, and only the caller knows whether that is an error.
 */
#ifndef SEGTOOLS_MSG_H
#define SEGTOOLS_MSG_H

#include <stddef.h>

#include <stdbool.h>

enum rc {
	RC_OK = 0,
	RC_DATA = 1,   /* the answer is no, or the data is bad */
	RC_USAGE = 2,  /* usage or configuration */
	RC_SYSTEM = 3, /* temporary or of the system: try again */
	RC_ABSENT = -1 /* not there; not reported; never an exit status */
};

/* The greater exit status of two. */
enum rc rc_max(enum rc a, enum rc b);

/*
 * Take the program's name from argv[0], and make sure that descriptors 0, 1
 * and 2 are open, so that no file of ours ever becomes stdout by accident.
 */
void msg_init(const char *argv0);
const char *msg_name(void);

/* -v adds 1, -q takes 1 away; 0 at the start.  Below -1 even failures are not
 * printed (for fuzzing). */
void msg_verbosity(int delta);

/* While hushed, what is wrong with data (RC_DATA) and notices are told under -v
 * only: for who tries what need not turn out well.  What fails otherwise is
 * told.  What it was before. */
bool msg_hush(bool);

int msg_is_verbose(void);
int msg_is_quiet(void);

/*
 * "NAME: " and the text, on stderr in one write, with all that a terminal would
 * obey made visible (utf8.h); a text without bounds is shown in part.
 * msg_fail() returns its first argument.
 */
enum rc msg_fail(enum rc rc, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * "NAME: OBJECT: REASON" for the current errno; the status that fits it:
 * not there 1 (RC_DATA); permission, read-only, not a directory 2; else 3.
 */
enum rc msg_errno(const char *object);
enum rc rc_of_errno(int err);

/* A notice that -q silences, and one that only -v shows. */
void msg_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void msg_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* What SEG_TRACE asks for: neither -q nor -v matters. */
void msg_trace(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * From here on each message goes to take() instead of stderr, as the line that
 * it would have been there; take NULL: to stderr again.  For work that is done
 * again and again, of which the same need not be said twice.
 */
void msg_divert(
    void (*take)(void *arg, const char *line, size_t len), void *arg);
/* Nothing is said, or taken, of what this thread does while it is true: of what
 * fails somebody else will tell, or nobody need. */
void msg_mute(bool);
/* Lines that were taken, now to be said. */
void msg_say(const char *lines, size_t len);

/*
 * One line on stderr that is redrawn; NULL erases it.  Messages erase it
 * first.  The caller has made sure that stderr is a terminal.
 */
void msg_status(const char *line);
bool msg_has_status(void);

#endif
