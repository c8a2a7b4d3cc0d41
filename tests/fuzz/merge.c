/*
 * A history (history.h) merged: from files, and by ranged requests to a store.
 * Of an honest one both give the same, and it is what a plain map of its pages
 * has; of any other either gives a segment that is good, or nothing.
 */

#include <stdint.h>
#include <stdlib.h>

#include "base/file.h"
#include "history.h"
#include "merge/merge.h"
#include "remote/remote_merge.h"
#include "segment/segpair.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct store *store;
static char *work, *merged[2];

/* ---- what is merged ---- */

/* Two ways lead to it, each into a directory of its own. */
enum way { FROM_FILES, FROM_STORE };

static char *
path_of(const struct name *name, enum way way, enum part part)
{
	return name_path(merged[way], name, part);
}

static struct name
name_of(const struct history *h)
{
	struct name name;

	name_set(&name, HISTORY_NAMESPACE, &h->segment[h->n - 1].header.key);
	name.key.start = 1;
	return name;
}

/* Good by itself, and (of an honest history) no other than the map. */
static void
check(const struct history *h, enum way way)
{
	struct name name = name_of(h);
	char *seg = path_of(&name, way, PART_SEGMENT);
	char *idx = path_of(&name, way, PART_INDEX);
	struct file *data, *index;
	struct seg_header header;
	uint8_t frame[SEG_FRAME + 4096];
	uint64_t at = SEG_HEADER;
	size_t page;

	if (file_open(&data, seg) != RC_OK || file_open(&index, idx) != RC_OK ||
	    segpair_check(data, index, &name.key, &header, NULL) != RC_OK)
		abort();
	for (uint32_t p = 1; h->honest && p <= HISTORY_FRAMES; p++) {
		size_t len = SEG_FRAME + h->page_size;

		if (!history_page(h, h->n, p, false, &page))
			continue;
		if (file_read(data, frame, len, at) != RC_OK ||
		    le32(frame) != p ||
		    memcmp(frame + SEG_FRAME, h->pages + page, h->page_size) !=
			0)
			abort();
		at += len;
	}
	if (h->honest && at + SEG_FOOTER != seg_size(&header))
		abort();
	file_close(&data);
	file_close(&index);
	(void)unlink(seg);
	(void)unlink(idx);
	free(seg);
	free(idx);
}

/* ---- the two ways ---- */

static enum rc
merge_files(const struct history *h)
{
	struct merge *m = merge_new();
	struct merge_info info;
	struct seg_header header;
	struct name name;
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < h->n; i++) {
		char *path = history_path(h, i, PART_SEGMENT, true);

		name_set(&name, HISTORY_NAMESPACE, &h->segment[i].header.key);
		rc = merge_add(m, path, &name);
		free(path);
	}
	if (rc == RC_OK)
		rc = merge_check(m, true, &info);
	if (rc == RC_OK)
		rc = merge_to_segment(m, merged[FROM_FILES], &header);
	merge_free(m);
	return rc;
}

static enum rc
not_to_be_had(void *arg, const struct name *name)
{
	(void)arg;
	(void)name;
	return RC_DATA;
}

static enum rc
merge_remote(const struct history *h)
{
	const struct remote_merge_opts o = {
	    .store = store,
	    .cluster = "default",
	    .dir = merged[FROM_STORE],
	    .fetch_whole = not_to_be_had,
	};
	struct seg_header header;
	struct keyset keys = {0};
	enum rc rc;

	history_keys(h, h->n, &keys);
	rc = remote_merge(&o, HISTORY_NAMESPACE, keys.key, keys.n, &header);
	keyset_release(&keys);
	return rc;
}

/* ---- all ---- */

/* Nothing of all its pages may be left of one whose later sizes are small. */
static bool
has_pages(const struct history *h)
{
	size_t at;

	for (uint32_t p = 1; p <= HISTORY_FRAMES; p++)
		if (history_page(h, h->n, p, false, &at))
			return true;
	return false;
}

static void
begin(void)
{
	const struct store_opts opts = {.parallel = 4, .create = true};
	char *where = xasprintf("%s/store", place());

	place_directory(where);
	if (store_open(&store, where, &opts) != RC_OK)
		abort();
	free(where);
	work = xasprintf("%s/work", place());
	merged[FROM_FILES] = xasprintf("%s/files", place());
	merged[FROM_STORE] = xasprintf("%s/remote", place());
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct history h;
	bool good;

	if (!store)
		begin();
	if (history_new(&h, data, size)) {
		history_put(&h, true);
		history_put(&h, false);
		good = h.honest && has_pages(&h);
		if (merge_files(&h) == RC_OK)
			check(&h, FROM_FILES);
		else if (good)
			abort();
		if (merge_remote(&h) == RC_OK)
			check(&h, FROM_STORE);
		else if (good)
			abort();
		history_remove(&h, true);
		history_remove(&h, false);
	}
	history_release(&h);
	return 0;
}
