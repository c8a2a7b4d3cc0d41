/*
 * The two states at the ends of a history's first segment and of its last
 * (history.h) compared, whatever their pages are: as SQL, as a changeset, as
 * numbers.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "diff/changeset.h"
#include "diff/diff.h"
#include "diff/script.h"
#include "diff/summary.h"
#include "history.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct store *store;

static void
begin(void)
{
	const struct store_opts opts = {.parallel = 4, .create = true};
	char *where = xasprintf("%s/store", place());

	place_directory(where);
	if (store_open(&store, where, &opts) != RC_OK ||
	    !freopen("/dev/null", "w", stdout))
		abort();
	free(where);
}

static void
compare(const struct history *h, uint8_t how, uint64_t cache)
{
	const struct state_opts o = {
	    .store = store, .cluster = "default", .cache = cache};
	struct keyset keys[2] = {{0}};
	struct stored stored[2] = {{0}};
	struct side_plan plan[2];
	char *const all[] = {NULL};
	struct diff d;

	history_keys(h, 1, &keys[0]);
	history_keys(h, h->n, &keys[1]);
	for (int i = 0; i < 2; i++)
		plan[i] = (struct side_plan){
		    HISTORY_NAMESPACE, &keys[(how >> 2 & 1) ^ i], &stored[i]};
	if (diff_open(&d, &o, &plan[0], &plan[1], all) == RC_OK)
		(void)((how & 3) == 0   ? changeset_write(&d)
		       : (how & 3) == 1 ? summary_write(&d)
					: script_write(&d));
	diff_close(&d);
	keyset_release(&keys[0]);
	keyset_release(&keys[1]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct history h;

	if (!store)
		begin();
	if (history_new(&h, data, size)) {
		history_put(&h, false);
		compare(&h, data[SAYS_MORE],
		    (uint64_t)data[SAYS_CACHE] * h.page_size);
		history_remove(&h, false);
	}
	history_release(&h);
	return 0;
}
