/*
 * remote_merge: see remote_merge.h.
 *
 * The union of the indexes says, in page order, where each page's frame is.
 * Frames are taken from it in chunks.  A chunk's frames are grouped by source,
 * and neighbours joined into ranges; each range is one request, which puts its
 * frames into the chunk's memory, whatever comes first.  While one chunk is
 * written, the next one is under way.
 *
 * A source whose index turns out to be wrong makes the whole attempt void: it
 * is fetched whole, and the merge begun again with its local files.
 */

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/file.h"
#include "format/fst_union.h"
#include "format/index.h"
#include "segment/segpair.h"
#include "segment/segwriter.h"
#include "work/remote_merge.h"

enum {
	CHUNK = 8 << 20,    /* bytes of frames; two of them at a time */
	GAP_MAX = 64 << 10, /* what a request costs, in bytes */
	/* What may be fetched for nothing, in percent of what is needed: where
	 * at least this part of all frames is needed, and elsewhere. */
	DENSE_PERCENT = 25,
	DENSE_GAPS_PERCENT = 50,
	GAPS_PERCENT = 6
};

struct remote;

/* A segment of the set. */
struct source {
	struct remote *remote;
	const struct name *name;
	char *data_object, *index_object;
	struct seg_header header;
	bool local;        /* fetched whole */
	bool wrong;        /* its index is not what it should be */
	struct file *data; /* local */
	/* The index object: a part of the scratch file. */
	uint64_t index_offset, index_len, index_have;
	struct store_xfer index_xfer, header_xfer;
	struct buf header_bytes;
	uint32_t cutoff; /* pages beyond it are dropped */
};

/* A frame of a chunk. */
struct want {
	uint32_t page;
	uint32_t source;
	uint64_t position;
	uint8_t *frame; /* where it goes */
};

/* One request: frames of a source with ascending positions. */
struct range {
	struct chunk *chunk;
	struct store_xfer xfer;
	struct source *source;
	struct want **want;
	size_t n;
	size_t next; /* the want that arrives */
	uint64_t at; /* offset in the object of the next byte */
};

struct chunk {
	struct remote *remote;
	struct want *want; /* in page order */
	struct want **by_source;
	struct range *ranges;
	size_t n, n_ranges;
	uint8_t *frames;
	unsigned running;
	enum rc rc;
};

struct remote {
	const struct remote_merge_opts *o;
	struct source *source;
	size_t n;
	struct file *indexes; /* scratch */
	uint64_t indexes_len;
	struct file_map map;
	struct fst *fst;
	struct fst_union *pages;
	bool pages_end;
	struct chunk chunk[2];
	uint64_t frames, needed; /* of all sources; in the merge */
	size_t chunk_max;        /* frames */
	size_t frame_max;        /* bytes of the largest frame */
	struct segwriter *writer;
	unsigned running;
	enum rc rc; /* of the first part's transfers */
};

/* ---- indexes and headers ---- */

/* Every index gets its place in the scratch file when its size is known. */
static enum rc
index_piece(void *arg, const void *data, size_t len)
{
	struct source *s = arg;
	struct remote *l = s->remote;
	uint64_t at = s->index_offset + s->index_have;

	if (s->index_have == 0) {
		at = s->index_offset = l->indexes_len;
		s->index_len = s->index_xfer.size;
		l->indexes_len += s->index_len;
	}
	if (len > s->index_len - s->index_have)
		return msg_fail(
		    RC_SYSTEM, "%s: longer than it said", s->index_object);
	s->index_have += len;
	return file_write(l->indexes, data, len, at);
}

static void
index_done(struct store_xfer *x, enum rc rc)
{
	struct source *s = x->arg;

	s->remote->running--;
	if (rc == RC_ABSENT || rc == RC_DATA) {
		msg_warn("%s: %s", s->index_object,
		    rc == RC_ABSENT ? "not in the store" : "wrong");
		s->wrong = true;
	} else if (rc) {
		s->remote->rc = rc_max(s->remote->rc, rc);
	}
}

static enum rc
parse_header(struct source *s)
{
	return seg_header_parse(&s->header, s->data_object,
	    s->header_bytes.data, s->header_bytes.len, s->header_xfer.size,
	    &s->name->key);
}

static void
header_done(struct store_xfer *x, enum rc rc)
{
	struct source *s = x->arg;

	s->remote->running--;
	if (rc == RC_ABSENT)
		rc = msg_fail(RC_DATA, "%s: not in the store", s->data_object);
	if (rc == RC_OK)
		rc = parse_header(s);
	s->remote->rc = rc_max(s->remote->rc, rc);
}

static void
start_remote(struct remote *l, struct source *s)
{
	s->index_xfer = (struct store_xfer){
	    .verb = STORE_GET,
	    .object = s->index_object,
	    .sink = index_piece,
	    .done = index_done,
	    .arg = s,
	};
	s->header_xfer = (struct store_xfer){
	    .verb = STORE_GET,
	    .object = s->data_object,
	    .buf = &s->header_bytes,
	    .length = SEG_HEADER_MAX,
	    .done = header_done,
	    .arg = s,
	};
	l->running += 2;
	store_start(l->o->store, &s->index_xfer);
	store_start(l->o->store, &s->header_xfer);
}

/* A source that was fetched whole: its index was made from verified data. */
static enum rc
open_local(struct remote *l, struct source *s)
{
	char *seg = name_path(l->o->dir, s->name, PART_SEGMENT);
	char *idx = name_path(l->o->dir, s->name, PART_INDEX);
	struct file *index = NULL;
	struct file_map map = {0};
	enum rc rc = file_open(&s->data, seg);

	if (rc == RC_OK)
		rc = segpair_check(
		    s->data, NULL, &s->name->key, &s->header, NULL);
	if (rc == RC_OK)
		rc = file_open(&index, idx);
	if (rc == RC_OK)
		rc = file_map(&map, index, SIZE_MAX);
	if (rc == RC_OK) {
		s->index_xfer.size = map.len;
		rc = index_piece(s, map.data, map.len);
	}
	if (rc == RC_ABSENT)
		rc = msg_fail(RC_DATA, "%s: gone", seg);
	file_unmap(&map);
	file_close(&index);
	free(seg);
	free(idx);
	return rc;
}

static void
wait_all(struct remote *l)
{
	while (l->running > 0)
		store_wait(l->o->store, l->running - 1, -1);
}

/* RC_ABSENT: a source is wrong. */
static enum rc
any_wrong(const struct remote *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->source[i].wrong)
			return RC_ABSENT;
	return RC_OK;
}

static enum rc
get_indexes(struct remote *l)
{
	enum rc rc = file_scratch(&l->indexes);

	for (size_t i = 0; rc == RC_OK && i < l->n; i++) {
		if (l->source[i].local)
			rc = open_local(l, &l->source[i]);
		else
			start_remote(l, &l->source[i]);
	}
	wait_all(l);
	rc = rc_max(rc, l->rc);
	return rc ? rc : any_wrong(l);
}

/* What index and header say must fit each other. */
static void
open_index(struct remote *l, struct source *s, struct fst *fst)
{
	const uint8_t *bytes = (const uint8_t *)l->map.data + s->index_offset;

	s->wrong = index_open(fst, s->index_object, bytes,
		       (size_t)s->index_len) != RC_OK;
	if (!s->wrong && s->header.layout == SEG_OLD &&
	    fst->count != s->header.frames) {
		msg_warn("%s: has %llu pages, the data has %u", s->index_object,
		    (unsigned long long)fst->count, s->header.frames);
		s->wrong = true;
	}
}

static enum rc
open_indexes(struct remote *l)
{
	enum rc rc = file_map(&l->map, l->indexes, SIZE_MAX);
	uint32_t cutoff = UINT32_MAX;

	if (rc)
		return rc;
	l->fst = xcalloc(l->n, sizeof(*l->fst));
	for (size_t i = l->n; i-- > 0;) {
		struct source *s = &l->source[i];

		if (s->header.page_size != l->source[0].header.page_size)
			return msg_fail(RC_DATA,
			    "%s: its page size is %u, not %u", s->data_object,
			    s->header.page_size, l->source[0].header.page_size);
		if (s->header.size_after < cutoff)
			cutoff = s->header.size_after;
		s->cutoff = cutoff;
		open_index(l, s, &l->fst[i]);
	}
	return any_wrong(l);
}

/* One pass over the union alone; the next one is for the chunks. */
static enum rc
count_needed(struct remote *l)
{
	uint32_t page;
	uint64_t position;
	size_t i;
	enum rc rc;

	l->pages = fst_union_new(l->fst, l->n);
	while ((rc = fst_union_next(l->pages, &page, &i, &position)) == RC_OK)
		if (page <= l->source[i].cutoff)
			l->needed++;
	fst_union_free(l->pages);
	l->pages = NULL;
	if (rc != RC_ABSENT)
		return rc;
	for (i = 0; i < l->n; i++)
		l->frames += l->source[i].header.frames;
	l->pages = fst_union_new(l->fst, l->n);
	return RC_OK;
}

/* ---- a chunk: which frames ---- */

static uint64_t
frame_offset(const struct source *s, uint64_t position)
{
	return seg_header_size(&s->header) +
	       position * seg_frame_size(&s->header);
}

static enum rc
source_wrong(struct source *s, uint32_t page)
{
	msg_warn("%s: wrong about page %u", s->index_object, page);
	s->wrong = true;
	return RC_ABSENT;
}

static enum rc
fill(struct remote *l, struct chunk *c)
{
	struct want *w;
	struct source *s;
	uint32_t page;
	uint64_t position;
	size_t i;
	enum rc rc;

	c->n = 0;
	while (!l->pages_end && c->n < l->chunk_max) {
		rc = fst_union_next(l->pages, &page, &i, &position);
		if (rc == RC_ABSENT) {
			l->pages_end = true;
			break;
		}
		if (rc)
			return rc;
		s = &l->source[i];
		if (page == 0 || position >= s->header.frames)
			return source_wrong(s, page);
		if (page > s->cutoff)
			continue;
		w = &c->want[c->n];
		*w = (struct want){page, (uint32_t)i, position,
		    c->frames + c->n * l->frame_max};
		c->by_source[c->n++] = w;
	}
	return RC_OK;
}

static int
want_cmp(const void *a, const void *b)
{
	const struct want *x = *(const struct want *const *)a;
	const struct want *y = *(const struct want *const *)b;

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
	const struct want *a = c->by_source[i - 1], *b = c->by_source[i];

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
plan_joining(const struct remote *l, const struct chunk *c)
{
	uint64_t most = GAP_MAX / l->frame_max, *gap;
	size_t n = 0;
	bool dense = l->needed * 100 / l->frames >= DENSE_PERCENT;
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

/* ---- a chunk: transfers ---- */

/* Frames go to their places, what lies between them nowhere. */
static enum rc
range_piece(void *arg, const void *data, size_t len)
{
	struct range *r = arg;
	size_t size = seg_frame_size(&r->source->header), n;
	const uint8_t *p = data;
	uint64_t from;

	for (; len > 0 && r->next < r->n; p += n, len -= n, r->at += n) {
		struct want *w = r->want[r->next];

		from = frame_offset(r->source, w->position);
		if (r->at < from) {
			n = from - r->at < len ? (size_t)(from - r->at) : len;
			continue;
		}
		n = (size_t)(from + size - r->at);
		if (n <= len)
			r->next++;
		else
			n = len;
		memcpy(w->frame + (r->at - from), p, n);
	}
	return RC_OK;
}

static void
range_done(struct store_xfer *x, enum rc rc)
{
	struct range *r = x->arg;
	struct chunk *c = r->chunk;

	c->running--;
	c->remote->running--;
	if (rc == RC_ABSENT)
		rc = msg_fail(
		    RC_DATA, "%s: not in the store", r->source->data_object);
	c->rc = rc_max(c->rc, rc);
}

static enum rc
read_local(struct range *r)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < r->n; i++)
		rc = file_read(r->source->data, r->want[i]->frame,
		    seg_frame_size(&r->source->header),
		    frame_offset(r->source, r->want[i]->position));
	return rc;
}

static enum rc
start_range(struct chunk *c, struct source *s, struct want **w, size_t n)
{
	struct range *r = &c->ranges[c->n_ranges++];

	*r = (struct range){.chunk = c, .source = s, .want = w, .n = n};
	if (s->local)
		return read_local(r);
	r->at = frame_offset(s, w[0]->position);
	r->xfer = (struct store_xfer){
	    .verb = STORE_GET,
	    .object = s->data_object,
	    .sink = range_piece,
	    .offset = r->at,
	    .length = frame_offset(s, w[n - 1]->position + 1) - r->at,
	    .done = range_done,
	    .arg = r,
	};
	/* The object whose header was read, not one put in its place. */
	memcpy(r->xfer.etag, s->header_xfer.etag, sizeof(r->xfer.etag));
	c->running++;
	c->remote->running++;
	store_start(c->remote->o->store, &r->xfer);
	return RC_OK;
}

/* All frames of a chunk that one source has. */
static enum rc
start_source(struct chunk *c, struct source *s, struct want **w, size_t n,
    struct joining *j)
{
	size_t from = 0;
	enum rc rc = RC_OK;

	for (size_t i = 1; rc == RC_OK && i <= n; i++) {
		if (i < n && w[i]->position == w[i - 1]->position)
			return source_wrong(s, w[i]->page);
		if (i < n && joins(j, w[i]->position - w[i - 1]->position - 1))
			continue;
		rc = start_range(c, s, w + from, i - from);
		from = i;
	}
	return rc;
}

static enum rc
start_chunk(struct remote *l, struct chunk *c)
{
	struct joining j;
	size_t end;
	enum rc rc = fill(l, c);

	c->n_ranges = 0;
	if (c->n > 1)
		qsort(c->by_source, c->n, sizeof(struct want *), want_cmp);
	j = plan_joining(l, c);
	for (size_t i = 0; rc == RC_OK && i < c->n; i = end) {
		uint32_t source = c->by_source[i]->source;

		for (end = i;
		     end < c->n && c->by_source[end]->source == source;)
			end++;
		rc = start_source(
		    c, &l->source[source], c->by_source + i, end - i, &j);
	}
	return rc;
}

/* ---- writing ---- */

static enum rc
write_frame(struct remote *l, const struct want *w)
{
	struct source *s = &l->source[w->source];
	struct seg_frame f = {0};
	const char *why = seg_frame_decode(&f, &s->header, w->frame);

	if (why || f.page_no != w->page)
		return source_wrong(s, w->page);
	if (s->header.layout == SEG_OLD)
		return segwriter_borrow(l->writer, w->frame);
	return segwriter_add(l->writer, f.page_no, f.frame_no,
	    w->frame + seg_frame_header_size(&s->header));
}

static enum rc
write_chunk(struct remote *l, struct chunk *c)
{
	enum rc rc;

	while (c->running > 0)
		store_wait(l->o->store, l->running - 1, -1);
	rc = c->rc;
	for (size_t i = 0; rc == RC_OK && i < c->n; i++)
		rc = write_frame(l, &c->want[i]);
	c->n = 0;
	return rc ? rc : segwriter_settle(l->writer);
}

static enum rc
write_all(struct remote *l)
{
	struct chunk *now = &l->chunk[0], *after = &l->chunk[1], *swap;
	enum rc rc = start_chunk(l, now);

	while (rc == RC_OK && now->n > 0) {
		rc = start_chunk(l, after);
		if (rc == RC_OK)
			rc = write_chunk(l, now);
		swap = now;
		now = after;
		after = swap;
	}
	return rc;
}

static void
chunks_new(struct remote *l)
{
	l->frame_max = SEG_FRAME_LATER + l->source[0].header.page_size;
	l->chunk_max = CHUNK / l->frame_max;
	for (size_t i = 0; i < 2; i++) {
		struct chunk *c = &l->chunk[i];

		c->remote = l;
		c->frames = xmalloc(l->chunk_max * l->frame_max);
		c->want = xcalloc(l->chunk_max, sizeof(*c->want));
		c->by_source = xcalloc(l->chunk_max, sizeof(struct want *));
		c->ranges = xcalloc(l->chunk_max, sizeof(*c->ranges));
	}
}

/* ---- an attempt ---- */

static void
merged_name(const struct name *name, size_t n, struct name *merged)
{
	*merged = name[n - 1];
	merged->key.start = name[0].key.start;
}

/* RC_ABSENT: a source turned out to be wrong. */
static enum rc
attempt(struct remote *l, struct seg_header *header)
{
	const struct source *last = &l->source[l->n - 1];
	struct name merged;
	enum rc rc = get_indexes(l);

	merged_name(l->source[0].name, l->n, &merged);
	if (rc == RC_OK)
		rc = open_indexes(l);
	if (rc == RC_OK)
		rc = count_needed(l);
	if (rc)
		return rc;
	chunks_new(l);
	rc = segwriter_new(&l->writer, l->o->dir, &merged,
	    last->header.page_size, file_default_mode());
	if (rc == RC_OK)
		rc = write_all(l);
	if (rc == RC_OK)
		rc = segwriter_finish(
		    l->writer, last->header.size_after, last->header.id);
	return rc ? rc : segwriter_commit(l->writer, header);
}

/* Back to the beginning, but for which sources are wrong or local. */
static void
reset(struct remote *l)
{
	wait_all(l);
	segwriter_free(l->writer);
	fst_union_free(l->pages);
	free(l->fst);
	file_unmap(&l->map);
	file_close(&l->indexes);
	for (size_t i = 0; i < 2; i++) {
		free(l->chunk[i].frames);
		free(l->chunk[i].want);
		free(l->chunk[i].by_source);
		free(l->chunk[i].ranges);
	}
	for (size_t i = 0; i < l->n; i++) {
		struct source *s = &l->source[i];

		file_close(&s->data);
		buf_release(&s->header_bytes);
		s->index_offset = s->index_len = s->index_have = 0;
	}
	*l = (struct remote){.o = l->o, .source = l->source, .n = l->n};
}

/* Fetch whole what is wrong; what is wrong even then is an error. */
static enum rc
replace_wrong(struct remote *l)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < l->n; i++) {
		struct source *s = &l->source[i];

		if (!s->wrong)
			continue;
		if (s->local)
			return msg_fail(RC_DATA,
			    "%s: not usable even when "
			    "fetched whole",
			    s->data_object);
		msg_warn("%s: fetched whole", s->data_object);
		s->wrong = false;
		s->local = true;
		rc = l->o->fetch_whole(l->o->arg, s->name);
	}
	return rc;
}

/* Is the merge in the work directory, and good?  RC_ABSENT: no. */
static enum rc
find_local(const struct remote_merge_opts *o, const struct name *merged,
    struct seg_header *header)
{
	char *seg_path = name_path(o->dir, merged, PART_SEGMENT);
	char *idx_path = name_path(o->dir, merged, PART_INDEX);
	struct file *seg = NULL, *idx = NULL;
	enum rc rc = file_open(&seg, seg_path);

	if (rc == RC_OK)
		rc = file_open(&idx, idx_path);
	if (rc == RC_OK) {
		rc = segpair_check(seg, idx, &merged->key, header, NULL);
		if (rc == RC_DATA)
			rc = RC_ABSENT; /* replaced */
	}
	file_close(&seg);
	file_close(&idx);
	free(seg_path);
	free(idx_path);
	return rc;
}

static void
sources_new(struct remote *l, const struct name *name)
{
	l->source = xcalloc(l->n, sizeof(*l->source));
	for (size_t i = 0; i < l->n; i++) {
		struct source *s = &l->source[i];

		s->remote = l;
		s->name = &name[i];
		s->data_object =
		    name_object(l->o->cluster, &name[i], PART_SEGMENT);
		s->index_object =
		    name_object(l->o->cluster, &name[i], PART_INDEX);
	}
}

static void
sources_free(struct remote *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->source[i].data_object);
		free(l->source[i].index_object);
	}
	free(l->source);
}

enum rc
remote_merge(const struct remote_merge_opts *o, const struct name *name,
    size_t n, struct seg_header *header)
{
	struct remote l = {.o = o, .n = n};
	struct name merged;
	enum rc rc;

	merged_name(name, n, &merged);
	rc = find_local(o, &merged, header);
	if (rc != RC_ABSENT)
		return rc;
	sources_new(&l, name);
	do {
		rc = attempt(&l, header);
		reset(&l);
		if (rc == RC_ABSENT)
			rc = replace_wrong(&l);
		else
			break;
	} while (rc == RC_OK);
	sources_free(&l);
	return rc;
}
