/*
 * publish: segment files become segments of a store: data first, many at a
 * time, then their indexes, which make them exist, in frame order.
 *
 * Files are looked at as they are added.  At the end of a set each is judged
 * (rules.h) by what the store has then, and what continues the history is
 * published as contest.h says, so that several writers never fork it.  They are
 * verified on their way into the store, by the one reading that this takes: what
 * is bad gets no name there.  After a failure nothing later of that namespace is
 * published in this set, so that the store never has a hole.
 */
#ifndef SEGTOOLS_PUBLISH_H
#define SEGTOOLS_PUBLISH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/msg.h"
#include "format/rec.h"

struct catalog;
struct store;

struct publish_opts {
	struct store *store;
	const char *cluster;
	struct catalog *catalog; /* or NULL */
	unsigned jobs;           /* transfers at a time */
	unsigned busy_ms;        /* how long others are waited for */
	int level;               /* data is compressed so; 0: not at all */
	bool move;               /* remove the files of what is published */
	bool force;              /* whatever is judged */
	bool dry_run;            /* verify and judge alone */
	/* Each segment, in frame order, when all is durable; as a listing has
	 * it: compressed ones without pages. */
	enum rc (*published)(void *arg, const struct rec *);
	void *arg;
};

struct publish;
struct publish *publish_new(const struct publish_opts *);
void publish_free(struct publish *); /* NULL-safe */

/* Take a file, of each segment once in a set; what is wrong with it is told by
 * the status of the set.  A dry run verifies it, and so does one by force, which
 * goes on behind a bad one. */
void publish_add(struct publish *, const struct rec *);
/* Judge what was added; then its size. */
uint64_t publish_judge(struct publish *);
/* Publish it, and forget it: the status of the set. */
enum rc publish_set(struct publish *);
/* Forget a set that failed: its status so far. */
enum rc publish_forget(struct publish *);

#endif
