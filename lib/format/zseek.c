/* zseek: see zseek.h. */

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "format/zseek.h"

enum {
	RESERVED = 0x7c, /* flags that are 0 */
	EVERY = 256      /* frames between two places */
};

void
zseek_entry(
    uint8_t p[ZSEEK_ENTRY_SUM], uint64_t size, uint64_t content, uint32_t sum)
{
	put_le32(p, (uint32_t)size);
	put_le32(p + 4, (uint32_t)content);
	put_le32(p + 8, sum);
}

enum rc
zseek_bad(const char *name, const char *why)
{
	return msg_fail(RC_DATA, "%s: bad seek table: %s", name, why);
}

enum rc
zseek_footer(const char *name, const uint8_t p[ZSEEK_FOOTER], uint32_t *frames,
    bool *sums)
{
	if (le32(p + 5) != ZSEEK_MAGIC_END)
		return RC_ABSENT;
	if (p[4] & RESERVED)
		return zseek_bad(name, "flags that nobody knows");
	*frames = le32(p);
	*sums = p[4] & ZSEEK_SUMS;
	return RC_OK;
}

uint64_t
zseek_entries(uint32_t frames, bool sums)
{
	return (uint64_t)frames * (sums ? ZSEEK_ENTRY_SUM : ZSEEK_ENTRY);
}

enum rc
zseek_table_length(const char *name, const void *tail, size_t have,
    uint64_t size, uint64_t *length)
{
	const uint8_t *p = tail;
	uint32_t frames = 0;
	bool sums = false;
	enum rc rc;

	if (have < ZSEEK_FOOTER)
		return RC_ABSENT;
	rc = zseek_footer(name, p + have - ZSEEK_FOOTER, &frames, &sums);
	if (rc)
		return rc;
	*length = ZSEEK_HEAD + zseek_entries(frames, sums) + ZSEEK_FOOTER;
	return *length <= size
		   ? RC_OK
		   : zseek_bad(name, "it is longer than the object");
}

static uint64_t
places_size(const struct zseek_table *t)
{
	return (t->frames / EVERY + UINT64_C(1)) * sizeof(*t->places);
}

uint64_t
zseek_table_size(const struct zseek_table *t)
{
	return places_size(t) + zseek_entries(t->frames, t->sums);
}

void
zseek_table_borrow(struct zseek_table *t, const void *memory)
{
	t->places = memory;
	t->entries = (const uint8_t *)memory + places_size(t);
	t->memory = NULL;
}

/* Sums of the sizes; in each place those before it. */
static void
add_up(struct zseek_table *t, struct zseek_place *places, uint64_t *size)
{
	struct zseek_frame f;

	*size = t->content = 0;
	places[t->frames / EVERY] = (struct zseek_place){0, 0};
	for (uint32_t i = 0; i < t->frames; i++) {
		if (i % EVERY == 0)
			places[i / EVERY] =
			    (struct zseek_place){*size, t->content};
		f.size = le32(t->entries + zseek_entries(i, t->sums));
		f.content = le32(t->entries + zseek_entries(i, t->sums) + 4);
		*size += f.size;
		t->content += f.content;
	}
}

enum rc
zseek_table_open(struct zseek_table *t, const char *name, const void *table,
    size_t length, uint64_t size)
{
	const uint8_t *p = table;
	uint64_t frames_size, entries;
	void *memory;
	enum rc rc;

	*t = (struct zseek_table){0};
	if (length < ZSEEK_HEAD + ZSEEK_FOOTER || length > size)
		return zseek_bad(name, "too short");
	rc =
	    zseek_footer(name, p + length - ZSEEK_FOOTER, &t->frames, &t->sums);
	if (rc)
		return rc == RC_ABSENT ? zseek_bad(name, "there is none") : rc;
	entries = zseek_entries(t->frames, t->sums);
	if (ZSEEK_HEAD + entries + ZSEEK_FOOTER != length ||
	    le32(p) != ZSEEK_MAGIC_TABLE || le32(p + 4) != length - ZSEEK_HEAD)
		return zseek_bad(name, "its head does not fit its end");
	memory = xmalloc(zseek_table_size(t));
	zseek_table_borrow(t, memory);
	t->memory = memory;
	memcpy((uint8_t *)memory + places_size(t), p + ZSEEK_HEAD, entries);
	add_up(t, memory, &frames_size);
	if (frames_size != size - length) {
		zseek_table_release(t);
		return zseek_bad(name, "its frames are not the object's");
	}
	return RC_OK;
}

void
zseek_table_release(struct zseek_table *t)
{
	free(t->memory);
	*t = (struct zseek_table){0};
}

static void
read_entry(const struct zseek_table *t, uint32_t i, struct zseek_frame *f)
{
	const uint8_t *p = t->entries + zseek_entries(i, t->sums);

	f->size = le32(p);
	f->content = le32(p + 4);
	f->has_sum = t->sums;
	f->sum = t->sums ? le32(p + 8) : 0;
}

/* On from one frame to the next. */
static void
step(const struct zseek_table *t, uint32_t i, struct zseek_frame *f)
{
	f->at += f->size;
	f->content_at += f->content;
	read_entry(t, i, f);
}

/* The first of those that begin at place i. */
static void
start_at(const struct zseek_table *t, uint32_t i, struct zseek_frame *f)
{
	f->at = t->places[i].at;
	f->content_at = t->places[i].content_at;
	read_entry(t, i * EVERY, f);
}

void
zseek_table_frame(
    const struct zseek_table *t, uint32_t i, struct zseek_frame *f)
{
	start_at(t, i / EVERY, f);
	for (uint32_t k = i / EVERY * EVERY; k < i;)
		step(t, ++k, f);
}

uint32_t
zseek_table_find(const struct zseek_table *t, uint64_t offset)
{
	uint32_t lo = 0, hi = (t->frames - 1) / EVERY, i;
	struct zseek_frame f;

	while (lo < hi) {
		uint32_t mid = hi - (hi - lo) / 2;

		if (t->places[mid].content_at <= offset)
			lo = mid;
		else
			hi = mid - 1;
	}
	i = lo * EVERY;
	start_at(t, lo, &f);
	while (offset >= f.content_at + f.content)
		step(t, ++i, &f);
	return i;
}
