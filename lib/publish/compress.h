/*
 * compress: files are compressed into scratch files by a few threads, while the
 * caller's goes on.  What the threads are not given they do not touch; done()
 * is called by the caller's thread, from within compress_step().
 *
 * Memory: about a MiB a thread at low levels, some at high ones.
 */
#ifndef SEGTOOLS_COMPRESS_H
#define SEGTOOLS_COMPRESS_H

#include <stdint.h>

#include "base/file.h"
#include "base/msg.h"
#include "format/zseek_writer.h"

/* All-zero, then what is asked: of the file from, whole, in zstd's seekable
 * format, checked (or NULL) by the thread that reads it. */
struct compress_job {
	struct file *from; /* the caller's; as is to, which lacks the read
			    * permissions that from lacks */
	const struct file_check *check;
	struct file *to;
	uint64_t size; /* of that, */
	uint32_t crc;  /* and its CRC-32 */
	void (*done)(struct compress_job *, enum rc);
	void *arg;

	/* compress.c's own. */
	enum rc rc;
	struct compress_job *next;
};

/* A thread is made when there is a job and all others have one, up to as many as
 * there are cores. */
struct compress;
struct compress *compress_new(int level);
void compress_free(struct compress *); /* NULL-safe; gives up what runs */
void compress_start(struct compress *, struct compress_job *);

struct store;
/* Drive what is compressed and what a store transfers until one of them ended,
 * if there are any.  Without a compress the store alone. */
void compress_step(struct compress *, struct store *);

#endif
