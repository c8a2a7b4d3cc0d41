/*
 * content: the bytes of a segment's data, all or a range of them, out of a
 * store, whichever way they are kept there:
 *
 *   segments/KEY       plain
 *   segments/KEY.zst   in zstd's seekable format (zseek.h)
 *
 * A request is like one of store.h, and offsets are those of the contents.  Of
 * a compressed object all is verified that its table says of the frames that
 * are read; of one without a table ranges are read by reading it all.
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
	uint64_t stored; /* bytes as stored */
	char etag[sizeof(((struct store_xfer *)0)->etag)];
	bool looked;              /* for the table, which is */
	struct zseek_table table; /* this one, or has no frames */
	bool sought;              /* or it is a table */
};
void content_object_release(struct content_object *);

#define CONTENT_SIZE_UNKNOWN UINT64_MAX

/* All-zero, then what is asked. */
struct content {
	struct store *store;
	const char *cluster;
	const struct name *name; /* borrowed, as the next */
	struct content_object *object;
	bool zstd_first;         /* where the form is unknown */
	uint64_t offset, length; /* 0: to the end */
	enum rc (*sink)(void *arg, const void *data, size_t len);
	/* RC_ABSENT, unreported: in neither form.  Else as in store.h. */
	void (*done)(struct content *, enum rc);
	void *arg;

	/* Of all the contents, before the first byte comes; unknown of a
	 * compressed object that is read whole. */
	uint64_t size;

	/* content.c's own. */
	char *path;
	struct store_xfer xfer;
	struct buf tail;
	struct zseek_decoder *decoder;
	uint64_t at; /* of what is decoded next, in the contents */
	bool second; /* the other form is asked */
};

/* Begin; store_wait() drives it.  done() may be called at once. */
void content_start(struct content *);

#endif
