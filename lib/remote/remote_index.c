/* remote_index: see remote_index.h. */

#include "format/index.h"
#include "remote/remote_index.h"

/* An index is a few bytes a page; what claims more than this is none. */
#define INDEX_MAX (UINT64_C(4) << 30)

/* What an index says by itself. */
struct index_facts {
	uint64_t count;
	uint64_t end;  /* beyond the greatest position */
	bool in_order; /* the k-th page is at k */
	bool sound;    /* no page 0 */
};

static enum rc
read_facts(struct index_facts *facts, const struct fst *fst)
{
	struct fst_iter it;
	uint32_t page;
	uint64_t position;
	enum rc rc;

	*facts = (struct index_facts){.in_order = true, .sound = true};
	fst_iter_init(&it, fst);
	while ((rc = fst_iter_next(&it, &page, &position)) == RC_OK) {
		facts->in_order &= position == facts->count++;
		facts->sound &= page != 0;
		if (position >= facts->end)
			facts->end = position + (position != UINT64_MAX);
	}
	return rc == RC_ABSENT ? RC_OK : rc;
}

static const char *
index_fault(
    const struct index_facts *facts, const struct seg_header *h, bool exact)
{
	if (exact ? facts->count != h->frames : facts->count > h->frames)
		return "wrong: it has not as many pages as the data";
	if (!facts->sound || facts->end > h->frames ||
	    (h->layout == SEG_OLD && !facts->in_order))
		return "wrong: its positions are not those of the frames";
	return NULL;
}

/* Where its frames are follows from it, and nobody has said that there are
 * others: the header need not be known. */
static bool
is_plain(const struct remote_set *s, size_t i, const struct index_facts *facts)
{
	uint32_t said =
	    s->o->stored ? stored_pages(s->o->stored, &s->key[i]) : 0;

	return facts->sound && facts->in_order && facts->count > 0 &&
	       facts->count <= UINT32_MAX && (!said || said == facts->count);
}

static enum rc
add_places(
    struct sort *places, size_t i, const struct fst *fst, uint32_t size_after)
{
	struct remote_want w = {.source = (uint32_t)i};
	struct fst_iter it;
	uint64_t position;
	enum rc rc;

	fst_iter_init(&it, fst);
	while ((rc = fst_iter_next(&it, &w.page, &position)) == RC_OK) {
		w.position = (uint32_t)position;
		if (w.page > size_after)
			continue;
		rc = sort_add(places, &w);
		if (rc)
			return rc;
	}
	return rc == RC_ABSENT ? RC_OK : rc;
}

enum rc
remote_index_wrong(
    const struct remote_set *s, const char *name, const char *why)
{
	if (!s->o->fetch_whole)
		return msg_fail(RC_DATA, "%s: %s", name, why);
	msg_warn("%s: %s", name, why);
	return RC_DATA;
}

/*
 * Each frame of the data has its page in the index; but an index that was made
 * from data of the LATER layout leaves out what the data has twice.
 */
enum rc
remote_index_take(struct remote_set *set, size_t i, const struct file_map *map,
    const char *name, const struct seg_header *h, struct sort *places)
{
	struct remote_source *s = &set->source[i];
	struct index_facts facts = {0};
	const char *fault = NULL;
	struct fst fst;
	enum rc rc = index_open(&fst, name, map->data, map->len);

	if (rc == RC_OK)
		rc = read_facts(&facts, &fst);
	if (rc == RC_OK && !h && !is_plain(set, i, &facts))
		return RC_ABSENT;
	if (rc == RC_OK && h)
		fault = index_fault(&facts, h, !s->local);
	if (fault)
		return remote_index_wrong(set, name, fault);
	if (rc == RC_OK && !h)
		s->frames = (uint32_t)facts.count;
	return rc ? rc
		  : add_places(places, i, &fst, h ? h->size_after : UINT32_MAX);
}

/* ---- on disk ---- */

static struct disk_cache_id
name_id(const struct remote_set *s, const char *object)
{
	return disk_cache_id(store_name(s->o->store), object);
}

enum rc
remote_index_take_file(struct remote_set *set, size_t i, struct file *f,
    const char *name, const struct seg_header *h, struct sort *places)
{
	struct file_map map;
	enum rc rc = file_map(&map, f, INDEX_MAX);

	if (rc == RC_OK) {
		rc = remote_index_take(set, i, &map, name, h, places);
		if (rc == RC_OK && set->o->disk)
			disk_cache_put_all(set->o->disk, name_id(set, name),
			    map.data, map.len);
		file_unmap(&map);
	}
	if (rc == RC_DATA && set->o->fetch_whole) {
		set->source[i].wrong = true;
		rc = RC_OK;
	}
	return rc;
}

bool
remote_index_cached(
    const struct remote_set *set, const char *name, struct file_map *map)
{
	struct fst fst;
	enum rc rc;

	if (!set->o->disk ||
	    !disk_cache_map(set->o->disk, name_id(set, name), map))
		return false;
	msg_hush(true);
	rc = index_open(&fst, name, map->data, map->len);
	msg_hush(false);
	if (rc)
		file_unmap(map);
	return rc == RC_OK;
}
