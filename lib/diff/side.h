/*
 * side: one of two states that are compared: its pages, and a connection of
 * SQLite's to it that can only read.
 */
#ifndef SEGTOOLS_SIDE_H
#define SEGTOOLS_SIDE_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#include "query/guard.h"
#include "query/state.h"
#include "query/statevfs.h"

enum side_encoding { SIDE_UTF8 = 1, SIDE_UTF16LE = 2, SIDE_UTF16BE = 3 };

enum { VALUE_MAX = 256 << 20 }; /* bytes of a row or value: the guard's */

struct side {
	struct state_source source;
	struct guard guard;
	sqlite3 *db;
	char *name; /* for messages */
	uint32_t page_size, pages;
	uint32_t usable; /* bytes of a page */
	enum side_encoding encoding;
	bool has_map; /* of pointers: auto-vacuum */
};

/* Both, and what they have in common. */
struct pair {
	struct statevfs vfs; /* first: whose open() is asked for the pair */
	struct side from, to;
	/* Of one namespace and page size: a page may be the same. */
	bool alike;
	/* In which text is compared: theirs, or UTF-8 if they have two. */
	enum side_encoding text;
};

/* What a set names; borrowed. */
struct side_plan {
	const char *namespace;
	const struct keyset *keys;
	struct stored *stored; /* stays */
};

/* o->cache: of both together.  *p must stay where it is. */
enum rc pair_open(struct pair *, const struct state_opts *o,
    const struct side_plan *from, const struct side_plan *to);
void pair_close(struct pair *);

/* A page that may be asked for at all: borrowed until the next one. */
enum rc side_page(struct side *, uint32_t page, const uint8_t **bytes);

/* RC_DATA, reported: the database is damaged at this page. */
enum rc side_damaged(const struct side *, uint32_t page, const char *what);
/* What SQLite says of its last call. */
enum rc side_fail(const struct side *);

/* A statement of the side's database, with %Q and %w as sqlite3_mprintf() has
 * them. */
enum rc side_prepare(
    const struct side *, sqlite3_stmt **, const char *format, ...);
/* The next row of it; RC_ABSENT: there is none. */
enum rc side_step(const struct side *, sqlite3_stmt *);

#endif
