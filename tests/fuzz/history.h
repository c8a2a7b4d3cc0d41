/*
 * A history of a database that is anything at all, as segments whose checksums
 * are right: in a store, or as files of a work directory.
 *
 *   input   16 bytes of what there is to be (enum below), 64 bytes that say
 *           which page each frame is, and where a segment ends; then the pages
 *
 * With a lie or two in it, if the input says so: numbers in headers, frames and
 * indexes that are not what they should be, objects that are cut short or not
 * there.  One without lies is honest: then it is known what each page is.
 */
#ifndef SEGTOOLS_FUZZ_HISTORY_H
#define SEGTOOLS_FUZZ_HISTORY_H

#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "format/checksum.h"
#include "format/fst_builder.h"
#include "format/index.h"
#include "format/segment.h"
#include "format/zseek_writer.h"
#include "place.h"
#include "plan/keyset.h"

enum {
	HISTORY_FRAMES = 64,
	HISTORY_SEGMENTS = 3,
	HISTORY_SAYS = 16,
	HISTORY_HEAD = HISTORY_SAYS + HISTORY_FRAMES,
	/* Where in the input what is said. */
	SAYS_FORM = 0,   /* page size: two bits; which are compressed: three */
	SAYS_LAYOUT = 1, /* which have the later one: three bits */
	SAYS_HEADER = 2, /* page 1 is made to begin as a database does: a bit */
	SAYS_CACHE = 3,  /* pages, or without bounds */
	SAYS_LIES = 4,   /* two of them, of 5 bytes each */
	SAYS_MORE = 14,  /* the target's own */
	/* In the bytes about frames. */
	PAGE_MASK = 0x3f,
	SEGMENT_ENDS = 0x40
};

#define HISTORY_NAMESPACE "n"

enum history_lie_kind {
	LIE_NONE,
	LIE_SIZE,     /* that the database has */
	LIE_PAGE,     /* which a frame is */
	LIE_FRAME,    /* its number */
	LIE_POSITION, /* in the index */
	LIE_ORDER,    /* pages of the index are others, from one on */
	LIE_LACKS,    /* it has not all */
	LIE_INDEX,    /* a byte of it */
	LIE_HEADER,   /* a byte of the header */
	LIE_SHORT,    /* the data is cut short */
	LIE_STORED,   /* a byte of the object as it is stored */
	LIE_NO_INDEX,
	LIE_NO_DATA,
	LIES
};

struct history_lie {
	enum history_lie_kind kind;
	size_t segment, place;
	uint32_t what;
};

struct history_segment {
	struct seg_header header;
	bool compressed;
	size_t n;
	struct history_frame {
		uint32_t page;
		size_t at; /* in pages */
	} frame[HISTORY_FRAMES];
	struct buf data, stored, index;
};

struct history {
	uint32_t page_size;
	/* What the headers say of sizes is true, whatever it is. */
	bool honest;
	/* A byte of a plain object is not: only who reads all of it can tell. */
	bool unseen;
	size_t n;
	struct history_segment segment[HISTORY_SEGMENTS];
	uint8_t *pages;
};

/* ---- what is true ---- */

/* As a cut writes them: in page order, of each the last one. */
static inline void
history_order(struct history_segment *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		struct history_frame f = s->frame[i];
		size_t at = 0;

		while (at < n && s->frame[at].page < f.page)
			at++;
		if (at == n || s->frame[at].page != f.page)
			memmove(&s->frame[at + 1], &s->frame[at],
			    (n++ - at) * sizeof(f));
		s->frame[at] = f;
	}
	s->n = n;
}

static inline void
history_settle(struct history *h, size_t i, const uint8_t *says, uint32_t *size)
{
	struct history_segment *s = &h->segment[i];

	if (says[SAYS_LAYOUT] & 1 << i)
		s->header.layout = SEG_LATER;
	else
		history_order(s);
	/* An index cannot tell a page that is there twice from one that it
	 * lacks. */
	for (size_t k = 1; k < s->n; k++)
		for (size_t j = 0; j < k; j++)
			h->honest &= s->frame[j].page != s->frame[k].page;
	for (size_t k = 0; k < s->n; k++)
		if (s->frame[k].page > *size)
			*size = s->frame[k].page;
	s->compressed = says[SAYS_FORM] & 4 << i;
	s->header.key.start = i ? s[-1].header.key.end + 1 : 1;
	s->header.key.end = s->header.key.start + s->n - 1;
	s->header.key.time = 1000 + i;
	s->header.frames = (uint32_t)s->n;
	s->header.page_size = h->page_size;
	s->header.size_after = *size;
}

static inline void
history_read(struct history *h, const uint8_t *says, size_t size)
{
	static const uint16_t sizes[] = {512, 512, 1024, 4096};
	const uint8_t *frames = says + HISTORY_SAYS;
	uint32_t database = 1;
	size_t n;

	/* The later layout never had another. */
	h->page_size =
	    says[SAYS_LAYOUT] & 7 ? 4096 : sizes[says[SAYS_FORM] & 3];
	n = (size - HISTORY_HEAD) / h->page_size;
	n = n < HISTORY_FRAMES ? n : HISTORY_FRAMES;
	h->pages = xmalloc(size);
	memcpy(h->pages, says + HISTORY_HEAD, n * h->page_size);
	if (says[SAYS_HEADER] & 1 && n > 0) {
		memcpy(h->pages, "SQLite format 3", 16);
		h->pages[16] = (uint8_t)(h->page_size >> 8);
		h->pages[17] = 0;
	}
	for (size_t i = 0; i < n; i++) {
		struct history_segment *s = &h->segment[h->n];

		s->frame[s->n].page = 1 + (frames[i] & PAGE_MASK);
		s->frame[s->n++].at = i * h->page_size;
		if (i + 1 == n ||
		    (frames[i] & SEGMENT_ENDS && h->n + 1 < HISTORY_SEGMENTS))
			h->n++;
	}
	for (size_t i = 0; i < h->n; i++)
		history_settle(h, i, says, &database);
}

/*
 * A page after n of the segments: where in pages the newest version is that its
 * own or a later size did not cut off; or that the last did not.  False: there
 * is none.
 */
static inline bool
history_page(const struct history *h, size_t n, uint32_t page, bool last_alone,
    size_t *at)
{
	for (size_t i = n; i-- > 0;) {
		const struct history_segment *s = &h->segment[i];

		if (page > s->header.size_after && (i + 1 == n || !last_alone))
			return false;
		for (size_t k = 0; k < s->n; k++)
			if (s->frame[k].page == page) {
				*at = s->frame[k].at;
				return true;
			}
	}
	return false;
}

/* Is it the page as any of the segments has it? */
static inline bool
history_has(const struct history *h, uint32_t page, const uint8_t *bytes)
{
	for (size_t i = 0; i < h->n; i++) {
		const struct history_segment *s = &h->segment[i];

		for (size_t k = 0; k < s->n; k++)
			if (s->frame[k].page == page &&
			    memcmp(bytes, h->pages + s->frame[k].at,
				h->page_size) == 0)
				return true;
	}
	return false;
}

/* ---- the bytes of a segment ---- */

static inline enum rc
history_sink(void *arg, const void *data, size_t len)
{
	buf_add(arg, data, len);
	return RC_OK;
}

static inline void
history_xor(struct buf *b, size_t len, const struct history_lie *lie)
{
	if (len > 0)
		b->data[lie->place % len] ^= (char)lie->what;
}

static inline void
history_put_data(struct history_segment *s, const uint8_t *pages,
    const struct history_lie *lie)
{
	bool later = s->header.layout == SEG_LATER;
	uint8_t p[SEG_HEADER];

	seg_header_encode(&s->header, p);
	/* The later one is the same without the number of frames. */
	buf_add(&s->data, p, later ? 10 : 14);
	buf_add(&s->data, p + 14, SEG_HEADER - 14);
	for (size_t k = 0; k < s->n; k++) {
		bool lies = k == lie->place % s->n;
		uint8_t head[SEG_FRAME_LATER] = {0};

		put_le32(head + (later ? 4 : 0),
		    s->frame[k].page ^
			(lies && lie->kind == LIE_PAGE ? lie->what : 0));
		put_le64(head + 8,
		    (s->header.key.start + k) ^
			(lies && lie->kind == LIE_FRAME ? lie->what : 0));
		buf_add(&s->data, head, later ? SEG_FRAME_LATER : SEG_FRAME);
		buf_add(&s->data, pages + s->frame[k].at, s->header.page_size);
	}
	if (!later)
		buf_add(&s->data, "\0\0\0", SEG_FOOTER);
}

static inline void
history_sum_data(struct history_segment *s)
{
	uint8_t *p = (uint8_t *)s->data.data;
	size_t frame = SEG_FRAME_LATER + s->header.page_size;
	uint32_t crc;

	if (s->header.layout == SEG_OLD) {
		crc = checksum_crc32(0, p, s->data.len - SEG_FOOTER);
		put_le32(p + s->data.len - SEG_FOOTER, crc);
		return;
	}
	crc = checksum_crc32(0, p, SEG_HEADER_LATER);
	for (size_t at = SEG_HEADER_LATER; at + frame <= s->data.len;
	     at += frame) {
		crc = checksum_crc32(crc, p + at, SEG_FRAME);
		crc = checksum_crc32(
		    crc, p + at + SEG_FRAME_LATER, s->header.page_size);
		put_le32(p + at + SEG_FRAME, crc);
	}
}

/* The first frame of the least page behind this one; s->n: there is none. */
static inline size_t
history_next(const struct history_segment *s, uint32_t page)
{
	size_t next = s->n;

	for (size_t k = 0; k < s->n; k++)
		if (s->frame[k].page > page &&
		    (next == s->n || s->frame[k].page < s->frame[next].page))
			next = k;
	return next;
}

static inline void
history_put_index(struct history_segment *s, const struct history_lie *lie)
{
	struct fst_builder *b;
	uint64_t len, wrong;
	uint32_t more = 0;
	size_t k, i = 0;

	buf_add(&s->index, (uint8_t[INDEX_HEADER]){0}, INDEX_HEADER);
	b = fst_builder_new(history_sink, &s->index);
	for (uint32_t page = 0; (k = history_next(s, page)) < s->n;) {
		bool lies = i++ == lie->place % s->n;

		page = s->frame[k].page;
		wrong = lies && lie->kind == LIE_POSITION ? lie->what : 0;
		if (lies && lie->kind == LIE_ORDER)
			more = lie->what;
		if (lies && lie->kind == LIE_LACKS)
			continue;
		(void)fst_builder_add(b, page + more, k ^ wrong);
	}
	if (fst_builder_finish(b, &len) != RC_OK)
		abort();
	fst_builder_free(b);
}

static inline void
history_sum_index(struct buf *index)
{
	uint8_t *fst = (uint8_t *)index->data + INDEX_HEADER;
	size_t len = index->len - INDEX_HEADER;

	put_le32(fst + len - 4, fst_checksum(checksum_crc32c(0, fst, len - 4)));
	index_header_encode(
	    len, checksum_crc32(0, fst, len), (uint8_t *)index->data);
}

static inline void
history_compress(struct history_segment *s)
{
	struct zseek_writer *w = zseek_writer_new(1, history_sink, &s->stored);
	uint64_t len;

	if (zseek_writer_add(w, s->data.data, s->data.len) != RC_OK ||
	    zseek_writer_finish(w, &len) != RC_OK)
		abort();
	zseek_writer_free(w);
}

/* ---- lies ---- */

static inline struct history_lie
history_lie(const struct history *h, const uint8_t *said)
{
	struct history_lie l = {.segment = said[1] % h->n, .place = said[2]};

	/* Of half of all inputs none. */
	if (said[0] & 0x80)
		l.kind = said[0] % LIES;
	l.what = le16(said + 3);
	if (l.what & 0x8000)
		l.what <<= 15; /* beyond all that there is */
	return l;
}

static inline void
history_make(struct history_segment *s, const uint8_t *pages,
    const struct history_lie *lie)
{
	if (lie->kind == LIE_SIZE)
		s->header.size_after = lie->what;
	history_put_data(s, pages, lie);
	history_put_index(s, lie);
	if (lie->kind == LIE_HEADER)
		history_xor(&s->data, SEG_HEADER, lie);
	if (lie->kind == LIE_INDEX)
		history_xor(&s->index, s->index.len, lie);
	history_sum_data(s);
	history_sum_index(&s->index);
	if (lie->kind == LIE_SHORT)
		s->data.len -= 1 + lie->what % s->data.len;
	if (s->compressed)
		history_compress(s);
	else
		buf_add(&s->stored, s->data.data, s->data.len);
	if (lie->kind == LIE_STORED)
		history_xor(&s->stored, s->stored.len, lie);
	if (lie->kind == LIE_NO_INDEX)
		buf_clear(&s->index);
	if (lie->kind == LIE_NO_DATA)
		buf_clear(&s->stored);
}

/* ---- for targets ---- */

/* False: there is not even one segment. */
static inline bool
history_new(struct history *h, const uint8_t *data, size_t size)
{
	*h = (struct history){.honest = true};
	if (size < HISTORY_HEAD)
		return false;
	history_read(h, data, size);
	for (size_t i = 0; i < h->n; i++) {
		struct history_lie lie = {0}, said;

		for (size_t k = 0; k < 2; k++) {
			said = history_lie(h, data + SAYS_LIES + 5 * k);
			if (said.segment == i && said.kind)
				lie = said;
		}
		history_make(&h->segment[i], h->pages, &lie);
		h->honest &= lie.kind == LIE_NONE ||
			     (lie.kind == LIE_SIZE && lie.what > 0);
		h->unseen |=
		    lie.kind == LIE_STORED && !h->segment[i].compressed;
	}
	return h->n > 0;
}

static inline void
history_release(struct history *h)
{
	for (size_t i = 0; i < h->n; i++) {
		buf_release(&h->segment[i].data);
		buf_release(&h->segment[i].stored);
		buf_release(&h->segment[i].index);
	}
	free(h->pages);
}

static inline void
history_keys(const struct history *h, size_t n, struct keyset *keys)
{
	for (size_t i = 0; i < n; i++)
		keyset_add(keys, &h->segment[i].header.key);
}

/* The file of a part of the i-th segment, in the store below place()/store, or
 * in the work directory place()/work; malloced. */
static inline char *
history_path(const struct history *h, size_t i, enum part part, bool work)
{
	struct name name;
	char *object, *path;

	name_set(&name, HISTORY_NAMESPACE, &h->segment[i].header.key);
	if (!work && part == PART_SEGMENT && h->segment[i].compressed)
		part = PART_ZSTD;
	object = work ? name_path("work", &name, part)
		      : name_object("default", &name, part);
	path = xasprintf("%s/%s%s", place(), work ? "" : "store/", object);
	free(object);
	return path;
}

static inline void
history_directories(const struct history *h, bool work)
{
	static bool made[2];

	for (int part = PART_SEGMENT; !made[work] && part <= PART_INDEX;
	     part++) {
		char *path = history_path(h, 0, (enum part)part, work);

		*strrchr(path, '/') = 0;
		place_directory(path);
		free(path);
	}
	made[work] = true;
}

static inline void
history_put_part(const struct history *h, size_t i, enum part part, bool work)
{
	const struct history_segment *s = &h->segment[i];
	const struct buf *b = part == PART_INDEX ? &s->index
			      : work             ? &s->data
						 : &s->stored;
	char *path = history_path(h, i, part, work);

	if (b->len > 0)
		place_at(path, b->data, b->len);
	free(path);
}

static inline void
history_put(const struct history *h, bool work)
{
	history_directories(h, work);
	for (size_t i = 0; i < h->n; i++) {
		history_put_part(h, i, PART_SEGMENT, work);
		history_put_part(h, i, PART_INDEX, work);
	}
}

static inline void
history_remove(const struct history *h, bool work)
{
	for (size_t i = 0; i < h->n; i++)
		for (int part = PART_SEGMENT; part <= PART_INDEX; part++) {
			char *path = history_path(h, i, (enum part)part, work);

			(void)unlink(path);
			free(path);
		}
}

#endif
