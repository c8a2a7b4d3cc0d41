/* candidate: see candidate.h. */

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/buf.h"
#include "base/directory.h"
#include "base/file.h"
#include "format/index.h"
#include "format/sum.h"
#include "publish/candidate.h"
#include "publish/object.h"
#include "segment/segpair.h"

char *
candidate_text(const struct candidate *c)
{
	char key[KEY_LEN + 1];

	return xasprintf("%s/%s", c->space->namespace, key_text(&c->key, key));
}

char *
candidate_path(const struct candidate *c, enum part part)
{
	return places_path(c->space->places, c->place, &c->key, part);
}

char *
candidate_object(const struct candidate *c, const char *cluster, enum part part)
{
	struct name name;

	name_set(&name, c->space->namespace, &c->key);
	return name_object(cluster, &name, part);
}

void
candidate_fail(struct candidate *c, enum rc rc)
{
	c->rc = rc;
	c->space->failed = true;
}

uint64_t
candidate_sum(const uint8_t id[SEG_ID])
{
	return seg_id_has_sum(id) ? XXH3_64bits(id, SEG_ID) | 1 : 0;
}

/* ---- verifying ---- */

/* Work directories may hold what a store may not. */
static enum rc
check_not_bare(struct file *idx)
{
	uint8_t head[INDEX_HEADER];
	uint64_t size;
	enum rc rc = file_size(idx, &size);

	/* Too short for either: that is found when it is held against the
	 * data. */
	if (rc || size < sizeof(head))
		return rc;
	rc = file_read(idx, head, sizeof(head), 0);
	if (rc == RC_OK && index_is_bare(head, sizeof(head)))
		rc = msg_fail(RC_DATA,
		    "%s: lacks the header of an index object (seg-verify -r "
		    "makes it)",
		    file_name(idx));
	return rc;
}

/* RC_ABSENT: its .seg has gone. */
static enum rc
verify(struct candidate *c, const char *seg_path, const char *idx_path,
    bool whole, struct seg_header *header)
{
	struct file *seg = NULL, *idx = NULL;
	enum rc rc = segpair_open(&seg, &idx, seg_path, idx_path);

	if (rc == RC_OK)
		rc = handover_look(seg, &c->seen[PART_SEGMENT]);
	if (rc == RC_OK)
		rc = handover_look(idx, &c->seen[PART_INDEX]);
	if (rc == RC_OK)
		rc = segpair_header(seg, &c->key, header);
	/* Of the later layout a service is told the checksum before it gets the
	 * first byte: so it is read twice at any rate. */
	c->whole = whole || (rc == RC_OK && header->layout == SEG_LATER);
	if (rc == RC_OK && c->whole)
		rc = segpair_check(seg, idx, &c->key, header, NULL);
	if (rc == RC_OK)
		rc = check_not_bare(idx);
	file_close(&seg);
	file_close(&idx);
	return rc;
}

static enum rc
refuse_name(
    const struct candidates *s, const struct candidate *c, const char *path)
{
	struct name name;

	places_name(&s->places, c->place, &c->key, &name);
	return names_end_of_set(name.namespace, strlen(name.namespace))
		   ? msg_fail(
			 RC_DATA, "%s: no namespace may have this name", path)
		   : RC_OK;
}

static void
look(const struct candidates *s, struct candidate *c, bool whole)
{
	char *seg = places_path(&s->places, c->place, &c->key, PART_SEGMENT);
	char *idx = places_path(&s->places, c->place, &c->key, PART_INDEX);
	struct seg_header header;
	enum rc rc = refuse_name(s, c, seg);

	if (rc == RC_OK)
		rc = verify(c, seg, idx, whole, &header);
	c->gone = rc == RC_ABSENT;
	c->rc = c->gone ? RC_OK : rc;
	if (rc == RC_OK) {
		c->pages = header.frames;
		c->bytes = seg_size(&header);
		c->sum = candidate_sum(header.id);
		c->later = header.layout == SEG_LATER;
	}
	free(idx);
	free(seg);
}

/* ---- each once ---- */

/* The slot of a segment, or the free one where it belongs. */
static uint32_t *
find(const struct candidates *s, const struct key *key, uint32_t place)
{
	const uint64_t what[] = {
	    key->start, key->end, key->time, places_hash(&s->places, place)};
	size_t i = (size_t)XXH3_64bits(what, sizeof(what)) & (s->room - 1);

	for (; s->slot[i]; i = (i + 1) & (s->room - 1)) {
		const struct candidate *c = &s->c[s->slot[i] - 1];

		if (key_cmp(&c->key, key) == 0 &&
		    places_cmp(&s->places, c->place, place) == 0)
			break;
	}
	return &s->slot[i];
}

static void
grow(struct candidates *s)
{
	free(s->slot);
	s->room = s->room ? 2 * s->room : 64;
	s->slot = xcalloc(s->room, sizeof(*s->slot));
	for (size_t i = 0; i < s->n; i++)
		*find(s, &s->c[i].key, s->c[i].place) = (uint32_t)i + 1;
}

void
candidates_add(struct candidates *s, const struct rec *rec, bool whole)
{
	uint32_t place = places_add(&s->places, rec), *slot;
	struct candidate *c;

	if (s->n >= s->room / 4 * 3)
		grow(s);
	slot = find(s, &rec->name.key, place);
	if (*slot)
		return;
	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 16;
		s->c = xreallocarray(s->c, s->cap, sizeof(*s->c));
	}
	c = &s->c[s->n++];
	*slot = (uint32_t)s->n;
	*c = (struct candidate){.key = rec->name.key,
	    .place = place,
	    .pages = rec->pages > UINT32_MAX ? 0 : (uint32_t)rec->pages,
	    .bytes = rec->bytes};
	look(s, c, whole);
}

/* ---- order ---- */

static int
by_name(const void *a, const void *b, void *places)
{
	const struct candidate *x = a, *y = b;
	int c = places_cmp(places, x->place, y->place);

	return c ? c : key_cmp(&x->key, &y->key);
}

/* Cuts are in order as they come, and to sort them takes memory. */
static void
sort(struct candidates *s)
{
	size_t i = 1;

	free(s->slot);
	s->slot = NULL;
	s->room = 0;
	while (i < s->n && by_name(&s->c[i - 1], &s->c[i], &s->places) < 0)
		i++;
	if (i < s->n)
		qsort_r(s->c, s->n, sizeof(*s->c), by_name, &s->places);
}

static bool
begins_space(const struct candidates *s, size_t i)
{
	return i == 0 ||
	       places_cmp(&s->places, s->c[i - 1].place, s->c[i].place) != 0;
}

void
candidates_sort(struct candidates *s)
{
	struct space *space;
	struct name name;

	sort(s);
	for (size_t i = 0; i < s->n; i++)
		s->n_spaces += begins_space(s, i);
	space = s->spaces = xcalloc(s->n_spaces + 1, sizeof(*s->spaces));
	for (size_t i = 0; i < s->n; i++) {
		if (i > 0 && begins_space(s, i))
			space++;
		s->c[i].space = space;
		if (space->n++ > 0)
			continue;
		space->c = &s->c[i];
		space->places = &s->places;
		places_name(&s->places, s->c[i].place, &s->c[i].key, &name);
		memcpy(
		    space->namespace, name.namespace, sizeof(name.namespace));
	}
}

void
candidates_clear(struct candidates *s)
{
	for (size_t i = 0; i < s->n; i++)
		object_free(s->c[i].data);
	free(s->c);
	free(s->slot);
	free(s->spaces);
	places_release(&s->places);
	*s = (struct candidates){0};
}
