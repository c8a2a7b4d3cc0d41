/*
 * merge_input: what a merge reads: files of segments, and runs, which are parts
 * of scratch files that have frames in page order and nothing else.
 */
#ifndef SEGTOOLS_MERGE_INPUT_H
#define SEGTOOLS_MERGE_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/coalesce.h"
#include "base/file.h"
#include "format/segment.h"

/* 48 bytes: sets have hundreds of thousands of them. */
struct merge_input {
	const char *dir; /* of the file, with its last "/"; NULL: a run */
	union {
		struct key key;
		struct {
			struct file *scratch; /* borrowed */
			uint64_t offset;
			uint32_t crc;
		} run;
	};
	uint32_t frames;
	uint32_t cutoff; /* pages beyond it are dropped */
	bool later;      /* layout */
};

/* Of a file: its path; malloced.  Open it and read its header; *crc, if not
 * NULL, is the header's. */
char *merge_input_path(const struct merge_input *);
enum rc merge_input_open(const struct merge_input *, struct file **,
    struct seg_header *, uint32_t *crc);

/*
 * Where the frames of a merge go: each page once, ascending.  frame is a frame
 * header of the OLD layout and the page, borrowed until settle() is called.
 */
struct merge_sink {
	enum rc (*frame)(void *arg, uint32_t page_no, const uint8_t *frame);
	enum rc (*settle)(void *arg);
	void *arg;
};

/* Makes runs in a scratch file, one after the other. */
struct merge_runs {
	struct file *scratch; /* borrowed */
	struct coalesce *out;
	size_t frame_size;
	struct merge_input *run; /* the one that is written */
};
void merge_runs_begin(
    struct merge_runs *, struct file *scratch, uint32_t page_size);
void merge_runs_next(struct merge_runs *, struct merge_input *run);
/* As a sink: arg is the merge_runs. */
enum rc merge_runs_frame(void *arg, uint32_t page_no, const uint8_t *frame);
enum rc merge_runs_settle(void *arg);
/* All is written if rc is RC_OK; what is returned is the greater status. */
enum rc merge_runs_end(struct merge_runs *, enum rc rc);

#endif
