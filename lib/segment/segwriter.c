/* segwriter: see segwriter.h. */

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/coalesce.h"
#include "base/directory.h"
#include "base/file.h"
#include "format/checksum.h"
#include "segment/segindex.h"
#include "segment/segwriter.h"

struct segwriter {
	struct file *file, *idx_file; /* the latter once it is finished */
	struct coalesce *out;
	struct segindex *index;
	struct seg_header header;
	uint32_t crc; /* of the frames */
};

/* The two files, under their temporary names. */
static enum rc
create_files(struct segwriter *w, const char *dir, const struct name *name,
    const struct secrecy *secrecy)
{
	char *seg = name_path(dir, name, PART_SEGMENT);
	char *idx = name_path(dir, name, PART_INDEX);
	enum rc rc;

	rc = file_create(&w->file, seg, FILE_REPLACE | FILE_PRIVATE);
	if (rc == RC_OK)
		rc = file_chmod(w->file, secrecy);
	if (rc == RC_OK)
		rc = segindex_new(&w->index, idx, secrecy);
	free(seg);
	free(idx);
	return rc;
}

enum rc
segwriter_new(struct segwriter **out, const char *dir, const struct name *name,
    uint32_t page_size, const struct secrecy *secrecy)
{
	struct segwriter *w;
	enum rc rc;

	*out = NULL;
	rc = dir_make(dir);
	if (rc == RC_OK)
		rc = dir_make_below(dir, name->namespace);
	if (rc)
		return rc;
	w = xcalloc(1, sizeof(*w));
	w->header.layout = SEG_OLD;
	w->header.key = name->key;
	w->header.page_size = page_size;
	rc = create_files(w, dir, name, secrecy);
	if (rc) {
		segwriter_free(w);
		return rc;
	}
	w->out = coalesce_new(w->file, SEG_HEADER);
	*out = w;
	return RC_OK;
}

void
segwriter_free(struct segwriter *w)
{
	if (!w)
		return;
	segindex_free(w->index);
	coalesce_free(w->out);
	file_close(&w->file);
	file_close(&w->idx_file);
	free(w);
}

enum rc
segwriter_borrow(struct segwriter *w, const void *frame)
{
	size_t len = seg_frame_size(&w->header);
	struct seg_frame f = {0};
	const char *why;
	enum rc rc;

	why = seg_frame_decode(&f, &w->header, frame);
	if (why)
		return msg_fail(RC_DATA, "%s: %s", file_name(w->file), why);
	/* The builder refuses pages that are out of order. */
	rc = segindex_add(w->index, f.page_no, w->header.frames);
	if (rc)
		return rc;
	w->header.frames++;
	w->crc = checksum_crc32(w->crc, frame, len);
	return coalesce_add(w->out, frame, len);
}

enum rc
segwriter_settle(struct segwriter *w)
{
	return coalesce_settle(w->out);
}

enum rc
segwriter_add(
    struct segwriter *w, uint32_t page_no, uint64_t frame_no, const void *page)
{
	uint8_t header[SEG_FRAME];
	enum rc rc;

	rc = segindex_add(w->index, page_no, w->header.frames);
	if (rc)
		return rc;
	w->header.frames++;
	seg_frame_encode(header, page_no, frame_no);
	w->crc = checksum_crc32(w->crc, header, SEG_FRAME);
	w->crc = checksum_crc32(w->crc, page, w->header.page_size);
	rc = coalesce_copy(w->out, header, SEG_FRAME);
	return rc ? rc : coalesce_copy(w->out, page, w->header.page_size);
}

/* Header and footer: the CRC of the frames was made before the header's was
 * known. */
static enum rc
finish_data(struct segwriter *w)
{
	uint64_t frames_len = w->header.frames * seg_frame_size(&w->header);
	uint8_t header[SEG_HEADER], footer[SEG_FOOTER];
	uint32_t crc;
	enum rc rc;

	seg_header_encode(&w->header, header);
	crc = checksum_crc32_combine(
	    checksum_crc32(0, header, SEG_HEADER), w->crc, frames_len);
	put_le32(footer, crc);
	rc = coalesce_copy(w->out, footer, SEG_FOOTER);
	if (rc == RC_OK)
		rc = coalesce_flush(w->out);
	if (rc == RC_OK)
		rc = file_write(w->file, header, SEG_HEADER, 0);
	return rc;
}

enum rc
segwriter_finish(
    struct segwriter *w, uint32_t size_after, const uint8_t id[SEG_ID])
{
	enum rc rc;

	if (w->header.frames == 0)
		return msg_fail(
		    RC_DATA, "%s: it would have no page", file_name(w->file));
	w->header.size_after = size_after;
	memcpy(w->header.id, id, SEG_ID);
	rc = finish_data(w);
	if (rc == RC_OK)
		rc = segindex_finish(w->index);
	if (rc)
		return rc;
	w->idx_file = segindex_take(w->index);
	file_write_back(w->file);
	rc = file_sync(w->idx_file);
	return rc ? rc : file_sync(w->file);
}

enum rc
segwriter_commit(struct segwriter *w, struct seg_header *header)
{
	struct file_commit c[] = {
	    {.file = w->file, .synced = true},
	    {.file = w->idx_file, .synced = true, .follows = true},
	};

	if (header)
		*header = w->header;
	w->file = w->idx_file = NULL;
	return file_commit_many(c, 2);
}
