/*
 * s3_along: see s3_along.h.
 *
 * One page of what is below root is kept, and from where to where it is all that
 * there is.  A prefix is read from it, and from the pages that follow, until
 * something behind it comes.  That takes a service that lists in byte order and
 * knows start-after, as it should; one that does not is noticed by what it
 * sends, and each prefix is then listed by itself.
 */

#include <stdlib.h>
#include <string.h>

#include "store/s3_along.h"
#include "store/s3_list.h"

struct kept {
	char *name; /* below root */
	uint64_t size, modified;
};

struct s3_along {
	char *root;
	/* The page: all of what is behind from, up to its last entry; or to the
	 * end of what is below root. */
	struct kept *e;
	size_t n, cap;
	char *from; /* NULL: there is none */
	bool end;
	bool off; /* the service does not do as it should */
};

static void
forget_page(struct s3_along *a)
{
	for (size_t i = 0; i < a->n; i++)
		free(a->e[i].name);
	a->n = 0;
	free(a->from);
	a->from = NULL;
}

void
s3_along_free(struct s3_along *a)
{
	if (!a)
		return;
	forget_page(a);
	free(a->e);
	free(a->root);
	free(a);
}

static enum rc
keep(void *arg, const struct store_entry *e)
{
	struct s3_along *a = arg;
	const char *before = a->n ? a->e[a->n - 1].name : a->from;

	/* Where it does not go on, or not in order. */
	a->off = a->off || strcmp(e->name, before) <= 0;
	if (a->n == a->cap) {
		a->cap = a->cap ? 2 * a->cap : 256;
		a->e = xreallocarray(a->e, a->cap, sizeof(*a->e));
	}
	a->e[a->n++] = (struct kept){xstrdup(e->name), e->size, e->modified};
	return RC_OK;
}

/* The page behind from, which is owned. */
static enum rc
read_page(struct s3 *s, struct s3_along *a, char *from)
{
	bool more, sorted;
	enum rc rc;

	forget_page(a);
	a->from = from;
	rc = s3_list_page(s, a->root, from, keep, a, &more, &sorted);
	if (rc)
		return rc;
	a->end = !more;
	/* A page of nothing that is of use does not tell where it ended. */
	a->off = a->off || !sorted || (more && a->n == 0);
	return RC_OK;
}

/* The first entry that is not before name. */
static size_t
find(const struct s3_along *a, const char *name)
{
	size_t lo = 0, hi = a->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(a->e[mid].name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Does the page begin before name, and not end before it? */
static bool
reaches(const struct s3_along *a, const char *name)
{
	return a->from && strcmp(a->from, name) <= 0 &&
	       (a->end || (a->n && strcmp(a->e[a->n - 1].name, name) >= 0));
}

/* What the page has of name; *done: and it is all that there is. */
static enum rc
tell(const struct s3_along *a, const char *name,
    enum rc (*entry)(void *, const struct store_entry *), void *arg, bool *done)
{
	size_t len = strlen(name);
	enum rc rc = RC_OK;

	*done = a->end;
	for (size_t i = find(a, name); rc == RC_OK && i < a->n; i++) {
		struct store_entry e = {.name = a->e[i].name + len,
		    .size = a->e[i].size,
		    .modified = a->e[i].modified};

		if (strncmp(a->e[i].name, name, len) != 0) {
			*done = true;
			break;
		}
		rc = entry(arg, &e);
	}
	return rc;
}

static enum rc
list_one(struct s3 *s, struct s3_along *a, const char *name,
    enum rc (*entry)(void *, const struct store_entry *), void *arg)
{
	bool done = false;
	enum rc rc = RC_OK;

	if (!reaches(a, name))
		rc = read_page(s, a, xstrdup(name));
	while (rc == RC_OK && !a->off) {
		rc = tell(a, name, entry, arg, &done);
		if (rc || done)
			break;
		rc = read_page(s, a, xstrdup(a->e[a->n - 1].name));
	}
	return rc;
}

enum rc
s3_list_along(struct s3 *s, struct s3_along **along, const char *root,
    const char *prefix, enum rc (*entry)(void *, const struct store_entry *),
    void *arg)
{
	struct s3_along *a = *along;
	size_t len = strlen(root);
	enum rc rc = RC_OK;

	if (!a) {
		a = *along = xcalloc(1, sizeof(*a));
		a->root = xstrdup(root);
	}
	/* A "+" in a query is signed wrongly by some versions of libcurl. */
	if (!a->off && strcmp(a->root, root) == 0 && !strchr(prefix, '+') &&
	    !strchr(s->prefix, '+')) {
		rc = list_one(s, a, prefix + len, entry, arg);
		if (rc || !a->off)
			return rc;
		msg_info("%s: does not list in order: namespaces are listed "
			 "one by one",
		    s->name);
		forget_page(a);
	}
	return s3_list(s, prefix, false, 0, entry, arg);
}
