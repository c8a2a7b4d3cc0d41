/*
 * fetch_job: one segment that is fetched.  Its states follow each other:
 *
 *   RUNNING  a transfer: the index, then the data, which is checked against it
 *            as it arrives
 *   READY    verified, under temporary names
 *   DONE     it has its names, or it was there, or it failed
 */
#ifndef SEGTOOLS_FETCH_JOB_H
#define SEGTOOLS_FETCH_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/msg.h"
#include "fetch/content.h"
#include "format/key.h"
#include "format/rec.h"
#include "segment/segstream.h"
#include "store/store.h"

struct fetch_opts {
	struct store *store;
	const char *cluster;
	const char *dir; /* must be there */
	bool index_only; /* the .idx alone */
	/* In the order of fetch_add(), for each that was fetched or was there;
	 * the status of what is not RC_OK was reported. */
	enum rc (*done)(void *arg, const struct rec *, enum rc);
	void *arg;
};

/* What all jobs share. */
struct fetch_shared {
	const struct fetch_opts *o;
	unsigned ready;   /* jobs in that state */
	unsigned running; /* transfers */
};

/* One of the two objects of a job. */
struct fetch_part {
	char *object, *path;
	struct file *file;
	struct secrecy secrecy; /* as in store.h */
	enum rc rc;
};

enum fetch_state { FETCH_RUNNING, FETCH_READY, FETCH_DONE };

struct fetch_job {
	struct fetch_job *next;
	struct fetch_shared *shared;
	struct name name;
	struct fetch_part data, index;
	struct store_xfer index_xfer;
	struct content content; /* the data, */
	struct content_object known;
	struct segstream *stream; /* while it arrives, */
	struct file_map map;      /* and the index */
	enum fetch_state state;
	unsigned tries; /* from the start */
	uint64_t have;  /* bytes of the data that an earlier run left */
	bool zstd_first;
	bool resumed;
	bool data_good;
	bool rebuild; /* the index, once the data has its name */
	bool wrote;   /* or tried to: it was not there */
	enum rc rc;
	uint64_t pages, bytes;
};

/* zstd_first: it seems to be compressed. */
struct fetch_job *fetch_job_new(
    struct fetch_shared *, const struct name *, bool zstd_first);
/* Look whether it is there; if not, begin the transfer. */
void fetch_job_begin(struct fetch_job *);
/* Make the index from the data, which has its name.  RC_ABSENT: somebody has
 * moved it away. */
enum rc fetch_job_rebuild(struct fetch_job *);
void fetch_job_free(struct fetch_job *);

#endif
