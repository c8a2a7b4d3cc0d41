/*
 * remote_frames: see remote_frames.h.
 *
 * Frames are taken in chunks, in page order.  A chunk's frames are grouped by
 * source, and neighbours joined into ranges; each range is one request, which
 * puts its frames into the chunk's memory, whatever comes first.  While one
 * chunk is handed on, the next one is under way.
 */

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "remote/remote_frames.h"

enum {
	CHUNK = 8 << 20,    /* bytes of frames; two of them at a time */
	GAP_MAX = 64 << 10, /* what a request costs, in bytes */
	/* What may be fetched for nothing, in percent of what is needed: where
	 * at least this part of all frames is needed, and elsewhere. */
	DENSE_PERCENT = 25,
	DENSE_GAPS_PERCENT = 50,
	GAPS_PERCENT = 6
};

/* One request: frames of a source with ascending positions. */
struct range {
	struct chunk *chunk;
	struct content content;
	struct content_object known;
	struct name name;
	struct seg_header header;
	const struct remote_want **want;
	size_t n;
	size_t next; /* the want that arrives */
	uint64_t at; /* offset in the object of the next byte */
};

struct chunk {
	struct frames *frames;
	struct remote_want *want; /* in page order */
	const struct remote_want **by_source;
	struct range *ranges;
	size_t n, n_ranges;
	uint8_t *bytes; /* of the frame of want[i] from i * frame_max on */
	unsigned running;
	enum rc rc;
};

struct frames {
	struct remote_set *set;
	const struct remote_sink *sink;
	struct chunk chunk[2];
	size_t chunk_max; /* frames */
	size_t frame_max; /* bytes of the largest frame */
	unsigned running;
};

static uint64_t
frame_offset(const struct seg_header *h, uint64_t position)
{
	return seg_header_size(h) + position * seg_frame_size(h);
}

static uint8_t *
frame_bytes(const struct chunk *c, const struct remote_want *w)
{
	return c->bytes + (size_t)(w - c->want) * c->frames->frame_max;
}

/* ---- which of them in one request ---- */

static int
want_cmp(const void *a, const void *b)
{
	const struct remote_want *x = *(const struct remote_want *const *)a;
	const struct remote_want *y = *(const struct remote_want *const *)b;

	if (x->source != y->source)
		return x->source < y->source ? -1 : 1;
	return x->position < y->position ? -1 : x->position > y->position;
}

static int
u64_cmp(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x < y ? -1 : x > y;
}

/*
 * Which gaps between the frames of a source to join, in frames: all below
 * limit, and as many of just that length as rest has room for.
 */
struct joining {
	uint64_t limit, rest;
};

static bool
is_gap(const struct chunk *c, size_t i, uint64_t most, uint64_t *gap)
{
	const struct remote_want *a = c->by_source[i - 1], *b = c->by_source[i];

	if (a->source != b->source || a->position >= b->position)
		return false;
	*gap = b->position - a->position - 1;
	return *gap <= most;
}

/*
 * A request costs what GAP_MAX bytes cost, so that longer gaps are never
 * joined; of the others the shortest, as far as the budget goes.  It is small
 * where few of the frames are needed, since what lies between them is then most
 * of the store.
 */
static struct joining
plan_joining(const struct frames *f, const struct chunk *c)
{
	uint64_t most = GAP_MAX / f->frame_max, *gap;
	size_t n = 0;
	bool dense = f->set->needed * 100 / f->set->frames >= DENSE_PERCENT;
	uint64_t budget =
	    c->n * (dense ? DENSE_GAPS_PERCENT : GAPS_PERCENT) / 100;
	uint64_t sum = 0, below = 0; /* of all, of the shorter ones */
	struct joining j = {most + 1, 0};

	gap = xcalloc(c->n + 1, sizeof(*gap));
	for (size_t i = 1; i < c->n; i++)
		if (is_gap(c, i, most, &gap[n]) && gap[n] > 0)
			n++;
	if (n > 1)
		qsort(gap, n, sizeof(*gap), u64_cmp);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || gap[i] != gap[i - 1])
			below = sum;
		sum += gap[i];
		if (sum > budget) {
			j = (struct joining){gap[i], budget - below};
			break;
		}
	}
	free(gap);
	return j;
}

static bool
joins(struct joining *j, uint64_t gap)
{
	if (gap < j->limit)
		return true;
	if (gap > j->limit || gap > j->rest)
		return false;
	j->rest -= gap;
	return true;
}

/* ---- transfers ---- */

/* Frames go to their places, what lies between them nowhere. */
static enum rc
range_piece(void *arg, const void *data, size_t len)
{
	struct range *r = arg;
	size_t size = seg_frame_size(&r->header), n;
	const uint8_t *p = data;
	uint64_t from;

	for (; len > 0 && r->next < r->n; p += n, len -= n, r->at += n) {
		const struct remote_want *w = r->want[r->next];

		from = frame_offset(&r->header, w->position);
		if (r->at < from) {
			n = from - r->at < len ? (size_t)(from - r->at) : len;
			continue;
		}
		n = (size_t)(from + size - r->at);
		if (n <= len)
			r->next++;
		else
			n = len;
		memcpy(frame_bytes(r->chunk, w) + (r->at - from), p, n);
	}
	return RC_OK;
}

static void
range_done(struct content *content, enum rc rc)
{
	struct range *r = content->arg;
	struct chunk *c = r->chunk;
	char *object;

	c->running--;
	c->frames->running--;
	if (rc == RC_ABSENT) {
		object =
		    content_name(content->cluster, &r->name, r->known.form);
		rc = msg_fail(RC_DATA, "%s: not in the store", object);
		free(object);
	}
	c->rc = rc_max(c->rc, rc);
}

static enum rc
read_local(struct range *r)
{
	char *path = remote_set_path(
	    r->chunk->frames->set, r->want[0]->source, PART_SEGMENT);
	struct file *f = NULL;
	enum rc rc = file_open(&f, path);

	if (rc == RC_ABSENT)
		rc = msg_fail(RC_DATA, "%s: gone", path);
	for (size_t i = 0; rc == RC_OK && i < r->n; i++)
		rc = file_read(f, frame_bytes(r->chunk, r->want[i]),
		    seg_frame_size(&r->header),
		    frame_offset(&r->header, r->want[i]->position));
	file_close(&f);
	free(path);
	return rc;
}

static enum rc
start_range(struct chunk *c, const struct remote_want **w, size_t n)
{
	struct remote_set *set = c->frames->set;
	struct range *r = &c->ranges[c->n_ranges++];
	size_t source = w[0]->source;
	enum rc rc;

	*r = (struct range){.chunk = c, .want = w, .n = n};
	r->header = remote_set_header(set, source);
	if (set->source[source].local)
		return read_local(r);
	/* The object whose header was read, not one put in its place. */
	rc = remote_set_known(set, source, &r->known);
	if (rc)
		return rc;
	r->name = remote_set_name(set, source);
	r->at = frame_offset(&r->header, w[0]->position);
	r->content = (struct content){
	    .store = set->o->store,
	    .cluster = set->o->cluster,
	    .name = &r->name,
	    .object = &r->known,
	    .sink = range_piece,
	    .offset = r->at,
	    .length =
		frame_offset(&r->header, w[n - 1]->position + 1ULL) - r->at,
	    .done = range_done,
	    .arg = r,
	};
	c->running++;
	c->frames->running++;
	content_start(&r->content);
	return RC_OK;
}

/* Are two frames of one source in the same of its compressed object, or in
 * neighbours?  Then nothing lies between them that would be fetched for
 * nothing. */
static bool
touch(const struct content_object *known, const struct seg_header *h,
    const struct remote_want *a, const struct remote_want *b)
{
	const struct zseek_table *t = &known->table;
	uint64_t last = frame_offset(h, a->position + 1ULL) - 1;
	uint64_t next = frame_offset(h, b->position);

	return known->sought && next < t->content &&
	       zseek_table_find(t, next) <=
		   zseek_table_find(t, last) + UINT64_C(1);
}

/* All frames of a chunk that one source has. */
static enum rc
start_source(
    struct chunk *c, const struct remote_want **w, size_t n, struct joining *j)
{
	struct remote_set *set = c->frames->set;
	struct seg_header h = remote_set_header(set, w[0]->source);
	struct content_object known = {0};
	size_t from = 0;
	enum rc rc = RC_OK;

	if (set->source[w[0]->source].compressed)
		rc = remote_set_known(set, w[0]->source, &known);
	for (size_t i = 1; rc == RC_OK && i <= n; i++) {
		if (i < n && w[i]->position == w[i - 1]->position)
			return remote_set_wrong(set, w[i]->source, w[i]->page);
		if (i < n &&
		    (touch(&known, &h, w[i - 1], w[i]) ||
			joins(j, w[i]->position - w[i - 1]->position - 1)))
			continue;
		rc = start_range(c, w + from, i - from);
		from = i;
	}
	return rc;
}

static enum rc
start_chunk(struct frames *f, struct chunk *c)
{
	struct joining j;
	size_t end;
	enum rc rc;

	c->n = f->chunk_max;
	c->n_ranges = 0;
	rc = remote_set_next(f->set, c->want, &c->n);
	if (rc || c->n == 0)
		return rc;
	for (size_t i = 0; i < c->n; i++)
		c->by_source[i] = &c->want[i];
	qsort(c->by_source, c->n, sizeof(struct remote_want *), want_cmp);
	j = plan_joining(f, c);
	for (size_t i = 0; rc == RC_OK && i < c->n; i = end) {
		uint32_t source = c->by_source[i]->source;

		for (end = i;
		     end < c->n && c->by_source[end]->source == source;)
			end++;
		rc = start_source(c, c->by_source + i, end - i, &j);
	}
	return rc;
}

/* ---- handing on ---- */

static enum rc
give_frame(struct frames *f, const struct chunk *c, const struct remote_want *w)
{
	struct seg_header h = remote_set_header(f->set, w->source);
	const uint8_t *frame = frame_bytes(c, w);
	struct seg_frame got = {0};

	if (seg_frame_decode(&got, &h, frame) || got.page_no != w->page)
		return remote_set_wrong(f->set, w->source, w->page);
	return f->sink->page(f->sink->arg, got.page_no, got.frame_no,
	    frame + seg_frame_header_size(&h),
	    h.layout == SEG_OLD ? frame : NULL);
}

static enum rc
give_chunk(struct frames *f, struct chunk *c)
{
	enum rc rc;

	while (c->running > 0)
		store_wait(f->set->o->store, f->running - 1, -1);
	rc = c->rc;
	for (size_t i = 0; rc == RC_OK && i < c->n; i++)
		rc = give_frame(f, c, &c->want[i]);
	return rc || !f->sink->settle ? rc : f->sink->settle(f->sink->arg);
}

static enum rc
copy_all(struct frames *f)
{
	struct chunk *now = &f->chunk[0], *after = &f->chunk[1], *swap;
	enum rc rc = start_chunk(f, now);

	while (rc == RC_OK && now->n > 0) {
		rc = start_chunk(f, after);
		if (rc == RC_OK)
			rc = give_chunk(f, now);
		swap = now;
		now = after;
		after = swap;
	}
	while (f->running > 0)
		store_wait(f->set->o->store, f->running - 1, -1);
	return rc;
}

enum rc
remote_frames_copy(struct remote_set *set, const struct remote_sink *sink)
{
	struct frames f = {.set = set, .sink = sink};
	enum rc rc;

	f.frame_max = SEG_FRAME_LATER + set->last.page_size;
	f.chunk_max = CHUNK / f.frame_max;
	for (size_t i = 0; i < 2; i++) {
		struct chunk *c = &f.chunk[i];

		c->frames = &f;
		c->bytes = xmalloc(f.chunk_max * f.frame_max);
		c->want = xcalloc(f.chunk_max, sizeof(*c->want));
		c->by_source =
		    xcalloc(f.chunk_max, sizeof(struct remote_want *));
		c->ranges = xcalloc(f.chunk_max, sizeof(*c->ranges));
	}
	rc = copy_all(&f);
	for (size_t i = 0; i < 2; i++) {
		free(f.chunk[i].bytes);
		free(f.chunk[i].want);
		free(f.chunk[i].by_source);
		free(f.chunk[i].ranges);
	}
	return rc;
}
