/* listing: see listing.h. */

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/sort.h"
#include "format/segment.h"
#include "plan/listing.h"

struct object {
	struct key key;
	uint64_t bytes, modified;
	enum part part;
};

struct listing {
	struct sort *sort;
	struct object ahead; /* read, but not of the entry before */
	bool have_ahead;
	const char *prefix; /* while listing */
};

static int
object_cmp(const void *a, const void *b)
{
	const struct object *x = a, *y = b;
	int c = key_cmp(&x->key, &y->key);

	return c ? c : (int)x->part - (int)y->part;
}

static enum rc
take_object(void *arg, const struct store_entry *e)
{
	struct listing *h = arg;
	struct object o = {.bytes = e->size, .modified = e->modified};

	if (e->is_dir || !object_parse(&o.key, &o.part, e->name)) {
		msg_info("%s%s: not a segment's, skipped", h->prefix, e->name);
		return RC_OK;
	}
	return sort_add(h->sort, &o);
}

static enum rc
open_listing(struct listing **out, struct store *store, const char *cluster,
    const char *namespace, bool along)
{
	struct listing *h = xcalloc(1, sizeof(*h));
	char *prefix = namespace_prefix(cluster, namespace);
	char *root = namespace_prefix(cluster, NULL);
	enum rc rc;

	h->sort = sort_new(sizeof(struct object), object_cmp);
	h->prefix = prefix;
	rc = along ? store_list_along(store, root, prefix, take_object, h)
		   : store_list(store, prefix, false, 0, take_object, h);
	h->prefix = NULL;
	free(root);
	free(prefix);
	if (rc) {
		listing_free(h);
		h = NULL;
	}
	*out = h;
	return rc;
}

enum rc
listing_open(struct listing **out, struct store *store, const char *cluster,
    const char *namespace)
{
	return open_listing(out, store, cluster, namespace, false);
}

enum rc
listing_open_along(struct listing **out, struct store *store,
    const char *cluster, const char *namespace)
{
	return open_listing(out, store, cluster, namespace, true);
}

/* Plain comes before compressed, and counts. */
static void
merge_object(struct listing_entry *e, const struct object *o)
{
	bool *has = o->part == PART_INDEX  ? &e->index
		    : o->part == PART_ZSTD ? &e->zstd
					   : &e->plain;
	char text[KEY_LEN + 1];

	if (*has) {
		msg_info("%s: listed twice", key_text(&o->key, text));
		return;
	}
	*has = true;
	if (o->part == PART_INDEX)
		return;
	if (e->plain && e->zstd) {
		e->spare_bytes = o->bytes;
		e->spare_modified = o->modified;
	} else {
		e->bytes = o->bytes;
	}
	if (o->modified > e->modified) /* STORE_UNKNOWN above all */
		e->modified = o->modified;
}

uint64_t
listing_pages(const struct listing_entry *e)
{
	return e->plain ? seg_pages_of_size(e->bytes) : UINT64_MAX;
}

enum rc
listing_next(struct listing *h, struct listing_entry *e)
{
	enum rc rc;

	if (!h->have_ahead) {
		rc = sort_next(h->sort, &h->ahead);
		if (rc)
			return rc;
	}
	*e = (struct listing_entry){.key = h->ahead.key, .bytes = UINT64_MAX};
	do {
		merge_object(e, &h->ahead);
		rc = sort_next(h->sort, &h->ahead);
		if (rc) {
			h->have_ahead = false;
			return rc == RC_ABSENT ? RC_OK : rc;
		}
	} while (key_cmp(&h->ahead.key, &e->key) == 0);
	h->have_ahead = true;
	return RC_OK;
}

void
listing_free(struct listing *h)
{
	if (!h)
		return;
	sort_free(h->sort);
	free(h);
}

enum rc
listing_keys(struct keyset *keys, struct store *store, const char *cluster,
    const char *namespace)
{
	struct listing *h;
	struct listing_entry e;
	enum rc rc = listing_open(&h, store, cluster, namespace);

	while (rc == RC_OK && (rc = listing_next(h, &e)) == RC_OK)
		if (e.index)
			keyset_add(keys, &e.key);
	listing_free(h);
	return rc == RC_ABSENT ? RC_OK : rc;
}

/* ---- the newest ---- */

struct newest {
	struct key key;
	bool found;
	bool foreign; /* there is something that is not a segment */
};

/*
 * In byte order the first key has the greatest END, but a store may list in any
 * order, and a foreign key may come first.
 */
static enum rc
take_newest(void *arg, const struct store_entry *e)
{
	struct newest *n = arg;
	struct key key;

	if (e->is_dir || !key_parse(&key, e->name, strlen(e->name))) {
		n->foreign = true;
	} else if (!n->found || key.end > n->key.end ||
		   (key.end == n->key.end && key_cmp(&key, &n->key) < 0)) {
		n->key = key;
		n->found = true;
	}
	return RC_OK;
}

enum rc
listing_newest(struct store *store, const char *cluster, const char *namespace,
    struct key *key)
{
	char *base = namespace_prefix(cluster, namespace);
	char *prefix = xasprintf("%s%s", base, part_prefix(PART_INDEX));
	struct newest n = {0};
	enum rc rc = store_list(store, prefix, false, 1, take_newest, &n);

	if (rc == RC_OK && !n.found && n.foreign) /* look on behind it */
		rc = store_list(store, prefix, false, 0, take_newest, &n);
	if (rc == RC_OK && !n.found)
		rc = RC_ABSENT;
	*key = n.key;
	free(prefix);
	free(base);
	return rc;
}

/* ---- namespaces ---- */

struct namespace
{
	char name[NAMESPACE_MAX + 1];
	enum rc rc;
};

static int
namespace_cmp(const void *a, const void *b)
{
	const struct namespace *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static enum rc
take_namespace(void *arg, const struct store_entry *e)
{
	struct sort *sort = arg;
	struct namespace n = {.rc = e->rc};
	size_t len = strlen(e->name);

	if (!e->is_dir || !namespace_valid(e->name, len)) {
		msg_info("%s: not a namespace, skipped", e->name);
		return RC_OK;
	}
	memcpy(n.name, e->name, len);
	return sort_add(sort, &n);
}

static enum rc
each_namespace(struct sort *sort,
    enum rc (*each)(void *, const char *, enum rc), void *arg)
{
	struct namespace n, last = {.rc = RC_OK};
	enum rc rc = RC_OK;

	while (rc == RC_OK && (rc = sort_next(sort, &n)) == RC_OK) {
		if (strcmp(n.name, last.name) != 0)
			rc = each(arg, n.name, n.rc);
		last = n;
	}
	return rc == RC_ABSENT ? RC_OK : rc;
}

enum rc
listing_namespaces(struct store *store, const char *cluster, bool claims,
    enum rc (*each)(void *, const char *, enum rc), void *arg)
{
	struct sort *sort = sort_new(sizeof(struct namespace), namespace_cmp);
	char *prefix = namespace_prefix(cluster, NULL);
	char *other = claims_prefix(cluster, NULL);
	enum rc rc = store_list(store, prefix, true, 0, take_namespace, sort);

	if (rc == RC_OK && claims)
		rc = store_list(store, other, true, 0, take_namespace, sort);
	if (rc == RC_OK)
		rc = each_namespace(sort, each, arg);
	free(other);
	free(prefix);
	sort_free(sort);
	return rc;
}
