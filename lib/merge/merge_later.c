/*
 * merge_later: see merge_later.h.
 */

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "format/index.h"
#include "merge/merge_later.h"
#include "segment/segstream.h"

/* One of them, while it is brought into page order.  What lies side by side in
 * the file is read in one piece. */
struct later {
	struct file *file;
	struct seg_header header;
	const struct merge_input *in;
	struct merge_runs *out;
	uint8_t *piece;
	size_t room;     /* frames */
	uint32_t *pages; /* of the frames that wait to be copied */
	size_t n;
	uint32_t position; /* of the first of them */
	uint64_t whole;    /* pages so far that the database has */
};

static enum rc
later_copy(struct later *l)
{
	size_t size = seg_frame_size(&l->header);
	uint64_t at = SEG_HEADER_LATER + l->position * (uint64_t)size;
	struct seg_frame f = {0};
	uint8_t *p = l->piece;
	enum rc rc;

	if (l->n == 0)
		return RC_OK;
	rc = file_read(l->file, p, l->n * size, at);
	for (size_t i = 0; rc == RC_OK && i < l->n; i++, p += size) {
		if (seg_frame_decode(&f, &l->header, p) ||
		    f.page_no != l->pages[i])
			return msg_fail(RC_DATA,
			    "%s: changed while it was read",
			    file_name(l->file));
		/* The OLD header goes where the LATER one ended. */
		seg_frame_encode(
		    p + SEG_FRAME_LATER - SEG_FRAME, f.page_no, f.frame_no);
		rc = merge_runs_frame(
		    l->out, f.page_no, p + SEG_FRAME_LATER - SEG_FRAME);
	}
	l->n = 0;
	return rc ? rc : merge_runs_settle(l->out);
}

static enum rc
later_page(void *arg, uint32_t page, uint32_t position)
{
	struct later *l = arg;
	enum rc rc = RC_OK;

	l->whole += page <= l->header.size_after;
	if (page > l->in->cutoff)
		return RC_OK;
	if (l->n == l->room || position != l->position + l->n)
		rc = later_copy(l);
	if (l->n == 0)
		l->position = position;
	l->pages[l->n++] = page;
	return rc;
}

/* The index beside it, if there is one, knows how long it was. */
static enum rc
check_whole(const struct later *l)
{
	size_t stem = strlen(file_name(l->file)) - strlen(".seg");
	char *path = xasprintf("%.*s.idx", (int)stem, file_name(l->file));
	struct file_map map = {0};
	struct file *f = NULL;
	struct fst fst;
	enum rc rc = file_open(&f, path);

	if (rc == RC_OK)
		rc = file_map(&map, f, SIZE_MAX);
	if (rc == RC_OK) {
		msg_hush(true);
		if (index_open_any(&fst, path, map.data, map.len) == RC_OK &&
		    index_pages_within(&fst, l->header.size_after) > l->whole)
			rc = RC_DATA;
		msg_hush(false);
	}
	if (rc == RC_DATA)
		msg_fail(rc, "%s: cut short: it lacks pages that its index has",
		    file_name(l->file));
	file_unmap(&map);
	file_close(&f);
	free(path);
	return rc == RC_ABSENT ? RC_OK : rc;
}

enum rc
merge_later(const struct merge_reading *m, struct merge_input *in,
    struct merge_runs *out)
{
	struct later l = {.in = in, .out = out};
	struct merge_input run;
	enum rc rc;

	rc = merge_input_open(in, &l.file, &l.header, NULL);
	if (rc)
		goto out;
	l.room = MERGE_PIECE_MAX / seg_frame_size(&l.header);
	l.piece = xcalloc(l.room, seg_frame_size(&l.header));
	l.pages = xcalloc(l.room, sizeof(*l.pages));
	merge_runs_next(out, &run);
	rc = segstream_each_page(l.file, &in->key, later_page, &l, &l.header);
	if (rc == RC_OK)
		rc = later_copy(&l);
	if (rc == RC_OK)
		rc = check_whole(&l);
	if (rc)
		goto out;
	merge_progress(m, seg_size(&l.header));
	*in = run;
out:
	out->run = NULL; /* it was this function's */
	free(l.pages);
	free(l.piece);
	file_close(&l.file);
	return rc;
}
