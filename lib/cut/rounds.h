/*
 * rounds: databases are cut again and again (--every).
 *
 * A round cuts those that may have changed; nothing of a database is open
 * between two.  The stream has a set for what changed, "!" for a database that
 * begins to fail, or fails for another reason, and a good set when it is back.
 * The work directory is the queue: what the reader does not take yet is made
 * into a set when it does, and with a store what lies there and did not get
 * into it is offered again.
 */
#ifndef SEGTOOLS_ROUNDS_H
#define SEGTOOLS_ROUNDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/msg.h"
#include "cut/cut.h"
#include "cut/targets.h"

struct store_opts;

struct rounds_opts {
	struct cut_opts cut; /* but for namespace, path, store and emit */
	uint64_t interval;   /* ms, from the beginning of one to the next */
	const char *list;    /* read again on SIGHUP; or NULL */
	bool json;
	const char *store; /* or NULL */
	const struct store_opts *store_opts;
	/* Each record that is written; the newest segment of a namespace that
	 * was cut well; so many wait in one; a round has ended.  All with arg.
	 */
	void (*wrote)(void *arg, const struct rec *);
	void (*newest)(void *arg, const char *namespace, const struct key *);
	void (*pending)(void *arg, const char *namespace, uint64_t n);
	void (*round)(void *arg, enum rc rc);
	void *arg;
};

/* Until SIGTERM or SIGINT, which bring a last round: its status.  RC_SYSTEM if
 * stdout fails.  The targets are its own meanwhile. */
enum rc rounds_run(const struct rounds_opts *, struct targets *);

#endif
