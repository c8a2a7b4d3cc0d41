/*
 * remote_merge: see remote_merge.h.
 *
 * A source whose index turns out to be wrong makes the whole attempt void: it
 * is fetched whole, and the merge begun again with its local files.
 */

#include <stdlib.h>

#include "base/directory.h"
#include "base/file.h"
#include "remote/remote_frames.h"
#include "remote/remote_merge.h"
#include "remote/remote_read.h"
#include "segment/segpair.h"
#include "segment/segwriter.h"

static enum rc
put_page(void *writer, uint32_t page_no, uint64_t frame_no, const void *page,
    const void *frame)
{
	return frame ? segwriter_borrow(writer, frame)
		     : segwriter_add(writer, page_no, frame_no, page);
}

static enum rc
settle(void *writer)
{
	return segwriter_settle(writer);
}

/* RC_ABSENT: a source turned out to be wrong. */
static enum rc
attempt(struct remote_set *s, struct seg_header *header)
{
	struct segwriter *w = NULL;
	struct remote_sink sink = {put_page, settle, NULL};
	enum rc rc = remote_read(s);

	if (rc == RC_OK)
		rc = segwriter_new(
		    &w, s->o->dir, &s->merged, s->last.page_size, &s->secrecy);
	sink.arg = w;
	if (rc == RC_OK)
		rc = remote_frames_copy(s, &sink);
	if (rc == RC_OK)
		rc = segwriter_finish(w, s->last.size_after, s->last.id);
	if (rc == RC_OK)
		rc = segwriter_commit(w, header);
	segwriter_free(w);
	return rc;
}

/* Is the merge in the work directory, and good?  RC_ABSENT: no. */
static enum rc
find_local(const struct remote_set *s, struct seg_header *header)
{
	char *seg_path = name_path(s->o->dir, &s->merged, PART_SEGMENT);
	char *idx_path = name_path(s->o->dir, &s->merged, PART_INDEX);
	struct file *seg = NULL, *idx = NULL;
	enum rc rc = file_open(&seg, seg_path);

	if (rc == RC_OK)
		rc = file_open(&idx, idx_path);
	if (rc == RC_OK) {
		msg_hush(true);
		rc = segpair_check(seg, idx, &s->merged.key, header, NULL);
		msg_hush(false);
	}
	if (rc == RC_DATA) {
		msg_info("%s: bad, made again", seg_path);
		rc = RC_ABSENT;
	}
	if (rc == RC_OK) /* a killed run may not have come so far */
		rc = parent_sync(seg_path);
	file_close(&seg);
	file_close(&idx);
	free(seg_path);
	free(idx_path);
	return rc;
}

enum rc
remote_merge(const struct remote_merge_opts *o, const char *namespace,
    const struct key *key, size_t n, struct seg_header *header)
{
	struct remote_set s;
	enum rc rc;

	remote_set_init(&s, o, namespace, key, n);
	rc = find_local(&s, header);
	if (rc == RC_ABSENT) {
		while ((rc = attempt(&s, header)) == RC_ABSENT) {
			rc = remote_set_replace_wrong(&s);
			if (rc)
				break;
		}
	}
	remote_set_release(&s);
	return rc;
}
