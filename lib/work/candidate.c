/* candidate: see candidate.h. */

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/directory.h"
#include "base/file.h"
#include "format/index.h"
#include "segment/segpair.h"
#include "work/candidate.h"
#include "work/object.h"

char *
candidate_text(const struct candidate *c)
{
	char key[KEY_LEN + 1];

	return xasprintf("%s/%s", c->namespace, key_text(&c->header.key, key));
}

char *
candidate_index_path(const struct candidate *c)
{
	return xasprintf("%.*s.idx", (int)strlen(c->path) - 4, c->path);
}

char *
candidate_object(const struct candidate *c, const char *cluster, enum part part)
{
	struct name name;

	name_set(&name, c->namespace, &c->header.key);
	return name_object(cluster, &name, part);
}

void
candidate_fail(struct candidate *c, enum rc rc)
{
	c->rc = rc;
	c->space->failed = true;
}

/* ---- verifying ---- */

/* Work directories may hold what a store may not. */
static enum rc
check_not_bare(struct file *idx)
{
	uint8_t head[INDEX_HEADER];
	enum rc rc = file_read(idx, head, sizeof(head), 0);

	if (rc == RC_OK && index_is_bare(head, sizeof(head)))
		rc = msg_fail(RC_DATA,
		    "%s: lacks the header of an index object (seg-verify -r "
		    "makes it)",
		    file_name(idx));
	return rc;
}

/* RC_ABSENT: its .seg has gone. */
static enum rc
verify(struct candidate *c)
{
	struct file *seg = NULL, *idx = NULL;
	struct key key = c->header.key;
	char *path = candidate_index_path(c);
	enum rc rc = file_open(&seg, c->path);

	if (rc == RC_OK)
		rc = file_open(&idx, path);
	/* The .seg goes first where another run moves both away. */
	if (rc == RC_ABSENT && seg && file_exists(c->path))
		rc = msg_fail(RC_DATA,
		    "%s: no such file (seg-verify -r makes it from the .seg)",
		    path);
	if (rc == RC_OK)
		rc = handover_look(seg, &c->seen[PART_SEGMENT]);
	if (rc == RC_OK)
		rc = handover_look(idx, &c->seen[PART_INDEX]);
	if (rc == RC_OK)
		rc = segpair_check(seg, idx, &key, &c->header, NULL);
	if (rc == RC_OK)
		rc = check_not_bare(idx);
	c->header.key = key;
	file_close(&seg);
	file_close(&idx);
	free(path);
	return rc;
}

void
candidates_add(struct candidates *s, const struct rec *rec)
{
	struct candidate *c;

	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 16;
		s->c = xreallocarray(s->c, s->cap, sizeof(*s->c));
	}
	c = &s->c[s->n++];
	*c = (struct candidate){.namespace = xstrdup(rec->name.namespace),
	    .header.key = rec->name.key,
	    .pages = rec->pages,
	    .bytes = rec->bytes};
	c->path = xasprintf("%.*s.seg", (int)strlen(rec->text) - 4, rec->text);
	c->rc = verify(c);
	if (c->rc == RC_ABSENT) {
		c->gone = true;
		c->rc = RC_OK;
	} else if (c->rc == RC_OK) {
		c->pages = c->header.frames;
		c->bytes = seg_size(&c->header);
	}
}

/* ---- order ---- */

static void
release(struct candidate *c)
{
	free(c->namespace);
	free(c->path);
	object_free(c->data);
}

static int
by_name(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	int c = strcmp(x->namespace, y->namespace);

	return c ? c : key_cmp(&x->header.key, &y->header.key);
}

void
candidates_sort(struct candidates *s)
{
	size_t n = 0;

	if (s->n > 1)
		qsort(s->c, s->n, sizeof(*s->c), by_name);
	for (size_t i = 0; i < s->n; i++) {
		if (n > 0 && by_name(&s->c[n - 1], &s->c[i]) == 0)
			release(&s->c[i]);
		else
			s->c[n++] = s->c[i];
	}
	s->n = n;
	s->spaces = xcalloc(n + 1, sizeof(*s->spaces));
	for (size_t i = 0; i < n; i++) {
		struct space *space = &s->spaces[s->n_spaces];

		if (i == 0 ||
		    strcmp(s->c[i].namespace, s->c[i - 1].namespace) != 0)
			*space = (struct space){
			    .namespace = s->c[i].namespace, .c = &s->c[i]};
		s->c[i].space = space;
		space->n++;
		if (i + 1 == n ||
		    strcmp(s->c[i].namespace, s->c[i + 1].namespace) != 0)
			s->n_spaces++;
	}
}

void
candidates_clear(struct candidates *s)
{
	for (size_t i = 0; i < s->n; i++)
		release(&s->c[i]);
	free(s->c);
	free(s->spaces);
	*s = (struct candidates){0};
}
