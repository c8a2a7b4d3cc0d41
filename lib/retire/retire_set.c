/* retire_set: see retire_set.h. */

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "peers/claim.h"
#include "retire/retire_set.h"

void
retire_set_add(struct retire_set *s, const struct rec *rec)
{
	uint32_t name = strings_add(&s->names, rec->name.namespace);
	struct retire_item *it;

	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 64;
		s->items = xreallocarray(s->items, s->cap, sizeof(*s->items));
	}
	it = &s->items[s->n++];
	*it = (struct retire_item){
	    .namespace = s->names.text[name],
	    .key = rec->name.key,
	    .bytes = REC_UNKNOWN,
	    .spare = rec->spare,
	};
	if (rec->claim) {
		it->key = (struct key){.end = REC_UNKNOWN, .time = REC_UNKNOWN};
		it->claim = strings_add(&s->claims, rec->claim) + 1;
	}
}

static int
item_cmp(const void *a, const void *b)
{
	const struct retire_item *x = a, *y = b;
	int c = strcmp(x->namespace, y->namespace);

	if (c || (x->claim == 0) != (y->claim == 0))
		return c ? c : (x->claim == 0) - (y->claim == 0);
	if (x->claim != y->claim)
		return x->claim < y->claim ? -1 : 1;
	return key_cmp(&x->key, &y->key);
}

/* What is all of a segment comes first. */
static int
in_order(const void *a, const void *b)
{
	const struct retire_item *x = a, *y = b;
	int c = item_cmp(x, y);

	return c ? c : x->spare - y->spare;
}

void
retire_set_sort(struct retire_set *s)
{
	size_t n = 0;

	if (s->n > 1)
		qsort(s->items, s->n, sizeof(*s->items), in_order);
	for (size_t i = 0; i < s->n; i++)
		if (n == 0 || item_cmp(&s->items[n - 1], &s->items[i]) != 0)
			s->items[n++] = s->items[i];
	s->n = n;
	s->spaces = xcalloc(n + 1, sizeof(*s->spaces));
	for (size_t i = 0; i < n; i++) {
		struct retire_item *it = &s->items[i];

		if (i == 0 || it->namespace != it[-1].namespace)
			s->spaces[s->n_spaces++] = (struct retire_space){
			    .namespace = it->namespace, .item = it};
		s->spaces[s->n_spaces - 1].n++;
	}
}

bool
retire_space_has(const struct retire_space *s, const struct key *key)
{
	struct retire_item it = {.namespace = s->namespace, .key = *key};

	return bsearch(&it, s->item, s->n, sizeof(it), item_cmp) != NULL;
}

void
retire_set_clear(struct retire_set *s)
{
	for (size_t i = 0; i < s->n_spaces; i++) {
		keyset_release(&s->spaces[i].before);
		keyset_release(&s->spaces[i].after);
	}
	free(s->spaces);
	s->spaces = NULL;
	s->n_spaces = s->n = 0;
}

const char *
retire_claim(const struct retire_set *s, const struct retire_item *it)
{
	return s->claims.text[it->claim - 1];
}

bool
retire_item_stays(const struct retire_item *it)
{
	return it->rc || it->kept || it->retained;
}

char *
retire_item_text(const struct retire_item *it)
{
	char text[KEY_LEN + 1];

	return xasprintf("%s/%s%s", it->namespace, key_text(&it->key, text),
	    it->spare ? ".zst" : "");
}

char *
retire_object(const char *cluster, const struct retire_set *s,
    const struct retire_item *it, enum part part)
{
	struct name name;

	if (it->claim)
		return claim_object(
		    cluster, it->namespace, retire_claim(s, it));
	name_set(&name, it->namespace, &it->key);
	return name_object(cluster, &name, part);
}

void
retire_set_release(struct retire_set *s)
{
	retire_set_clear(s);
	strings_release(&s->names);
	strings_release(&s->claims);
	free(s->items);
}
