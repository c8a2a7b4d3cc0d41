/*
 * places: see places.h.
 *
 * A place is "NAMESPACE" in the store, "NAMESPACE/PATH-UP-TO-THE-KEY" of files:
 * a namespace has no "/".
 */

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/buf.h"
#include "plan/places.h"

uint32_t
places_add(struct places *p, const struct rec *rec)
{
	char *text;
	uint32_t place;
	size_t dir;

	if (!rec->is_path)
		return strings_add(&p->texts, rec->name.namespace);
	dir = strlen(rec->text) - KEY_LEN - strlen(".seg");
	text = xasprintf("%s/%.*s", rec->name.namespace, (int)dir, rec->text);
	place = strings_add(&p->texts, text);
	free(text);
	return place;
}

void
places_release(struct places *p)
{
	strings_release(&p->texts);
}

bool
places_is_directory(const struct places *p, uint32_t place)
{
	return strchr(p->texts.text[place], '/') != NULL;
}

void
places_name(const struct places *p, uint32_t place, const struct key *key,
    struct name *name)
{
	const char *text = p->texts.text[place];

	*name = (struct name){.key = *key};
	memcpy(name->namespace, text, strcspn(text, "/"));
}

char *
places_path(const struct places *p, uint32_t place, const struct key *key,
    enum part part)
{
	char text[KEY_LEN + 1];

	return xasprintf("%s%s.%s", strchr(p->texts.text[place], '/') + 1,
	    key_text(key, text), part == PART_INDEX ? "idx" : "seg");
}

int
places_cmp(const struct places *p, uint32_t a, uint32_t b)
{
	const char *x = p->texts.text[a], *y = p->texts.text[b];
	size_t n = strcspn(x, "/"), m = strcspn(y, "/");
	int c;

	if (a == b)
		return 0;
	c = memcmp(x, y, n < m ? n : m);
	return c ? c : (n > m) - (n < m);
}

uint64_t
places_hash(const struct places *p, uint32_t place)
{
	const char *text = p->texts.text[place];

	return XXH3_64bits(text, strcspn(text, "/"));
}
