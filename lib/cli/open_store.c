/* open_store: see open_store.h. */

#include <string.h>

#include "cli/metrics.h"
#include "cli/open_store.h"
#include "store/store.h"

enum rc
cli_store(struct cli *cli, bool create, struct store **store)
{
	const struct store_opts opts = {.create = create,
	    .parallel = cli->jobs,
	    .retry_for = cli->retry_for,
	    .counts = metrics_counts(cli->metrics)};
	enum rc rc;

	*store = NULL;
	if (!cli->store)
		return msg_fail(
		    RC_USAGE, "no store: say which with -s or SEG_STORE");
	if (!namespace_valid(cli->cluster, strlen(cli->cluster)))
		return msg_fail(
		    RC_USAGE, "%s: not a valid cluster", cli->cluster);
	rc = store_open(store, cli->store, &opts);
	cli->opened = *store;
	cli->is_missing = store_is_missing;
	return rc;
}
