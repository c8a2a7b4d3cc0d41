/* pagesum: see pagesum.h. */

#include <stdlib.h>
#include <xxhash.h>

#include "base/buf.h"
#include "format/index.h"
#include "segment/pagesum.h"

enum { BATCH = 128 };

struct pagesum {
	XXH3_state_t *state;
	uint64_t pages;
	/* Not yet hashed, since a call for each would cost more. */
	uint64_t pair[BATCH][2];
	size_t n;
};

struct pagesum *
pagesum_new(void)
{
	struct pagesum *s = xcalloc(1, sizeof(*s));

	s->state = XXH3_createState();
	if (!s->state)
		exit(msg_fail(RC_SYSTEM, "out of memory"));
	pagesum_reset(s);
	return s;
}

void
pagesum_free(struct pagesum *s)
{
	if (!s)
		return;
	(void)XXH3_freeState(s->state);
	free(s);
}

void
pagesum_reset(struct pagesum *s)
{
	(void)XXH3_128bits_reset(s->state);
	s->n = 0;
	s->pages = 0;
}

static void
hash_batch(struct pagesum *s)
{
	(void)XXH3_128bits_update(s->state, s->pair, s->n * sizeof(*s->pair));
	s->n = 0;
}

void
pagesum_add(struct pagesum *s, uint64_t page, uint64_t position)
{
	s->pair[s->n][0] = page;
	s->pair[s->n][1] = position;
	s->pages++;
	if (++s->n == BATCH)
		hash_batch(s);
}

struct pagesum_value
pagesum_end(struct pagesum *s)
{
	XXH128_hash_t h;

	hash_batch(s);
	h = XXH3_128bits_digest(s->state);
	return (struct pagesum_value){h.high64, h.low64, s->pages};
}

enum rc
pagesum_index(struct pagesum *s, const char *name, const void *idx, size_t len,
    struct pagesum_value *value)
{
	struct fst fst;
	struct fst_iter iter;
	uint32_t page;
	uint64_t position;
	enum rc rc = index_open_any(&fst, name, idx, len);

	if (rc)
		return rc;
	pagesum_reset(s);
	fst_iter_init(&iter, &fst);
	while ((rc = fst_iter_next(&iter, &page, &position)) == RC_OK)
		pagesum_add(s, page, position);
	*value = pagesum_end(s);
	return rc == RC_ABSENT ? RC_OK : rc;
}
