/* open_store: see open_store.h. */

#include <string.h>

#include "cli/metrics.h"
#include "cli/open_store.h"
#include "store/store.h"

enum rc
cli_store(struct cli *cli, bool create, struct store **store)
{
	const struct cli_store_opts with = {.create = create};

	return cli_store_with(cli, &with, store);
}

enum rc
cli_store_with(
    struct cli *cli, const struct cli_store_opts *with, struct store **store)
{
	const struct store_opts opts = {.create = with->create,
	    .hidden = with->hidden,
	    .keep = with->keep,
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
