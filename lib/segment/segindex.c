/*
 * segindex: see segindex.h.
 *
 * The FST streams to the file as it is built; the header goes in front of it
 * last, since it has its length and CRC.
 */

#include <stdlib.h>

#include "base/buf.h"
#include "base/coalesce.h"
#include "base/file.h"
#include "format/checksum.h"
#include "format/fst_builder.h"
#include "format/index.h"
#include "format/segment.h"
#include "segment/segindex.h"
#include "segment/segstream.h"

struct segindex {
	struct file *file;
	struct coalesce *out;
	struct fst_builder *fst;
	uint32_t crc;
};

static enum rc
fst_sink(void *arg, const void *data, size_t len)
{
	struct segindex *x = arg;

	x->crc = checksum_crc32(x->crc, data, len);
	return coalesce_copy(x->out, data, len);
}

enum rc
segindex_new(
    struct segindex **out, const char *path, const struct secrecy *secrecy)
{
	struct segindex *x;
	struct file *file;
	enum rc rc;

	*out = NULL;
	rc = file_create(&file, path, FILE_REPLACE | FILE_PRIVATE);
	if (rc)
		return rc;
	x = xcalloc(1, sizeof(*x));
	x->file = file;
	x->out = coalesce_new(x->file, INDEX_HEADER);
	x->fst = fst_builder_new(fst_sink, x);
	*out = x;
	return file_chmod(x->file, secrecy);
}

enum rc
segindex_add(struct segindex *x, uint32_t page, uint32_t position)
{
	return fst_builder_add(x->fst, page, position);
}

enum rc
segindex_finish(struct segindex *x)
{
	uint8_t header[INDEX_HEADER];
	uint64_t len;
	enum rc rc;

	rc = fst_builder_finish(x->fst, &len);
	if (rc == RC_OK)
		rc = coalesce_flush(x->out);
	if (rc)
		return rc;
	index_header_encode(len, x->crc, header);
	return file_write(x->file, header, sizeof(header), 0);
}

enum rc
segindex_commit(struct segindex *x)
{
	return file_commit(&x->file);
}

struct file *
segindex_take(struct segindex *x)
{
	struct file *file = x->file;

	x->file = NULL;
	return file;
}

void
segindex_free(struct segindex *x)
{
	if (!x)
		return;
	fst_builder_free(x->fst);
	coalesce_free(x->out);
	file_close(&x->file);
	free(x);
}

/* ---- made from the data ---- */

static enum rc
add_page(void *arg, uint32_t page, uint32_t position)
{
	return segindex_add(arg, page, position);
}

enum rc
segindex_rebuild(const char *seg_path, const char *idx_path,
    const struct key *key, struct seg_header *header)
{
	struct segindex *x = NULL;
	struct file *seg = NULL;
	struct secrecy secrecy;
	enum rc rc;

	rc = file_open_there(&seg, seg_path, "");
	if (rc == RC_OK)
		rc = file_secrecy(seg, &secrecy);
	if (rc == RC_OK)
		rc = segindex_new(&x, idx_path, &secrecy);
	if (rc == RC_OK)
		rc = segstream_each_page(seg, key, add_page, x, header);
	if (rc == RC_OK)
		rc = segindex_finish(x);
	if (rc == RC_OK)
		rc = segindex_commit(x);
	segindex_free(x);
	file_close(&seg);
	return rc;
}
