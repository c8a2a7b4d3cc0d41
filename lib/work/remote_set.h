/*
 * remote_set: segments in a store that are to be merged, and which frame of
 * which of them each page of the merge is: read from all their indexes and
 * headers, a few at a time.
 *
 * Memory: 16 bytes a segment besides its key, and a bounded amount; what is
 * known of each object, and tables of those that are compressed, are in scratch
 * files.
 */
#ifndef SEGTOOLS_REMOTE_SET_H
#define SEGTOOLS_REMOTE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/msg.h"
#include "format/key.h"
#include "format/segment.h"
#include "store/store.h"
#include "work/content.h"
#include "work/stored.h"

struct remote_merge_opts {
	struct store *store;
	const char *cluster;
	const char *dir;       /* must be there */
	struct stored *stored; /* or NULL */
	/* An index is missing or wrong: fetch this segment whole into dir,
	 * where its index is then made from the data.  NULL: that is RC_DATA,
	 * and dir is not used. */
	enum rc (*fetch_whole)(void *arg, const struct name *);
	void *arg;
};

/* A segment. */
struct remote_source {
	uint32_t frames;
	uint32_t cutoff; /* pages beyond it are dropped */
	bool later;      /* layout */
	bool compressed; /* with a table */
	bool local;      /* it was fetched whole */
	bool wrong;      /* its index is not what it should be */
};

/* A frame of the merge. */
struct remote_want {
	uint32_t page;
	uint32_t source;
	uint32_t position; /* below the source's frames */
};

struct remote_set {
	const struct remote_merge_opts *o;
	struct name merged;    /* the merge's */
	const struct key *key; /* borrowed */
	struct remote_source *source;
	size_t n;
	struct seg_header last;  /* header of the last of them */
	uint64_t frames, needed; /* of all sources; in the merge */
	mode_t mode;             /* of the merge: of files, in the store too */
	/* Scratch: what is known of each object; their tables, one after the
	 * other; and the merge's frames. */
	struct file *objects, *tables, *wants;
	struct file_map tables_map;
	uint64_t tables_size;
	uint64_t wants_read;
};

/* key is borrowed. */
void remote_set_init(struct remote_set *, const struct remote_merge_opts *,
    const char *namespace, const struct key *key, size_t n);
void remote_set_release(struct remote_set *);

/* Read all indexes and headers, anew if it was done before.  RC_ABSENT: a
 * source is wrong. */
enum rc remote_set_read(struct remote_set *);
/* Fetch whole what is wrong.  RC_DATA, reported, for what had been. */
enum rc remote_set_replace_wrong(struct remote_set *);
/* The source is wrong about a page: RC_ABSENT. */
enum rc remote_set_wrong(struct remote_set *, size_t source, uint32_t page);

/* The frames of the merge in page order: the next *n of them, fewer (at last
 * none) at the end. */
enum rc remote_set_next(struct remote_set *, struct remote_want *, size_t *n);

/* Of a source: its name, an object's name, or a local file's; malloced. */
struct name remote_set_name(const struct remote_set *, size_t source);
char *remote_set_object(const struct remote_set *, size_t source, enum part);
char *remote_set_path(const struct remote_set *, size_t source, enum part);
/* What of its header reading a frame takes. */
struct seg_header remote_set_header(const struct remote_set *, size_t source);
/* The object whose header was read; its table is borrowed. */
enum rc remote_set_known(
    struct remote_set *, size_t source, struct content_object *);

#endif
