/*
 * ask: what the newest segment of each namespace in a store is, asked by a
 * process of its own: a store that is slow or away holds nothing else up.
 */
#ifndef SEGTOOLS_ASK_H
#define SEGTOOLS_ASK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/msg.h"
#include "format/key.h"
#include "store/store.h"

/* All-zero: nobody is asked. */
struct ask {
	int fd; /* what comes back; of use while running */
	int pid;
	bool running;
	struct request_counts *counts; /* or NULL */
};

struct ask_answer {
	size_t which;
	enum rc rc;                   /* RC_ABSENT: it has none */
	struct key key;               /* RC_OK */
	char why[300];                /* what was said of a failure */
	struct request_counts counts; /* since the last answer */
};

/* Ask for the n namespaces, numbered which[i].  Requests are counted as opts has
 * it, when answers are taken.  False: it cannot be done now. */
bool ask_begin(struct ask *, const char *store, const struct store_opts *,
    const char *cluster, size_t n, const size_t *which,
    const char *const *namespace);
/* The next answer, without waiting.  False: there is none yet; or, if it is no
 * longer running, any more. */
bool ask_next(struct ask *, struct ask_answer *);
void ask_stop(struct ask *);

#endif
