/* segfile: see segfile.h. */

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/coalesce.h"
#include "base/directory.h"
#include "base/sort.h"
#include "format/checksum.h"
#include "format/fst_builder.h"
#include "format/index.h"
#include "segment/segfile.h"

enum { PIECE = 256 << 10 };

/* ---- an index object, written ---- */

/* The FST streams to the file as it is built; the header goes in front of it
 * last, since it has its length and CRC. */
struct index_writer {
	struct file *file;
	struct coalesce *out;
	struct fst_builder *fst;
	uint32_t crc;
};

static enum rc
fst_sink(void *arg, const void *data, size_t len)
{
	struct index_writer *w = arg;

	w->crc = checksum_crc32(w->crc, data, len);
	return coalesce_copy(w->out, data, len);
}

static enum rc
index_begin(struct index_writer *w, const char *path, mode_t mode)
{
	enum rc rc;

	rc = file_create(&w->file, path, FILE_REPLACE | FILE_PRIVATE);
	if (rc)
		return rc;
	w->out = coalesce_new(w->file, INDEX_HEADER);
	w->fst = fst_builder_new(fst_sink, w);
	return file_chmod(w->file, mode);
}

static enum rc
index_end(struct index_writer *w)
{
	uint8_t header[INDEX_HEADER];
	uint64_t len;
	enum rc rc;

	rc = fst_builder_finish(w->fst, &len);
	if (rc == RC_OK)
		rc = coalesce_flush(w->out);
	if (rc)
		return rc;
	index_header_encode(len, w->crc, header);
	return file_write(w->file, header, sizeof(header), 0);
}

static void
index_release(struct index_writer *w)
{
	fst_builder_free(w->fst);
	coalesce_free(w->out);
	file_close(&w->file);
}

/* ---- a segment, written ---- */

struct segwriter {
	struct file *file;
	struct coalesce *out;
	struct index_writer index;
	struct seg_header header;
	uint32_t crc; /* of the frames */
};

/* The two files, under their temporary names. */
static enum rc
create_files(
    struct segwriter *w, const char *dir, const struct name *name, mode_t mode)
{
	char *seg = name_path(dir, name, PART_SEGMENT);
	char *idx = name_path(dir, name, PART_INDEX);
	enum rc rc;

	rc = file_create(&w->file, seg, FILE_REPLACE | FILE_PRIVATE);
	if (rc == RC_OK)
		rc = file_chmod(w->file, mode);
	if (rc == RC_OK)
		rc = index_begin(&w->index, idx, mode);
	free(seg);
	free(idx);
	return rc;
}

enum rc
segwriter_new(struct segwriter **out, const char *dir, const struct name *name,
    uint32_t page_size, mode_t mode)
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
	rc = create_files(w, dir, name, mode);
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
	index_release(&w->index);
	coalesce_free(w->out);
	file_close(&w->file);
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
	rc = fst_builder_add(w->index.fst, f.page_no, w->header.frames);
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

	rc = fst_builder_add(w->index.fst, page_no, w->header.frames);
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
		rc = index_end(&w->index);
	if (rc == RC_OK)
		rc = file_sync(w->file);
	return rc ? rc : file_sync(w->index.file);
}

enum rc
segwriter_commit(struct segwriter *w, struct seg_header *header)
{
	enum rc rc;

	if (header)
		*header = w->header;
	rc = file_commit(&w->file);
	return rc ? rc : file_commit(&w->index.file);
}

/* ---- the pages of a data file, in page order ---- */

struct pages {
	enum rc (*page)(void *arg, uint32_t page, uint32_t position);
	void *arg;
	struct seg_check *check;
	struct sort *sort; /* LATER */
};

struct place {
	uint32_t page, position;
};

static int
place_cmp(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->page != y->page)
		return x->page < y->page ? -1 : 1;
	return x->position < y->position ? -1 : x->position > y->position;
}

static enum rc
on_frame(void *arg, uint32_t position, uint32_t page, uint64_t frame_no)
{
	struct pages *p = arg;
	struct place place = {.page = page, .position = position};

	(void)frame_no;
	if (position == 0 && seg_check_header(p->check)->layout == SEG_LATER)
		p->sort = sort_new(sizeof(struct place), place_cmp);
	return p->sort ? sort_add(p->sort, &place)
		       : p->page(p->arg, page, position);
}

enum rc
segfile_feed(struct seg_check *check, struct file *f, uint64_t length)
{
	uint8_t *piece = xmalloc(PIECE);
	enum rc rc = RC_OK;
	size_t n;

	file_sequential(f);
	for (uint64_t at = 0; rc == RC_OK && at < length; at += n) {
		n = length - at < PIECE ? (size_t)(length - at) : PIECE;
		rc = file_read(f, piece, n, at);
		if (rc == RC_OK)
			rc = seg_check_feed(check, piece, n);
	}
	free(piece);
	return rc;
}

/* The first occurrence of a page is the one that counts. */
static enum rc
give_sorted(struct pages *p)
{
	struct place place;
	uint32_t last = 0;
	enum rc rc;

	while ((rc = sort_next(p->sort, &place)) == RC_OK) {
		if (place.page == last)
			continue;
		last = place.page;
		rc = p->page(p->arg, place.page, place.position);
		if (rc)
			return rc;
	}
	return rc == RC_ABSENT ? RC_OK : rc;
}

static void
pages_begin(
    struct pages *p, const char *name, const struct key *key, uint64_t length)
{
	p->check =
	    seg_check_new(name, key, length, p->page ? on_frame : NULL, p);
}

static enum rc
pages_end(struct pages *p, struct seg_header *header)
{
	enum rc rc = seg_check_end(p->check, header);

	return rc == RC_OK && p->sort ? give_sorted(p) : rc;
}

static void
pages_release(struct pages *p)
{
	seg_check_free(p->check);
	sort_free(p->sort);
}

enum rc
segfile_each_page(struct file *f, const struct key *key,
    enum rc (*page)(void *arg, uint32_t page, uint32_t position), void *arg,
    struct seg_header *header)
{
	struct pages p = {.page = page, .arg = arg};
	uint64_t length;
	enum rc rc = file_size(f, &length);

	if (rc)
		return rc;
	pages_begin(&p, file_name(f), key, length);
	rc = segfile_feed(p.check, f, length);
	if (rc == RC_OK)
		rc = pages_end(&p, header);
	pages_release(&p);
	return rc;
}

/* ---- checking ---- */

struct compare {
	const char *name;
	struct fst fst;
	struct fst_iter iter;
	bool bad;
};

/* What is wrong with the index must not hide what is wrong with the data. */
static enum rc
compare_page(void *arg, uint32_t page, uint32_t position)
{
	struct compare *c = arg;
	uint32_t key;
	uint64_t value;
	enum rc rc;

	if (c->bad)
		return RC_OK;
	rc = fst_iter_next(&c->iter, &key, &value);
	if (rc == RC_OK && key == page && value == position)
		return RC_OK;
	c->bad = true;
	if (rc == RC_OK)
		msg_fail(RC_DATA,
		    "%s: says that page %u is in frame %llu, the "
		    "data has page %u in frame %u",
		    c->name, key, (unsigned long long)value, page, position);
	else if (rc == RC_ABSENT)
		msg_fail(RC_DATA, "%s: lacks page %u", c->name, page);
	return RC_OK;
}

static void
compare_end(struct compare *c)
{
	uint32_t key;
	uint64_t value;
	enum rc rc;

	if (c->bad)
		return;
	rc = fst_iter_next(&c->iter, &key, &value);
	if (rc == RC_OK)
		msg_fail(RC_DATA, "%s: has page %u, which the data has not",
		    c->name, key);
	c->bad = rc != RC_ABSENT;
}

static void
compare_begin(struct compare *c, const char *name, const void *idx,
    size_t idx_len, bool bare_too)
{
	*c = (struct compare){.name = name};
	c->bad = bare_too ? index_open_any(&c->fst, name, idx, idx_len)
			  : index_open(&c->fst, name, idx, idx_len);
	if (!c->bad)
		fst_iter_init(&c->iter, &c->fst);
}

struct segstream {
	struct pages pages;
	struct compare compare;
	char *idx_name;
};

struct segstream *
segstream_new(const char *name, const struct key *key, uint64_t length,
    const char *idx_name, const void *idx, size_t idx_len, bool bare_too)
{
	struct segstream *s = xcalloc(1, sizeof(*s));

	s->compare.bad = true; /* unless there is one and it is good */
	if (idx_name) {
		s->idx_name = xstrdup(idx_name);
		compare_begin(&s->compare, s->idx_name, idx, idx_len, bare_too);
		s->pages.page = compare_page;
		s->pages.arg = &s->compare;
	}
	pages_begin(&s->pages, name, key, length);
	return s;
}

enum rc
segstream_feed(struct segstream *s, const void *data, size_t len)
{
	return seg_check_feed(s->pages.check, data, len);
}

enum rc
segstream_feed_file(struct segstream *s, struct file *f, uint64_t length)
{
	return segfile_feed(s->pages.check, f, length);
}

enum rc
segstream_end(struct segstream *s, struct seg_header *header, bool *bad_index)
{
	struct compare *c = &s->compare;
	enum rc rc = pages_end(&s->pages, header);

	if (rc)
		return rc;
	compare_end(c);
	if (bad_index)
		*bad_index = c->bad;
	else if (c->bad && s->idx_name)
		rc = RC_DATA;
	return rc;
}

void
segstream_free(struct segstream *s)
{
	if (!s)
		return;
	pages_release(&s->pages);
	free(s->idx_name);
	free(s);
}

enum rc
segfile_check(struct file *seg, struct file *idx, const struct key *key,
    struct seg_header *header, bool *bad_index)
{
	struct file_map map = {0};
	struct segstream *s;
	uint64_t length;
	enum rc rc = file_size(seg, &length);

	if (rc == RC_OK && idx)
		rc = file_map(&map, idx, SIZE_MAX);
	if (rc)
		return rc;
	s = segstream_new(file_name(seg), key, length,
	    idx ? file_name(idx) : NULL, map.data, map.len, !bad_index);
	rc = segstream_feed_file(s, seg, length);
	if (rc == RC_OK)
		rc = segstream_end(s, header, bad_index);
	segstream_free(s);
	file_unmap(&map);
	return rc;
}

/* ---- rebuilding ---- */

static enum rc
index_page(void *arg, uint32_t page, uint32_t position)
{
	struct index_writer *w = arg;

	return fst_builder_add(w->fst, page, position);
}

enum rc
segfile_rebuild_index(const char *seg_path, const char *idx_path,
    const struct key *key, struct seg_header *header)
{
	struct index_writer w = {0};
	struct file *seg = NULL;
	struct stat st;
	enum rc rc;

	rc = file_open(&seg, seg_path);
	if (rc == RC_ABSENT)
		rc = msg_fail(RC_DATA, "%s: no such file", seg_path);
	if (rc == RC_OK && fstat(file_fd(seg), &st) != 0)
		rc = msg_errno(seg_path);
	if (rc == RC_OK)
		rc = index_begin(&w, idx_path, st.st_mode & 0666);
	if (rc == RC_OK)
		rc = segfile_each_page(seg, key, index_page, &w, header);
	if (rc == RC_OK)
		rc = index_end(&w);
	if (rc == RC_OK)
		rc = file_commit(&w.file);
	index_release(&w);
	file_close(&seg);
	return rc;
}
