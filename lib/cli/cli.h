/*
 * cli: what all commands share: their options and their end.
 */
#ifndef SEGTOOLS_CLI_H
#define SEGTOOLS_CLI_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/msg.h"
#include "format/rec.h"

struct metrics;
struct store;

#define SEGTOOLS_VERSION "0.1.0"

/*
 * An option: one row of a table from which come what getopt takes and what -h
 * prints.  Tables end in a row of zeros.
 */
struct cli_option {
	int letter;       /* or one from CLI_OWN on, for those without one */
	const char *name; /* the long one */
	const char *arg;  /* "DIR"; "[LEVEL]": may be left out; NULL: none */
	const char *help; /* a line of -h or, with newlines, several */
};

/* Options of the command's own that have no letter get a number from here
 * on. */
enum { CLI_OWN = 256, CLI_MAX_OPTIONS = 48 };

/* Values of the common options, defaults filled in. */
struct cli {
	const char *store;   /* -s, SEG_STORE, or libsql's variables; or NULL */
	const char *cluster; /* -C, SEG_CLUSTER; "default" */
	const char *dir;     /* -d; "." */
	const char *catalog; /* -k; NULL */
	unsigned jobs;       /* -j; 16; fewer where few files may be open */
	unsigned retry_for;  /* --retry-for; 60 */
	bool eof_ends_set;   /* -e */
	bool dry_run;        /* -n */
	bool force;          /* -F */
	struct rec_writer out; /* stdout; -J is taken care of */
	enum rc rc;            /* the greatest status met */
	bool no_store; /* set by a command that finds out within a set that it
			* has no store: the loop ends, without an end line; as
			* it does when cli_store()'s turns out to be missing */
	/* open_store.h's: which it is, and whether that turned out. */
	const struct store *opened;
	bool (*is_missing)(const struct store *);

	struct metrics *metrics; /* --metrics; or NULL */

	char *libsql_store; /* what store is, if it was made up; or NULL */

	/* For cli_getopt(). */
	const char *synopsis;
	const char *common;
	const struct cli_option *row[CLI_MAX_OPTIONS]; /* as -h has them */
	size_t rows;
	struct option options[CLI_MAX_OPTIONS + 1];
	char letters[3 * CLI_MAX_OPTIONS + 2];
};

/*
 * Before anything else.  synopsis is the manual's, in lines, and begins with
 * "usage: ".  common lists which of s C d k j e J n F the command takes ("r":
 * --retry-for, "M": --metrics); -h -V -v -q are always taken.  own has the command's own
 * options, and those of the common ones (by their letters) of which there is
 * something particular to say.
 */
void cli_init(struct cli *, char **argv, const char *synopsis,
    const char *common, const struct cli_option *own);
/*
 * Parse one option.  Returns the letter or number of one of the command's own,
 * or -1 at the end of the options (operands from optind on).  Bad options end
 * the process with status 2; -h and -V end it with 0.
 */
int cli_getopt(struct cli *, int argc, char **argv);
/* "seg-x: MESSAGE", a hint at -h on stderr; exit status 2. */
void cli_usage(const struct cli *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), noreturn));
/* Strict number of an option or exit with a usage error. */
uint64_t cli_number(const struct cli *, const char *option, const char *text,
    uint64_t min, uint64_t max);
/* The name of a file or directory, or exit with a usage error if it is empty. */
const char *cli_named(
    const struct cli *, const char *option, const char *what, const char *name);

/* Status to return from main: cli.rc, or the failure to write stdout or the
 * metrics. */
int cli_exit(struct cli *);

#endif
