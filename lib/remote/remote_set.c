/* remote_set: see remote_set.h. */

#include <stdlib.h>

#include "base/buf.h"
#include "base/file.h"
#include "remote/remote_set.h"

void
remote_set_init(struct remote_set *s, const struct remote_merge_opts *o,
    const char *namespace, const struct key *key, size_t n)
{
	*s = (struct remote_set){.o = o, .key = key, .n = n};
	name_set(&s->merged, namespace, &key[n - 1]);
	s->merged.key.start = key[0].start;
	s->source = xcalloc(n, sizeof(*s->source));
}

void
remote_set_forget(struct remote_set *s)
{
	file_unmap(&s->tables_map);
	file_close(&s->objects);
	file_close(&s->tables);
	file_close(&s->wants);
	s->tables_size = 0;
	s->page_size = 0;
}

void
remote_set_release(struct remote_set *s)
{
	remote_set_forget(s);
	free(s->source);
}

struct name
remote_set_name(const struct remote_set *s, size_t i)
{
	struct name name = s->merged;

	name.key = s->key[i];
	return name;
}

char *
remote_set_object(const struct remote_set *s, size_t i, enum part part)
{
	struct name name = remote_set_name(s, i);

	return name_object(s->o->cluster, &name, part);
}

char *
remote_set_path(const struct remote_set *s, size_t i, enum part part)
{
	struct name name = remote_set_name(s, i);

	return name_path(s->o->dir, &name, part);
}

struct seg_header
remote_set_header(const struct remote_set *s, size_t i)
{
	bool later = s->source[i].known ? s->source[i].later
					: s->last.layout == SEG_LATER;

	return (struct seg_header){
	    .layout = later ? SEG_LATER : SEG_OLD,
	    .key = s->key[i],
	    .frames = s->source[i].frames,
	    .page_size = s->last.page_size,
	};
}

/* ---- what is known of objects ---- */

/* In the scratch file; at: of its table in the other.  All-zero: nothing is. */
struct known {
	struct content_object object;
	uint64_t at;
};

enum rc
remote_set_nothing_known(struct remote_set *s)
{
	enum rc rc = file_scratch(&s->objects);

	if (rc == RC_OK)
		rc = file_truncate(s->objects, s->n * sizeof(struct known));
	if (rc == RC_OK)
		rc = file_scratch(&s->tables);
	return rc;
}

enum rc
remote_set_keep(struct remote_set *s, size_t i, const struct content_object *o)
{
	struct known k = {*o, s->tables_size};
	uint64_t size = zseek_table_size(&o->table);
	enum rc rc = RC_OK;

	s->source[i].compressed = o->sought;
	if (o->sought) {
		/* Each aligned. */
		s->tables_size += (size + 7) / 8 * 8;
		rc = file_write(s->tables, o->table.places, size, k.at);
	}
	k.object.table.places = NULL;
	k.object.table.entries = NULL;
	k.object.table.memory = NULL;
	return rc ? rc
		  : file_write(
			s->objects, &k, sizeof(k), (uint64_t)i * sizeof(k));
}

/* Where tables still come the file is not mapped. */
static enum rc
copy_table(struct remote_set *s, struct zseek_table *t, uint64_t at)
{
	uint64_t size = zseek_table_size(t);
	void *memory = xmalloc((size_t)size);
	enum rc rc = file_read(s->tables, memory, (size_t)size, at);

	if (rc) {
		free(memory);
		return rc;
	}
	zseek_table_borrow(t, memory);
	t->memory = memory;
	return RC_OK;
}

enum rc
remote_set_known(struct remote_set *s, size_t i, struct content_object *o)
{
	struct known k;
	enum rc rc =
	    file_read(s->objects, &k, sizeof(k), (uint64_t)i * sizeof(k));

	if (rc == RC_OK && k.object.sought && s->o->lazy)
		rc = copy_table(s, &k.object.table, k.at);
	else if (rc == RC_OK && k.object.sought && !s->tables_map.data)
		rc = file_map(&s->tables_map, s->tables, UINT64_MAX);
	if (rc)
		return rc;
	*o = k.object;
	if (o->sought && !s->o->lazy)
		zseek_table_borrow(
		    &o->table, (const uint8_t *)s->tables_map.data + k.at);
	if (o->form == CONTENT_UNKNOWN && s->o->stored)
		o->stored = stored_bytes(s->o->stored, &s->key[i]);
	return RC_OK;
}

/* ---- sources ---- */

enum rc
remote_set_learn(struct remote_set *set, size_t i, const char *name,
    const struct seg_header *h)
{
	struct remote_source *s = &set->source[i];
	char *index = NULL;
	enum rc rc = RC_OK;

	if (set->page_size == 0)
		set->page_size = h->page_size;
	if (h->page_size != set->page_size)
		return msg_fail(RC_DATA,
		    "%s: pages of %u bytes in a set with pages of %u", name,
		    h->page_size, set->page_size);
	if (s->frames && (h->layout == SEG_OLD ? s->frames != h->frames
					       : s->frames > h->frames)) {
		index = remote_set_object(set, i, PART_INDEX);
		rc = msg_fail(RC_DATA,
		    "%s: wrong: it has not as many pages as the data", index);
		free(index);
		return rc;
	}
	s->frames = h->frames;
	s->later = h->layout == SEG_LATER;
	s->known = true;
	return RC_OK;
}

enum rc
remote_set_next(struct remote_set *s, struct remote_want *w, size_t *n)
{
	uint64_t at = s->wants_read * sizeof(*w);

	if (*n > s->needed - s->wants_read)
		*n = (size_t)(s->needed - s->wants_read);
	s->wants_read += *n;
	return file_read(s->wants, w, *n * sizeof(*w), at);
}

enum rc
remote_set_wrong(struct remote_set *s, size_t i, uint32_t page)
{
	char *name = remote_set_object(s, i, PART_INDEX);

	msg_warn("%s: wrong about page %u", name, page);
	s->source[i].wrong = true;
	free(name);
	return RC_ABSENT;
}

enum rc
remote_set_replace_wrong(struct remote_set *s)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < s->n; i++) {
		struct name name = remote_set_name(s, i);
		char *object;

		if (!s->source[i].wrong)
			continue;
		object = name_object(s->o->cluster, &name, PART_SEGMENT);
		if (s->source[i].local) {
			rc = msg_fail(RC_DATA,
			    "%s: not usable even when fetched whole", object);
		} else {
			msg_warn("%s: fetched whole", object);
			s->source[i].wrong = false;
			s->source[i].local = true;
			rc = s->o->fetch_whole(s->o->arg, &name);
		}
		free(object);
	}
	return rc;
}
