/*
 * cli: what all commands share: options, the loop over sets, progress.
 */
#ifndef SEGTOOLS_CLI_H
#define SEGTOOLS_CLI_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include "msg.h"
#include "rec.h"

struct store;

#define SEGTOOLS_VERSION "0.1.0"

enum { CLI_MAX_OPTIONS = 48 };

/* Values of the common options, defaults filled in. */
struct cli {
	const char *usage;
	const char *store;   /* -s, SEG_STORE, or libsql's variables; or NULL */
	const char *cluster; /* -C, SEG_CLUSTER; "default" */
	const char *dir;     /* -d; "." */
	const char *catalog; /* -k; NULL */
	unsigned jobs;       /* -j; 16 */
	unsigned retry_for;  /* --retry-for; 60 */
	bool eof_ends_set;   /* -e */
	bool dry_run;        /* -n */
	bool force;          /* -F */
	struct rec_writer out; /* stdout; -J is taken care of */
	enum rc rc;            /* the greatest status met */
	bool no_store; /* set by a command that finds out within a set that it
			* has no store: the loop ends, without an end line; as
			* it does when cli_store()'s turns out to be missing */
	const struct store *opened;

	char *libsql_store; /* what store is, if it was made up; or NULL */

	/* For cli_getopt(). */
	const struct option *own;
	struct option options[CLI_MAX_OPTIONS + 1];
	char letters[2 * CLI_MAX_OPTIONS + 2];
};

/* Options of the command's own whose letter is not in use, or that have no
 * letter, get a val from here on. */
enum { CLI_OWN = 256 };

/*
 * Parse one option.  usage is the SYNOPSIS and the options as -h prints them.
 * common lists which of s C d k j e J n F the command takes ("r": --retry-for);
 * -h -V -v -q are always taken.  own is a getopt_long table ending in zeros;
 * its vals below 256 are short options too.  Returns a val of own, or -1 at the
 * end of the options (operands from optind on).  Bad options end the process
 * with status 2; -h and -V end it with 0.
 */
void cli_init(struct cli *, char **argv, const char *usage, const char *common,
    const struct option *own);
int cli_getopt(struct cli *, int argc, char **argv);
/* "seg-x: MESSAGE", a hint at -h on stderr; exit status 2. */
void cli_usage(const struct cli *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), noreturn));
/* Strict number of an option or exit with a usage error. */
uint64_t cli_number(const struct cli *, const char *option, const char *text,
    uint64_t min, uint64_t max);

/* Open the store that the options name; none named is RC_USAGE.  The cluster
 * is checked too. */
enum rc cli_store(struct cli *, bool create, struct store **);

/*
 * The loop over sets.  For each set of the input (operands if there are any,
 * else stdin): record() for each record, as it arrives; then end() if the set
 * ended well and all its records could be read and record() took them all, or
 * fail() otherwise: wait for what record() began, or forget it.  Then the loop
 * ends the set in the output: well only if end() returned RC_OK, else with "!".
 * Of a stream that was cut short: fail(), and no end line.  A record() that
 * fails does not keep the next from being called.  The statuses are collected
 * in cli.rc; operands that are not valid are RC_USAGE, before anything is done.
 */
struct cli_sets {
	enum rec_form form; /* what the input holds */
	enum rc (*record)(void *ctx, const struct rec *);
	enum rc (*end)(void *ctx);
	void (*fail)(void *ctx); /* may be NULL */
	/* Waiting for input: keep transfers going; may be NULL. */
	enum rc (*idle)(void *ctx, int fd);
	bool one_set;  /* more than one set is an error (seg-restore) */
	bool own_ends; /* end() ends its sets itself; failed ones the loop */
	bool silent;   /* no end lines: the command prints nothing */
};
void cli_each_set(
    struct cli *, char *const *operands, const struct cli_sets *, void *ctx);

/* Status to return from main: cli.rc, or the failure to write stdout. */
int cli_exit(struct cli *);

/*
 * Progress: one line on stderr, redrawn, where that is a terminal and the work
 * takes longer than a second: done, total, rate, time left.  total 0: unknown.
 */
struct progress {
	uint64_t done, total;
	uint64_t began, drawn; /* ms, monotonic */
	const char *unit;      /* "B" is shown as KiB, MiB, ... */
};
void progress_begin(struct progress *, const char *unit, uint64_t total);
void progress_add(struct progress *, uint64_t n);
void progress_moved(void *progress, uint64_t n); /* for callbacks */
void progress_end(struct progress *);

#endif
