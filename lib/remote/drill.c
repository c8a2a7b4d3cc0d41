/* drill: see drill.h. */

#include <stdlib.h>

#include "base/buf.h"
#include "format/sum.h"
#include "plan/plan_report.h"
#include "remote/drill.h"
#include "remote/remote_frames.h"
#include "remote/remote_read.h"
#include "restore/image.h"

struct summing {
	struct seg_sum sum;
	uint32_t page_size;
	uint64_t next; /* the page after the last one */
	bool wanted;   /* there is one to compare it with */
};

/* A page that no segment has is zeros. */
static void
sum_holes(struct summing *s, uint64_t until)
{
	static const uint8_t zero[SEG_PAGE_MAX];

	for (; s->next < until; s->next++)
		seg_sum_page(&s->sum, (uint32_t)s->next, zero, s->page_size);
}

static enum rc
take_page(void *arg, uint32_t page_no, uint64_t frame_no, const void *page,
    const void *frame)
{
	struct summing *s = arg;

	(void)frame_no;
	(void)frame;
	if (!s->wanted)
		return RC_OK;
	sum_holes(s, page_no);
	seg_sum_page(&s->sum, page_no, page, s->page_size);
	s->next = (uint64_t)page_no + 1;
	return RC_OK;
}

static enum rc
compare(const struct remote_set *set, struct summing *s)
{
	char *object = remote_set_object(set, set->n - 1, PART_SEGMENT);
	enum rc rc = RC_OK;

	if (s->wanted)
		sum_holes(s, (uint64_t)set->last.size_after + 1);
	if (!s->wanted)
		msg_info("%s: has no database checksum to compare", object);
	else if (!seg_id_matches(set->last.id, &s->sum))
		rc = msg_fail(RC_DATA,
		    "%s: the pages that lead to it are not the database that "
		    "was cut: its checksum differs",
		    object);
	free(object);
	return rc;
}

static const struct segset_item *
find_item(const struct segset_item *it, const struct key *key)
{
	while (key_cmp(&it->key, key) != 0)
		it++;
	return it;
}

/* They have been read before: which are compressed is known. */
static enum rc
drill_store(struct store *store, const char *cluster, const char *namespace,
    const struct segset_item *it, const struct key *key, size_t n)
{
	struct stored stored = {0};
	const struct remote_merge_opts opts = {
	    .store = store, .cluster = cluster, .stored = &stored};
	struct summing s = {.next = 1};
	const struct remote_sink sink = {take_page, NULL, &s};
	struct remote_set set;
	enum rc rc;

	for (size_t i = 0; i < n; i++) {
		it = find_item(it, &key[i]);
		stored_put(&stored, &key[i], it->bytes,
		    it->pages ? it->pages : UINT64_MAX);
	}
	remote_set_init(&set, &opts, namespace, key, n);
	rc = remote_read(&set);
	s.page_size = set.last.page_size;
	s.wanted = rc == RC_OK && seg_id_has_sum(set.last.id);
	if (rc == RC_OK)
		rc = remote_frames_copy(&set, &sink);
	if (rc == RC_OK)
		rc = compare(&set, &s);
	remote_set_release(&set);
	stored_release(&stored);
	/* Which index it is was said. */
	return rc == RC_ABSENT ? msg_fail(RC_DATA,
				     "%s: its newest state cannot be put "
				     "together",
				     namespace)
			       : rc;
}

static enum rc
drill_files(struct merge *m)
{
	struct merge_info info;
	enum rc rc = merge_check(m, true, &info);

	return rc ? rc : image_write(m, &info, NULL, NULL, NULL, NULL);
}

/* ---- the newest state of a set ---- */

/* The segments of the newest state out of these items, in frame order: their
 * keys, malloced.  A plan of all is not kept, for the room that it takes. */
static enum rc
plan_newest_state(const char *namespace, const struct segset_item *it, size_t n,
    struct key **keys, size_t *n_keys)
{
	struct plan plan = {0};
	enum rc rc = RC_OK;
	uint64_t end;
	uint32_t last;

	plan_reserve(&plan, n);
	for (size_t i = 0; i < n; i++)
		plan_add(&plan, &it[i].key, it[i].bytes, it[i].pages);
	plan_solve(&plan);
	last = plan_newest(&plan, &end);
	if (last == PLAN_NONE) {
		rc = plan_say_missing(&plan, namespace, end);
	} else {
		*n_keys = plan.s[last].hops;
		*keys = xcalloc(*n_keys, sizeof(**keys));
		for (size_t i = *n_keys; i-- > 0; last = plan.s[last].prev)
			(*keys)[i] = plan.s[last].key;
	}
	plan_release(&plan);
	return rc;
}

/* What is wrong with one of them was said: it is not tried, to say it again. */
static enum rc
find_bad(const char *namespace, const struct segset_item *it,
    const struct key *key, size_t n)
{
	char text[KEY_LEN + 1];

	for (size_t i = 0; i < n; i++) {
		it = find_item(it, &key[i]);
		if (!segset_is_bad(it))
			continue;
		msg_info("%s: its newest state cannot be put together without "
			 "%s",
		    namespace, key_text(&key[i], text));
		return RC_DATA;
	}
	return RC_OK;
}

static enum rc
restore_files(const struct segset *set, const struct segset_item *it,
    const struct key *key, size_t n)
{
	struct merge *m = merge_new();
	struct name name;
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		char *file;

		it = find_item(it, &key[i]);
		file = segset_path(set, it, PART_SEGMENT);
		segset_name(set, it, &name);
		rc = merge_add(m, file, &name);
		free(file);
	}
	if (rc == RC_OK)
		rc = drill_files(m);
	merge_free(m);
	return rc;
}

enum rc
drill_newest(struct store *store, const char *cluster, const struct segset *set,
    size_t first, size_t n)
{
	const struct segset_item *it = &set->item[first];
	struct key *key = NULL;
	struct name name;
	size_t files = 0, n_keys = 0;
	enum rc rc;

	segset_name(set, it, &name);
	for (size_t i = 0; i < n; i++)
		files += segset_is_file(set, &it[i]);
	if (files > 0 && files < n)
		return msg_fail(RC_DATA,
		    "%s: files and objects of one namespace are not put "
		    "together",
		    name.namespace);
	rc = plan_newest_state(name.namespace, it, n, &key, &n_keys);
	if (rc == RC_OK)
		rc = find_bad(name.namespace, it, key, n_keys);
	if (rc == RC_OK)
		rc = files ? restore_files(set, it, key, n_keys)
			   : drill_store(store, cluster, name.namespace, it,
				 key, n_keys);
	free(key);
	return rc;
}
