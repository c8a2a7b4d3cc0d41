/*
 * key: the names of segments.
 *
 * A key is three decimal numbers of 20 digits joined by "-": 2^64-1 - END,
 * START, TIME (milliseconds since 1970 UTC).  A name is NAMESPACE/KEY; in a
 * work directory the two files are DIR/NAMESPACE/KEY.seg and .idx; in a store
 * the two objects are
 *
 *   v2/clusters/CLUSTER/namespaces/NAMESPACE/segments/KEY     data, or
 *   v2/clusters/CLUSTER/namespaces/NAMESPACE/segments/KEY.zst the same
 *   v2/clusters/CLUSTER/namespaces/NAMESPACE/indexes/KEY      index
 */
#ifndef SEGTOOLS_KEY_H
#define SEGTOOLS_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

struct key {
	uint64_t start; /* 1 <= start <= end */
	uint64_t end;
	uint64_t time;
};

enum { KEY_LEN = 62, NAMESPACE_MAX = 255 };

/* Exactly the text form, nothing else. */
bool key_parse(struct key *, const char *text, size_t len);
const char *key_text(const struct key *, char text[KEY_LEN + 1]);

/* By END, then START, then TIME: frame order. */
int key_cmp(const struct key *, const struct key *);

/* "frame 7 is missing" or "frames 7-9 are missing", for messages. */
enum { FRAMES_TEXT_MAX = 64 };
const char *frames_missing(
    uint64_t first, uint64_t last, char text[FRAMES_TEXT_MAX]);

/* A valid namespace or cluster: UTF-8 of 1 to 255 bytes, no control
 * characters, no "/", neither "." nor "..". */
bool namespace_valid(const char *, size_t len);
/* The names by which a set ends in a tar stream of segments (pack/pack.h).  No
 * namespace may be called so: whoever writes one refuses it. */
#define SET_END ".end"
#define SET_FAILED ".failed"
bool names_end_of_set(const char *, size_t len);

/* NAMESPACE/KEY, or a path that ends in NAMESPACE/KEY with an optional .seg or
 * .idx. */
struct name {
	char namespace[NAMESPACE_MAX + 1];
	struct key key;
};

/* The namespace is valid. */
void name_set(struct name *, const char *namespace, const struct key *);

/* A name as records carry it: exactly NAMESPACE/KEY. */
bool name_parse(struct name *, const char *text);
/*
 * The path of a work file: [DIR/]NAMESPACE/KEY.seg or .idx.  Where the path has
 * no usable parent part (KEY.seg, ./KEY.seg, ../KEY.seg) the namespace is the
 * real name of the directory.
 */
bool name_parse_path(struct name *, const char *path);

/* Beside them in DIR/NAMESPACE, where seg-cut makes cuts: what it knows. */
#define CUT_MEMORY "cut.memory"

/* The two files of a segment; in a store the data may also be compressed. */
enum part { PART_SEGMENT, PART_INDEX, PART_ZSTD };

/* DIR/NAMESPACE/KEY.seg or .idx; malloced. */
char *name_path(const char *dir, const struct name *, enum part);
/* The object in a store; malloced. */
char *name_object(const char *cluster, const struct name *, enum part);
/* What stands between a namespace's prefix and a key: "segments/", "indexes/".
 * And the way back: an object's path below that prefix. */
const char *part_prefix(enum part);
bool object_parse(struct key *, enum part *, const char *object);
/* "v2/clusters/CLUSTER/namespaces/", then "NAMESPACE/" if it is not NULL;
 * malloced.  And: is it the former, of any cluster? */
char *namespace_prefix(const char *cluster, const char *namespace);
bool prefix_is_of_namespaces(const char *prefix);
/* The same with "claims", beside the namespaces, so that no
 * listing of them sees it; malloced. */
char *claims_prefix(const char *cluster, const char *namespace);

#endif
