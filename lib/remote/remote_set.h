/*
 * remote_set: segments in a store that are to be merged, and which frame of
 * which of them each page of the merge is: what remote_read.h has found.
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
#include "fetch/content.h"
#include "format/key.h"
#include "format/segment.h"
#include "plan/stored.h"
#include "remote/disk_cache.h"
#include "store/store.h"

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
	/*
	 * Only the last header is read beforehand, since its size is that of
	 * the merge; the others as remote_met.h says.  A page that an earlier
	 * segment's size cut off and a later one's let in again is then what it
	 * was before: SQLite reads no such page before it wrote it.  Not
	 * together with fetch_whole.
	 */
	bool lazy;
	struct disk_cache *disk; /* keeps the indexes; or NULL */
};

/* A segment. */
struct remote_source {
	uint32_t frames; /* if its header is not known, pages of the index */
	uint32_t cutoff; /* pages beyond it are dropped */
	bool known;      /* is its header? */
	bool doubtful;   /* it must be read before any frame */
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

struct remote_reading;

struct remote_set {
	const struct remote_merge_opts *o;
	struct name merged;    /* the merge's */
	const struct key *key; /* borrowed */
	struct remote_source *source;
	size_t n;
	struct seg_header last;  /* header of the last of them */
	uint32_t page_size;      /* of all of them; 0: not known yet */
	uint64_t frames, needed; /* of all sources; in the merge */
	struct secrecy secrecy;  /* of all of them, in the store or not */
	/* Scratch: what is known of each object; their tables, one after the
	 * other; and the merge's frames. */
	struct file *objects, *tables, *wants;
	struct file_map tables_map;
	uint64_t tables_size;
	uint64_t wants_read;
	struct remote_reading *reading; /* while it lasts */
};

/* key is borrowed. */
void remote_set_init(struct remote_set *, const struct remote_merge_opts *,
    const char *namespace, const struct key *key, size_t n);
void remote_set_release(struct remote_set *);

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
/* What of its header reading a frame takes; of one that is not known what its
 * index and the last header let expect. */
struct seg_header remote_set_header(const struct remote_set *, size_t source);
/* Its header came, under the object's name. */
enum rc remote_set_learn(struct remote_set *, size_t source, const char *name,
    const struct seg_header *);

/* What is known of the object that was read; its table is borrowed, but if
 * lazy: then to be released. */
enum rc remote_set_known(
    struct remote_set *, size_t source, struct content_object *);
enum rc remote_set_keep(
    struct remote_set *, size_t source, const struct content_object *);

/* For who reads it anew: nothing is known, of objects and of the merge; then
 * of no object. */
void remote_set_forget(struct remote_set *);
enum rc remote_set_nothing_known(struct remote_set *);

#endif
