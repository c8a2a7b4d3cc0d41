/* nameset: see nameset.h.  Open addressing; a slot of two zeros is free. */

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/buf.h"
#include "plan/nameset.h"

static bool
insert(struct nameset *s, const uint64_t hash[2])
{
	size_t i = (size_t)hash[0] & (s->room - 1);

	for (; s->slot[i][0] || s->slot[i][1]; i = (i + 1) & (s->room - 1))
		if (s->slot[i][0] == hash[0] && s->slot[i][1] == hash[1])
			return false;
	s->slot[i][0] = hash[0];
	s->slot[i][1] = hash[1];
	s->n++;
	return true;
}

static void
grow(struct nameset *s)
{
	struct nameset bigger = {.room = s->room ? 2 * s->room : 256};

	bigger.slot = xcalloc(bigger.room, sizeof(*bigger.slot));
	for (size_t i = 0; i < s->room; i++)
		if (s->slot[i][0] || s->slot[i][1])
			insert(&bigger, s->slot[i]);
	free(s->slot);
	*s = bigger;
}

bool
nameset_add(struct nameset *s, const struct name *name)
{
	const uint64_t numbers[3] = {
	    name->key.start, name->key.end, name->key.time};
	XXH128_hash_t h = XXH3_128bits_withSeed(numbers, sizeof(numbers),
	    XXH3_64bits(name->namespace, strlen(name->namespace)));
	const uint64_t hash[2] = {h.low64, h.high64 | 1};

	if (s->n >= s->room / 2)
		grow(s);
	return insert(s, hash);
}

void
nameset_release(struct nameset *s)
{
	free(s->slot);
	*s = (struct nameset){0};
}
