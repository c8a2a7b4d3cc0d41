/*
 * retire: segments of a store are deleted, set by set.
 *
 * One remover at a time for a namespace (lock.h).  The set is judged as a whole
 * (rules.h) by a listing; then go the indexes, so that no segment exists without
 * its data.  Since a lock may be taken over, and since services without
 * conditional writes cannot keep two from having it, the namespaces are listed
 * and judged a second time before the data goes, which nobody could bring back:
 * if by then too much is missing, the indexes are put again.
 *
 * What the store retains stays as it is, data and index.
 */
#ifndef SEGTOOLS_RETIRE_H
#define SEGTOOLS_RETIRE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/msg.h"
#include "format/rec.h"

struct catalog;
struct store;

struct retire_opts {
	struct store *store;
	const char *cluster;
	struct catalog *catalog; /* or NULL */
	unsigned busy_ms;        /* how long other removers are waited for */
	bool force;              /* whatever is judged */
	bool dry_run;            /* judge alone */
	bool unless_retained;    /* what is retained is no failure */
	/* So many more requests are done; may be NULL. */
	void (*progress)(void *arg, uint64_t n);
	void *progress_arg;
	/* Each that is gone, in frame order. */
	enum rc (*gone)(void *arg, const struct rec *);
	void *arg;
};

struct retire;
struct retire *retire_new(const struct retire_opts *);
void retire_free(struct retire *); /* NULL-safe */
void retire_add(struct retire *, const struct rec *);
size_t retire_count(const struct retire *);
/* Judge and remove what was added, and forget it: the status of the set. */
enum rc retire_set(struct retire *);
void retire_forget(struct retire *);

#endif
