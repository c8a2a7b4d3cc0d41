/*
 * segstream: see segstream.h.
 *
 * Below it is the checker of a data object's bytes (format/segment.h), which
 * tells each frame as it comes.  struct pages makes ascending pages of them,
 * struct compare holds these against the index.
 */

#include <stdlib.h>

#include "base/buf.h"
#include "base/number.h"
#include "base/sort.h"
#include "format/index.h"
#include "segment/segstream.h"

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

static enum rc
check_piece(void *check, const void *data, size_t len)
{
	return seg_check_feed(check, data, len);
}

enum rc
segstream_feed_check(struct seg_check *check, struct file *f, uint64_t length)
{
	file_sequential(f);
	return file_feed(f, 0, length, check_piece, check);
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
segstream_each_page(struct file *f, const struct key *key,
    enum rc (*page)(void *arg, uint32_t page, uint32_t position), void *arg,
    struct seg_header *header)
{
	struct pages p = {.page = page, .arg = arg};
	uint64_t length;
	enum rc rc = file_size(f, &length);

	if (rc)
		return rc;
	pages_begin(&p, file_name(f), key, length);
	rc = segstream_feed_check(p.check, f, length);
	if (rc == RC_OK)
		rc = pages_end(&p, header);
	pages_release(&p);
	return rc;
}

/* ---- against the index ---- */

struct compare {
	const char *name;
	struct fst fst;
	struct fst_iter iter;
	bool open; /* it is an index */
	bool bad;
	const struct seg_check *check; /* of the data */
	uint64_t pages;                /* of the data, that the database has */
};

/* What is wrong with the index must not hide what is wrong with the data. */
static enum rc
compare_page(void *arg, uint32_t page, uint32_t position)
{
	struct compare *c = arg;
	uint32_t key;
	uint64_t value;
	enum rc rc;

	c->pages += page <= seg_check_header(c->check)->size_after;
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
	c->open = !c->bad;
	if (c->open)
		fst_iter_init(&c->iter, &c->fst);
}

/* Only its index knows how long data of the LATER layout was; it may name pages
 * that a shrink left behind, which are not there. */
static enum rc
check_whole(const struct compare *c, const char *name)
{
	const struct seg_header *h = seg_check_header(c->check);
	uint64_t wanted;

	if (!c->open || h->layout != SEG_LATER)
		return RC_OK;
	wanted = index_pages_within(&c->fst, h->size_after);
	if (wanted <= c->pages)
		return RC_OK;
	return msg_fail(RC_DATA,
	    "%s: cut short: it has %llu page%s, its index has %llu", name,
	    (unsigned long long)c->pages, number_s(c->pages),
	    (unsigned long long)wanted);
}

struct segstream {
	struct pages pages;
	struct compare compare;
	char *name, *idx_name;
};

struct segstream *
segstream_new(const char *name, const struct key *key, uint64_t length,
    const char *idx_name, const void *idx, size_t idx_len, bool bare_too)
{
	struct segstream *s = xcalloc(1, sizeof(*s));

	s->name = xstrdup(name);
	s->compare.bad = true; /* unless there is an index, and it is good */
	if (idx_name) {
		s->idx_name = xstrdup(idx_name);
		compare_begin(&s->compare, s->idx_name, idx, idx_len, bare_too);
		s->pages.page = compare_page;
		s->pages.arg = &s->compare;
	}
	pages_begin(&s->pages, name, key, length);
	s->compare.check = s->pages.check;
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
	return segstream_feed_check(s->pages.check, f, length);
}

enum rc
segstream_end(struct segstream *s, struct seg_header *header, bool *bad_index)
{
	struct compare *c = &s->compare;
	enum rc rc = pages_end(&s->pages, header);

	if (rc == RC_OK)
		rc = check_whole(c, s->name);
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
	free(s->name);
	free(s->idx_name);
	free(s);
}
