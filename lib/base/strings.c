/* strings: see strings.h. */

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/strings.h"

/* FNV-1a. */
static uint64_t
hash(const char *s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
	return h ^ h >> 32;
}

/* The slot of a text, or the free one where it belongs. */
static uint32_t *
find(const struct strings *s, const char *text)
{
	size_t i = (size_t)hash(text) & (s->room - 1);

	while (s->slot[i] && strcmp(s->text[s->slot[i] - 1], text) != 0)
		i = (i + 1) & (s->room - 1);
	return &s->slot[i];
}

static void
grow(struct strings *s)
{
	free(s->slot);
	s->room = s->room ? 2 * s->room : 16;
	s->slot = xcalloc(s->room, sizeof(*s->slot));
	for (size_t i = 0; i < s->n; i++)
		*find(s, s->text[i]) = (uint32_t)i + 1;
}

uint32_t
strings_add(struct strings *s, const char *text)
{
	uint32_t *slot;

	if (s->n >= s->room / 2)
		grow(s);
	slot = find(s, text);
	if (*slot)
		return *slot - 1;
	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 8;
		s->text = xreallocarray(s->text, s->cap, sizeof(*s->text));
	}
	s->text[s->n++] = xstrdup(text);
	*slot = (uint32_t)s->n;
	return (uint32_t)s->n - 1;
}

void
strings_release(struct strings *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->text[i]);
	free(s->text);
	free(s->slot);
	*s = (struct strings){0};
}
