/* pages: see pages.h. */

#include <stdlib.h>
#include <string.h>

#include "base/sort.h"
#include "cut/pages.h"
#include "format/segment.h"

enum { PIECE = 256 << 10 /* of the database, read at once */ };

enum rc
pages_init(struct pages *p, struct livedb *db)
{
	p->db = db;
	/* The kernel copies to whole pages faster. */
	p->buf = aligned_alloc(4096, PIECE);
	return p->buf ? RC_OK : msg_errno("memory");
}

void
pages_release(struct pages *p)
{
	sort_free(p->frames);
	free(p->buf);
	memset(p, 0, sizeof(*p));
}

/* ---- the state ---- */

static enum rc
next_frame(struct pages *p)
{
	uint32_t page = p->next.page;
	enum rc rc;

	do
		rc = sort_next(p->frames, &p->next);
	while (rc == RC_OK && p->next.page == page);
	if (rc == RC_ABSENT) {
		p->next.page = 0;
		rc = RC_OK;
	}
	return rc;
}

enum rc
pages_begin(struct pages *p)
{
	sort_free(p->frames);
	p->frames = sort_new(sizeof(p->next), livelog_frame_cmp);
	memset(&p->next, 0, sizeof(p->next));
	return livedb_begin(p->db);
}

enum rc
pages_fix(
    struct pages *p, const struct wal_place *from, struct livelog_end *end)
{
	enum rc rc = livedb_fix(p->db, from, p->frames, end);

	return rc ? rc : next_frame(p);
}

/* ---- its pages ---- */

static enum rc
each_of_piece(
    struct pages *p, uint32_t first, uint32_t n, pages_fn *fn, void *arg)
{
	uint32_t ps = livedb_state(p->db)->page_size, lock = seg_lock_page(ps);
	enum rc rc = livedb_read(p->db, first, n, p->buf);

	for (uint32_t page = first; page < first + n && rc == RC_OK; page++) {
		uint8_t *bytes = p->buf + (size_t)(page - first) * ps;
		struct page it = {.at = {page, 0},
		    .named = p->next.page == page,
		    .bytes = bytes};

		if (it.named) {
			it.at = p->next;
			if (it.at.frame)
				rc = livedb_read_frame(
				    p->db, it.at.frame, bytes);
			if (rc == RC_OK)
				rc = next_frame(p);
		}
		if (rc == RC_OK && page != lock)
			rc = fn(arg, &it);
	}
	return rc;
}

enum rc
pages_each(struct pages *p, pages_fn *fn, void *arg)
{
	const struct livedb_state *s = livedb_state(p->db);
	uint64_t ps = s->page_size, size = s->size;
	uint32_t most = PIECE / s->page_size, n;
	enum rc rc = RC_OK;

	for (uint64_t page = 1; page <= size && rc == RC_OK; page += n) {
		n = size - page + 1 < most ? (uint32_t)(size - page + 1) : most;
		rc = each_of_piece(p, (uint32_t)page, n, fn, arg);
		if (p->progress)
			p->progress(p->progress_arg, n * ps, size * ps);
	}
	return rc;
}

enum rc
pages_each_named(struct pages *p, pages_fn *fn, void *arg)
{
	const struct livedb_state *s = livedb_state(p->db);
	uint32_t lock = seg_lock_page(s->page_size);
	enum rc rc = RC_OK;

	while (p->next.page && p->next.page <= s->size && rc == RC_OK) {
		struct page it = {.at = p->next, .named = true};

		rc = pages_again(p, &it.at, &it.bytes);
		if (rc == RC_OK && it.at.page != lock)
			rc = fn(arg, &it);
		if (rc == RC_OK)
			rc = next_frame(p);
	}
	return rc;
}

enum rc
pages_again(struct pages *p, const struct livelog_frame *f, const void **bytes)
{
	*bytes = p->buf;
	return f->frame ? livedb_read_frame(p->db, f->frame, p->buf)
			: livedb_read(p->db, f->page, 1, p->buf);
}
