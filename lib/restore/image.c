/*
 * image: see image.h.
 *
 * Of base's pages those up to kept stay where the merge has none: a smaller size
 * in between cut off what was behind it, also if the database grew again, and
 * what it grew by is zeros.  The checksum is an XOR: a page that is replaced is
 * taken out of it and its new version put in.
 */

#include <stdlib.h>

#include "base/buf.h"
#include "base/coalesce.h"
#include "format/segment.h"
#include "restore/image.h"

enum {
	PIECE = 1 << 20,
	/* Old versions are read together over so many pages between them. */
	APART = 8
};

struct page {
	uint32_t no;
	const uint8_t *bytes; /* the new version, borrowed */
};

/* The sink of the merge; file and out are NULL where nothing is written. */
struct image {
	struct file *file;
	struct coalesce *out;
	uint32_t page_size;
	uint32_t kept; /* pages of base that count */
	bool has_sum;
	struct seg_sum sum;
	uint64_t next; /* behind kept: the page after the last one */
	/* Pages up to kept whose old version is still to be summed. */
	struct page *page;
	size_t n, cap;
	uint8_t *old;
};

/* Sum pages first..last of what the file holds. */
static enum rc
sum_file(struct image *im, uint64_t first, uint64_t last)
{
	uint64_t most = PIECE / im->page_size;
	enum rc rc = RC_OK;

	for (uint64_t n; rc == RC_OK && first <= last; first += n) {
		n = last - first + 1 < most ? last - first + 1 : most;
		rc = file_read(im->file, im->old, n * im->page_size,
		    (first - 1) * im->page_size);
		for (uint64_t i = 0; rc == RC_OK && i < n; i++)
			seg_sum_page(&im->sum, (uint32_t)(first + i),
			    im->old + i * im->page_size, im->page_size);
	}
	return rc;
}

/*
 * A page that no segment has is zero bytes: of it the checksum must know, as
 * seg-cut does, but nothing is written.
 */
static void
sum_holes(struct image *im, uint64_t until)
{
	static const uint8_t zero[SEG_PAGE_MAX];

	for (; im->next < until; im->next++)
		seg_sum_page(&im->sum, (uint32_t)im->next, zero, im->page_size);
}

static enum rc
write_page(struct image *im, uint32_t page_no, const uint8_t *bytes)
{
	enum rc rc;

	if (!im->out)
		return RC_OK;
	rc = coalesce_seek(im->out, (page_no - 1) * (uint64_t)im->page_size);
	return rc ? rc : coalesce_add(im->out, bytes, im->page_size);
}

/* How many of the pages from i on one read takes; they are ascending. */
static size_t
together(const struct image *im, size_t i)
{
	uint32_t first = im->page[i].no, most = PIECE / im->page_size;
	size_t n = 1;

	while (i + n < im->n && im->page[i + n].no - first < most &&
	       im->page[i + n].no - im->page[i + n - 1].no <= APART)
		n++;
	return n;
}

/* Replace pages of base: their old versions are read, and taken out of the sum,
 * before the new ones are written. */
static enum rc
replace_pages(struct image *im)
{
	enum rc rc = RC_OK;

	for (size_t i = 0, n; rc == RC_OK && i < im->n; i += n) {
		uint32_t first = im->page[i].no, last;

		n = together(im, i);
		last = im->page[i + n - 1].no;
		rc = file_read(im->file, im->old,
		    (last - first + 1) * (size_t)im->page_size,
		    (first - 1) * (uint64_t)im->page_size);
		for (size_t k = i; rc == RC_OK && k < i + n; k++)
			seg_sum_page(&im->sum, im->page[k].no,
			    im->old + (im->page[k].no - first) *
					  (size_t)im->page_size,
			    im->page_size);
	}
	for (size_t i = 0; rc == RC_OK && i < im->n; i++)
		rc = write_page(im, im->page[i].no, im->page[i].bytes);
	im->n = 0;
	return rc;
}

static enum rc
image_page(void *arg, uint32_t page_no, const uint8_t *frame)
{
	struct image *im = arg;
	const uint8_t *bytes = frame + SEG_FRAME;
	enum rc rc;

	if (!im->has_sum)
		return write_page(im, page_no, bytes);
	seg_sum_page(&im->sum, page_no, bytes, im->page_size);
	if (page_no <= im->kept) {
		if (im->n == im->cap) {
			im->cap = im->cap ? 2 * im->cap : 64;
			im->page =
			    xreallocarray(im->page, im->cap, sizeof(*im->page));
		}
		im->page[im->n++] = (struct page){page_no, bytes};
		return RC_OK;
	}
	rc = replace_pages(im);
	sum_holes(im, page_no);
	im->next = (uint64_t)page_no + 1;
	return rc ? rc : write_page(im, page_no, bytes);
}

static enum rc
image_settle(void *arg)
{
	struct image *im = arg;
	enum rc rc = replace_pages(im);

	return rc == RC_OK && im->out ? coalesce_settle(im->out) : rc;
}

/* What of base stays; the rest is cut off, and out of the sum. */
static enum rc
begin(struct image *im, const struct merge_info *info,
    const struct image_base *base)
{
	enum rc rc = RC_OK;

	im->kept =
	    base->size < info->least_size ? base->size : info->least_size;
	im->sum = base->sum;
	im->next = (uint64_t)im->kept + 1;
	if (im->has_sum)
		rc = sum_file(im, im->next, base->size);
	if (rc == RC_OK && im->kept < base->size)
		rc =
		    file_truncate(im->file, im->kept * (uint64_t)im->page_size);
	return rc;
}

static enum rc
check_sum(struct image *im, const struct merge_info *info)
{
	if (!seg_id_has_sum(info->id) || seg_id_matches(info->id, &im->sum))
		return RC_OK;
	return msg_fail(RC_DATA,
	    "%s: the restored pages are not the database "
	    "that was cut: its checksum differs",
	    info->last_path);
}

/* After the last page. */
static enum rc
end(struct image *im, const struct merge_info *info)
{
	uint64_t size = info->size_after * (uint64_t)info->page_size;
	enum rc rc = replace_pages(im);

	if (rc == RC_OK && im->out)
		rc = coalesce_flush(im->out);
	/* What no page was written to is a hole, at the end too. */
	if (rc == RC_OK && im->file)
		rc = file_truncate(im->file, size);
	if (rc == RC_OK && im->has_sum) {
		sum_holes(im, (uint64_t)info->size_after + 1);
	} else if (rc == RC_OK && im->file && seg_id_has_sum(info->id)) {
		/* Nobody knew what base's checksum was. */
		im->has_sum = true;
		im->sum = (struct seg_sum){0, 0};
		rc = sum_file(im, 1, info->size_after);
	}
	return rc == RC_OK && im->has_sum ? check_sum(im, info) : rc;
}

enum rc
image_write(struct merge *m, const struct merge_info *info, struct file *file,
    const struct image_base *base, struct seg_sum *sum, bool *has_sum)
{
	static const struct image_base nothing;
	struct image im = {
	    .file = file,
	    .page_size = info->page_size,
	    .has_sum = base ? base->has_sum : seg_id_has_sum(info->id),
	    .old = xmalloc(PIECE),
	    .next = 1,
	};
	const struct merge_sink sink = {image_page, image_settle, &im};
	enum rc rc = RC_OK;

	/* No more than the inputs take. */
	if (file && !base && info->frames >= info->size_after)
		rc = file_reserve(
		    file, info->size_after * (uint64_t)info->page_size);
	if (rc == RC_OK)
		rc = begin(&im, info, base ? base : &nothing);
	if (rc == RC_OK && file)
		im.out = coalesce_new(file, 0);
	if (rc == RC_OK)
		rc = merge_run(m, &sink);
	if (rc == RC_OK)
		rc = end(&im, info);
	if (sum)
		*sum = im.sum;
	if (has_sum)
		*has_sum = im.has_sum;
	coalesce_free(im.out);
	free(im.page);
	free(im.old);
	return rc;
}
