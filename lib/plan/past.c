/* past: see past.h. */

#include "plan/listing.h"
#include "plan/past.h"
#include "plan/plan.h"
#include "plan/plan_report.h"

static enum rc
read_listing(struct plan *p, struct store *store, const char *cluster,
    const char *namespace)
{
	struct listing *l = NULL;
	struct listing_entry e;
	enum rc rc = listing_open(&l, store, cluster, namespace);

	while (rc == RC_OK && (rc = listing_next(l, &e)) == RC_OK) {
		if (e.index && p->n == UINT32_MAX - 1)
			rc = msg_fail(
			    RC_DATA, "%s: too many segments", namespace);
		else if (e.index)
			plan_add(p, &e.key, e.bytes, listing_pages(&e));
	}
	listing_free(l);
	return rc == RC_ABSENT ? RC_OK : rc;
}

static enum rc
choose(const struct plan *p, const char *namespace, const struct past_moment *m,
    uint32_t *last)
{
	uint64_t end;

	*last = m->by_frame  ? plan_frame(p, m->frame, &end)
		: m->by_time ? plan_time(p, m->time, &end)
			     : plan_newest(p, &end);
	if (*last != PLAN_NONE)
		return RC_OK;
	if (end)
		return plan_say_missing(p, namespace, end);
	return m->by_time ? plan_say_no_time(p, namespace)
			  : plan_say_no_frame(p, namespace, m->frame);
}

static void
take(const struct chain_segment *s, struct keyset *keys, struct stored *stored)
{
	uint64_t pages = s->pages == UINT32_MAX ? UINT64_MAX : s->pages;

	keyset_add(keys, &s->key);
	stored_put(stored, &s->key, s->bytes, pages);
}

enum rc
past_choose(struct keyset *keys, struct stored *stored, struct store *store,
    const char *cluster, const char *namespace, const struct past_moment *m)
{
	struct plan plan = {0};
	struct plan_path path = {0};
	uint32_t last;
	enum rc rc = read_listing(&plan, store, cluster, namespace);

	if (rc == RC_OK && plan.n == 0)
		rc = msg_fail(RC_DATA, "%s: no segments", namespace);
	if (rc == RC_OK) {
		plan_solve(&plan);
		rc = choose(&plan, namespace, m, &last);
	}
	if (rc == RC_OK)
		plan_path_to(&plan, last, &path);
	for (size_t i = 0; i < path.n; i++)
		take(&plan.s[path.i[i]], keys, stored);
	plan_path_release(&path);
	plan_release(&plan);
	return rc;
}
