/*
 * content: the bytes of a segment's data, all or a range of them, out of a
 * store, whichever way they are kept there:
 *
 *   segments/KEY       plain
 *   segments/KEY.zst   in zstd's seekable format (zseek.h)
 *
 * A request is like one of store.h, and offsets are those of the contents.  Of
 * a compressed object all is verified that its table says of the frames that
 * are read; of one without a table, or with one of more than 16 MiB, ranges are
 * read by reading it all.
 *
 * Memory: tables; and, while bytes arrive, 256 KiB and a window.
 */
#ifndef SEGTOOLS_CONTENT_H
#define SEGTOOLS_CONTENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/msg.h"
#include "format/key.h"
#include "format/zseek.h"
#include "store/store.h"

enum content_form { CONTENT_UNKNOWN, CONTENT_PLAIN, CONTENT_ZSTD };

/* What is known of an object: all-zero is nothing.  It is filled in by the first
 * request and saves the next ones to look for it, and makes them fail if
 * another was put in its place. */
struct content_object {
	enum content_form form;
	/* Bytes as stored; while etag is empty they are only believed to be so
	 * many, by who has seen a listing. */
	uint64_t stored;
	char etag[sizeof(((struct store_xfer *)0)->etag)];
	char version[sizeof(((struct store_xfer *)0)->version)];
	bool looked; /* for the table, which */
	bool sought; /* there is */
	struct zseek_table table;
};
void content_object_release(struct content_object *);

#define CONTENT_SIZE_UNKNOWN UINT64_MAX

/* All-zero, then what is asked. */
struct content {
	struct store *store;
	const char *cluster;
	const struct name *name; /* borrowed, as the next two */
	struct content_object *object;
	struct file *file;       /* or NULL: each byte at its offset */
	bool zstd_first;         /* where the form is unknown */
	bool quiet;              /* hushed (msg.h) */
	bool compared;           /* as what is put: store.h's kind */
	bool unsure;             /* is there such a range? */
	uint64_t offset, length; /* 0: to the end */
	enum rc (*sink)(void *arg, const void *data, size_t len);
	/* RC_ABSENT, unreported: in neither form; or, of who is unsure,
	 * too_short.  Else as in store.h. */
	void (*done)(struct content *, enum rc);
	void *arg;

	/* Of all the contents, before the first byte comes; of what is
	 * compressed and read whole, at the end. */
	uint64_t size;
	struct secrecy secrecy; /* as in store.h; at the end */
	bool too_short;         /* the contents end before the range */
	bool refused;           /* RC_DATA, before anything of it came */

	/* content.c's own. */
	char *path;
	struct store_xfer xfer;
	struct buf tail;
	struct zseek_decoder *decoder;
	uint32_t first; /* frame of the table that is read first */
	uint64_t at;    /* of what is decoded next, in the contents */
	bool second;    /* the other form is asked */
	bool came;      /* some of it */
	bool guess;     /* the size is only believed to be that */
	bool ended;     /* content_do() */
	enum rc rc;
};

/* Begin; store_wait() drives it.  done() may be called at once. */
void content_start(struct content *);
/* The same by itself, whatever others run; done is not used, arg but by sink. */
enum rc content_do(struct content *);
/* The object's name in that form (unknown: plain); malloced. */
char *content_name(const char *cluster, const struct name *, enum content_form);

#endif
