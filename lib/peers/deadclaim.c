/* deadclaim: see deadclaim.h. */

#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "peers/deadclaim.h"

struct lister {
	const char *prefix;
	enum rc (*each)(void *, const struct claim_entry *);
	void *arg;
	struct claim_entry *entry;
	size_t n, cap;
};

/* They are few; each() may ask the store. */
static enum rc
take(void *arg, const struct store_entry *e)
{
	struct lister *l = arg;
	struct claim_entry c = {.bytes = e->size, .modified = e->modified};

	if (e->is_dir || !claim_name_parse(e->name, &c.removal, &c.end)) {
		msg_info("%s%s: not a claim, skipped", l->prefix, e->name);
		return RC_OK;
	}
	memcpy(c.name, e->name, strlen(e->name) + 1);
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 16;
		l->entry = xreallocarray(l->entry, l->cap, sizeof(*l->entry));
	}
	l->entry[l->n++] = c;
	return RC_OK;
}

static int
by_name(const void *a, const void *b)
{
	const struct claim_entry *x = a, *y = b;

	return strcmp(x->name, y->name);
}

enum rc
deadclaim_list(struct store *store, const char *cluster, const char *namespace,
    enum rc (*each)(void *, const struct claim_entry *), void *arg)
{
	char *prefix = claims_prefix(cluster, namespace);
	struct lister l = {.prefix = prefix};
	enum rc rc = store_list(store, prefix, false, 0, take, &l);

	if (l.n > 1)
		qsort(l.entry, l.n, sizeof(*l.entry), by_name);
	for (size_t i = 0; i < l.n && rc == RC_OK; i++)
		if (i == 0 || strcmp(l.entry[i].name, l.entry[i - 1].name) != 0)
			rc = each(arg, &l.entry[i]);
	free(l.entry);
	free(prefix);
	return rc;
}

enum rc
deadclaim_is_dead(struct store *store, const char *cluster,
    const char *namespace, const struct claim_entry *e, uint64_t newest,
    bool *dead)
{
	uint64_t now = time_now();
	struct claim c;
	char *object;
	enum rc rc;

	/* Without a date nothing is known of its age. */
	*dead =
	    e->modified && e->modified < now && now - e->modified > ORPHAN_AGE;
	if (*dead || (!e->removal && e->end < newest))
		return RC_OK;
	object = claim_object(cluster, namespace, e->name);
	rc = claim_read(store, object, &c);
	if (rc == RC_OK)
		*dead = c.given_up || process_is_dead(&c.by);
	free(object);
	return rc == RC_DATA ? RC_OK : rc; /* said; old enough one day */
}
