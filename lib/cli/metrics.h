/*
 * metrics: figures of a run in a file, in Prometheus's text format, for the node
 * exporter's textfile collector (--metrics FILE).
 *
 * The file is replaced as a whole at the end of the run, or of each round; of a
 * stream that goes on also after its sets, at most once a second.  One file a
 * command: that of the last success is kept over runs that fail, and read from
 * there.
 */
#ifndef SEGTOOLS_METRICS_H
#define SEGTOOLS_METRICS_H

#include <stdint.h>

#include "base/msg.h"
#include "format/key.h"

struct metrics;
struct request_counts;

/* The run begins.  command: "seg-cut". */
struct metrics *metrics_new(const char *path, const char *command);
void metrics_free(struct metrics *); /* NULL-safe, as all of these are */

/* n segments were dealt with, the last of them this one; 0: it is the newest, of
 * an earlier run.  Pages and bytes as in a record: REC_UNKNOWN counts as none. */
void metrics_segments(struct metrics *, const struct name *, uint64_t n,
    uint64_t pages, uint64_t bytes);
/* Segments of a namespace that wait to be published. */
void metrics_pending(struct metrics *, const char *namespace, uint64_t n);
/* Where the store counts its requests. */
struct request_counts *metrics_counts(struct metrics *);

/* Write the file.  A failure is RC_SYSTEM, whatever it is. */
enum rc metrics_write(struct metrics *, enum rc status);
/* The same while the run goes on, after a round of this status.  A failure is
 * said when it begins; what counts is that of the end. */
void metrics_round(struct metrics *, enum rc status);

/* The same after a set, one of many perhaps: now, if it was not written within a
 * second; else it is due then, with the greatest status of those since. */
void metrics_set(struct metrics *, enum rc status);
/* Wait for fd to become readable, but no longer than until it is due: then it is
 * written. */
void metrics_idle(struct metrics *, int fd);

#endif
