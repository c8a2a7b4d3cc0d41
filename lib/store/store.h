/*
 * store: where segments live for good: what its users call.  A directory (dir.h)
 * or an S3 bucket (s3_store.h) is behind it: see driver.h.
 *
 * Objects are named by paths without a leading "/", as key.h makes them.
 * Listings come in pages inside; transfers run many at a time, all in the
 * caller's thread: store_start() queues one, store_wait() drives them and calls
 * done() of each that ended, from within store_wait() and nowhere else.
 */
#ifndef SEGTOOLS_STORE_H
#define SEGTOOLS_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/counts.h"
#include "base/file.h"
#include "base/msg.h"

struct store;
struct handover_stamp;

/* How objects are kept in a bucket that are put there; all-zero: as the service
 * keeps them by itself.  The strings are borrowed while the store is open. */
struct store_keep {
	const char *storage_class; /* of data */
	const char *sse;           /* "AES256", "aws:kms", "aws:kms:dsse" */
	const char *sse_key;       /* with the last two; or NULL */
	uint64_t lock; /* ms: data and indexes cannot be removed so long, by
			* nobody; or 0 */
};

struct store_opts {
	bool create; /* make it if it is not there */
	bool hidden; /* of each object its oldest version is read and listed,
		      * whatever has been put over it or removed it since */
	struct store_keep keep;
	unsigned parallel;  /* transfers at a time (-j) */
	unsigned retry_for; /* seconds (--retry-for) */
	/* Counted there, while the store is open; may be NULL. */
	struct request_counts *counts;
};

/*
 * Open "DIR", "file:///DIR" or "s3://BUCKET[/PREFIX]".  A directory that is
 * not there is RC_USAGE at once; a bucket is not asked for before it is needed,
 * but with keep.lock: one that cannot lock objects is RC_USAGE.  So is what a
 * directory does not have: keep, hidden.
 */
enum rc store_open(
    struct store **, const char *where, const struct store_opts *);
void store_free(struct store *);              /* gives up what runs */
const char *store_name(const struct store *); /* for messages; no secrets */
/* Has it turned out that it is not there (which was reported)? */
bool store_is_missing(const struct store *);
/* May one part of it fail with RC_USAGE, and another not?  In a directory a
 * part may not be readable; what a bucket refuses, it refuses altogether. */
bool store_fails_in_part(const struct store *);
/* May something in it be retained?  At most one request for all the time that
 * it is open. */
enum rc store_retains(struct store *, bool *may);

#define STORE_UNKNOWN UINT64_MAX

/* One object of a listing, or with delimited one "directory". */
struct store_entry {
	/* What follows the prefix (a directory: without "/"). */
	const char *name;
	uint64_t size;
	uint64_t modified; /* ms since 1970 UTC, or STORE_UNKNOWN */
	bool is_dir;
	/* A directory that cannot be looked into: what was reported; then it
	 * is not known whether there is anything in it. */
	enum rc rc;
};

/*
 * List what begins with prefix (which ends in "/"), all levels down; with
 * delimited only the next level, directories as such.  The entries come in any
 * order, each at least once: who needs an order makes it.  limit, if not 0: the
 * first so many in byte order will do (a hint for the page size; more may
 * come).  entry() returning anything but RC_OK ends the listing with that.
 * Nothing under prefix is RC_OK.  A store that is not there: RC_USAGE.
 */
enum rc store_list(struct store *, const char *prefix, bool delimited,
    unsigned limit, enum rc (*entry)(void *arg, const struct store_entry *),
    void *arg);

/*
 * The same for who lists one prefix after the other, all of them below root, in
 * byte order: what a request brings along of those that follow is kept for
 * them, so that many small ones share requests.
 */
enum rc store_list_along(struct store *, const char *root, const char *prefix,
    enum rc (*entry)(void *arg, const struct store_entry *), void *arg);

/*
 * One transfer.  All-zero, then what its verb needs.  The local end is a file,
 * bytes in memory, or (GET) a function that gets every byte once, in order.
 *
 *   GET     of [offset, offset+length), length 0: to the end.  Into file (each
 *           byte at the offset it has in the object), buf, sink, or file and
 *           sink both.  A sink that fails ends the transfer.  size is set to
 *           the whole object's size before the first byte arrives.  An object
 *           smaller than a range, or a short body, is never RC_OK; with
 *           unsure, for who only believes to know its size, RC_ABSENT with
 *           existed set.
 *   PUT     from file (whole) or buf.  A directory's object lacks the read
 *           permissions that file lacks.  Never replaces: if the object is there
 *           already, RC_OK and existed set; the caller compares, since it may
 *           be what an unanswered attempt of its own made.  With replace (buf
 *           alone) it takes the place of what is there, whatever that is.
 *           With spare, what a file was before it was verified, the caller will
 *           remove the file afterwards: a directory may have the object be that
 *           file, by a second name (base/handover.h).  With check, a file alone
 *           is looked at while it is read: what fails that is given up before
 *           it is whole, and never gets the object's name.  A check that did
 *           not come to its end() after RC_OK without existed has not seen all
 *           of what was put.
 *   HEAD    size and etag alone.  With retention also retained.
 *   DELETE  an object that is not there is RC_ABSENT where the store can tell,
 *           else RC_OK.
 *
 * done() gets RC_OK; RC_ABSENT, unreported, for a GET or HEAD of what is not
 * there; or what was reported.  A transfer may be freed or started again in
 * done().  What is PUT or DELETEd is durably so when done() is called.
 */
enum store_verb { STORE_GET, STORE_PUT, STORE_HEAD, STORE_DELETE };

/* What an object is, as far as that decides how it is kept. */
enum store_kind { STORE_CLAIM, STORE_INDEX, STORE_DATA };

struct store_xfer {
	enum store_verb verb;
	const char *object; /* borrowed until done() */
	struct file *file;
	struct buf *buf; /* a GET adds to it, up to limit bytes */
	enum rc (*sink)(void *arg, const void *data, size_t len);
	uint64_t offset, length;
	bool unsure;
	uint64_t limit;       /* GET into buf: more is RC_DATA; 0: 64 MiB */
	bool replace;         /* PUT */
	bool retention;       /* HEAD */
	enum store_kind kind; /* PUT, and GET of who compares it then */
	const struct handover_stamp *spare; /* PUT, or NULL; borrowed */
	const struct file_check *check;     /* the same */
	/* PUT: CRC-32 of what is sent, where it is known.  What a store needs
	 * to know more it reads the file for. */
	const uint32_t *crc;
	void (*done)(struct store_xfer *, enum rc);
	void *arg; /* for sink and done */

	/* What the store says. */
	uint64_t size; /* of the whole object (GET, HEAD) */
	/* Of the object (GET, HEAD), or empty; if not empty at the start of a
	 * GET: If-Match, and a change is RC_DATA. */
	char etag[80];
	/* Where the oldest version of an object counts: which that is, once it
	 * is known, so that it is not looked for again; or empty. */
	char version[64];
	bool existed; /* PUT: it was there already; GET: see unsure */
	/* HEAD with retention: until when, in ms since 1970, it is not to be
	 * removed; 0: it may be; STORE_UNKNOWN: as long as somebody says so. */
	uint64_t retained;
	/* Who may not read the object, as far as is known (GET, HEAD): of those
	 * in a bucket nothing is.  A PUT from buf: who is not to read it. */
	struct secrecy secrecy;

	/* The store's own. */
	struct store *store;
	struct store_xfer *next;
};

/* What is beside object, and what is not any more, is so for good, even where
 * another run was killed before it had seen to that. */
enum rc store_settle(struct store *, const char *object);

void store_start(struct store *, struct store_xfer *);
/* Drive transfers until at most max are queued or running, or, if fd >= 0,
 * until fd is readable.  What failed is told to done(), not here. */
void store_wait(struct store *, unsigned max, int fd);
/* Drive transfers until one of them ended, if there are any. */
void store_step(struct store *);
/* The same, or until fd is readable.  False: there are none. */
bool store_step_or(struct store *, int fd);
unsigned store_parallel(const struct store *);
/* Does a PUT that finds nothing there keep all others from doing the same?  Not
 * in a service that has turned out not to know conditional writes. */
bool store_is_exclusive(const struct store *);

/* Progress: moved() is told how many bytes of objects went one way or the other
 * since the last time, and what store_count() adds. */
void store_on_moved(
    struct store *, void (*moved)(void *arg, uint64_t bytes), void *arg);
void store_count(struct store *, uint64_t bytes);

/* A transfer by itself, whatever others run; done and arg are not used but by
 * sink. */
enum rc store_do(struct store *, struct store_xfer *);

#endif
