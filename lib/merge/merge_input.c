/* merge_input: see merge_input.h. */

#include <stdlib.h>

#include "base/buf.h"
#include "format/checksum.h"
#include "merge/merge_input.h"

char *
merge_input_path(const struct merge_input *in)
{
	char text[KEY_LEN + 1];

	return xasprintf("%s%s.seg", in->dir, key_text(&in->key, text));
}

enum rc
merge_input_open(const struct merge_input *in, struct file **f,
    struct seg_header *h, uint32_t *crc)
{
	uint8_t bytes[SEG_HEADER_MAX];
	char *path = merge_input_path(in);
	uint64_t length = 0;
	size_t have;
	enum rc rc;

	rc = file_open_there(f, path, "");
	if (rc == RC_OK)
		rc = file_size(*f, &length);
	have = length < sizeof(bytes) ? (size_t)length : sizeof(bytes);
	if (rc == RC_OK)
		rc = file_read(*f, bytes, have, 0);
	if (rc == RC_OK)
		rc = seg_header_parse(h, path, bytes, have, length, &in->key);
	if (rc == RC_OK && crc)
		*crc = checksum_crc32(0, bytes, seg_header_size(h));
	free(path);
	return rc;
}

/* ---- runs ---- */

void
merge_runs_begin(struct merge_runs *w, struct file *scratch, uint32_t page_size)
{
	*w = (struct merge_runs){
	    .scratch = scratch,
	    .out = coalesce_new(scratch, 0),
	    .frame_size = SEG_FRAME + page_size,
	};
}

void
merge_runs_next(struct merge_runs *w, struct merge_input *run)
{
	*run = (struct merge_input){.cutoff = UINT32_MAX};
	run->run.scratch = w->scratch;
	run->run.offset = coalesce_offset(w->out);
	run->run.crc = 0;
	w->run = run;
}

enum rc
merge_runs_frame(void *arg, uint32_t page_no, const uint8_t *frame)
{
	struct merge_runs *w = arg;

	(void)page_no;
	w->run->frames++;
	w->run->run.crc = checksum_crc32(w->run->run.crc, frame, w->frame_size);
	return coalesce_add(w->out, frame, w->frame_size);
}

enum rc
merge_runs_settle(void *arg)
{
	struct merge_runs *w = arg;

	return coalesce_settle(w->out);
}

enum rc
merge_runs_end(struct merge_runs *w, enum rc rc)
{
	if (rc == RC_OK)
		rc = coalesce_flush(w->out);
	coalesce_free(w->out);
	return rc;
}
