/*
 * seg-sync: keeps the catalogue, an SQLite file, of monitored namespaces and
 * their segments in step with a store.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "catalog/catalog_sync.h"
#include "cli/cli.h"
#include "cli/open_store.h"
#include "cli/progress.h"
#include "store/store.h"

static const char synopsis[] =
    "usage: seg-sync -k CATALOG [-qv] [-C CLUSTER] [-s STORE] [--full]\n"
    "                [--add NS] [--remove NS] [--from-db FILE]\n"
    "                [--retry-for SECONDS] [NAMESPACE ...]\n"
    "       seg-sync -k CATALOG --monitored [-Jqv]\n";

enum { ADD = CLI_OWN, REMOVE, FROM_DB, MONITORED, FULL };

static const struct cli_option own[] = {
    {'k', "catalog", "CATALOG", "the catalogue; it is made if it is not there"},
    {ADD, "add", "NS", "monitor a namespace (may be repeated)"},
    {REMOVE, "remove", "NS", "forget a namespace (may be repeated)"},
    {FROM_DB, "from-db", "FILE",
	"monitor the namespaces of a libsql-server\n"
	"metastore, and no others"},
    {MONITORED, "monitored", NULL, "print the monitored namespaces"},
    {FULL, "full", NULL, "take in everything, and forget what has gone"},
    {0},
};

struct change {
	int what;
	const char *namespace;
};

struct sync {
	struct cli cli;
	struct catalog *catalog;
	struct store *store;
	struct change *changes; /* in the order given */
	size_t n_changes;
	const char *metastore;
	bool monitored;
	bool full;
	struct catalog_sync *syncing;
	struct progress progress;
};

/* What fails for one namespace does not keep the others from being synced. */
static enum rc
sync_namespace(void *arg, const char *namespace)
{
	struct sync *s = arg;
	enum rc rc = catalog_sync(s->syncing, namespace);

	s->cli.rc = rc_max(s->cli.rc, rc);
	progress_add(&s->progress, 1);
	return rc == RC_USAGE ? rc : RC_OK;
}

static enum rc
print_namespace(void *arg, const char *namespace)
{
	struct sync *s = arg;

	return rec_write_namespace(&s->cli.out, namespace);
}

static enum rc
change_monitored(struct sync *s)
{
	enum rc rc = RC_OK;

	if (s->metastore)
		rc = catalog_from_metastore(s->catalog, s->metastore);
	for (size_t i = 0; rc == RC_OK && i < s->n_changes; i++)
		rc = s->changes[i].what == ADD
			 ? catalog_monitor(s->catalog, s->changes[i].namespace)
			 : catalog_unmonitor(
			       s->catalog, s->changes[i].namespace);
	return rc;
}

/*
 * All of them.  A full sync reads all that there is; and so does another where
 * that takes fewer requests than one a namespace for its newest segment: a page
 * of a listing has a thousand objects, two a segment.
 */
static enum rc
sync_all(struct sync *s)
{
	uint64_t n = 0, segments = 0;
	enum rc rc = catalog_count(s->catalog, &n, &segments);

	if (rc)
		return rc;
	s->syncing = catalog_sync_begin(s->catalog, s->store, s->cli.cluster,
	    s->full, s->full || segments / 500 < n);
	progress_begin(&s->progress, "namespace", n);
	return catalog_namespaces(s->catalog, false, sync_namespace, s);
}

static enum rc
sync_these(struct sync *s, char **namespaces, uint64_t n)
{
	enum rc rc = RC_OK;

	s->syncing = catalog_sync_begin(
	    s->catalog, s->store, s->cli.cluster, s->full, false);
	progress_begin(&s->progress, "namespace", n);
	for (; rc == RC_OK && *namespaces; namespaces++)
		rc = sync_namespace(s, *namespaces);
	return rc;
}

static enum rc
sync_namespaces(struct sync *s, char **namespaces, uint64_t n)
{
	enum rc rc = n == 0 ? sync_all(s) : sync_these(s, namespaces, n);

	if (s->syncing)
		rc = rc_max(rc, catalog_sync_end(s->syncing));
	progress_end(&s->progress);
	return rc;
}

static enum rc
work(struct sync *s, char **namespaces, int n)
{
	enum rc rc;

	if (s->monitored)
		return catalog_namespaces(
		    s->catalog, false, print_namespace, s);
	rc = catalog_hurry(s->catalog);
	if (rc)
		return rc;
	rc = change_monitored(s);
	if (rc == RC_OK)
		rc = sync_namespaces(s, namespaces, (uint64_t)n);
	return rc_max(rc, catalog_settle(s->catalog));
}

static void
check_namespace(const struct sync *s, const char *namespace)
{
	if (!namespace_valid(namespace, strlen(namespace)))
		cli_usage(&s->cli, "%s: not a valid namespace", namespace);
}

static void
take_option(struct sync *s, int c)
{
	switch (c) {
	case ADD:
	case REMOVE:
		check_namespace(s, optarg);
		s->changes[s->n_changes++] = (struct change){c, optarg};
		break;
	case FROM_DB:
		s->metastore =
		    cli_named(&s->cli, "--from-db", "metastore", optarg);
		break;
	case MONITORED:
		s->monitored = true;
		break;
	default:
		s->full = true;
		break;
	}
}

static void
parse(struct sync *s, int argc, char **argv)
{
	int c;

	cli_init(&s->cli, argv, synopsis, "sCkJr", own);
	while ((c = cli_getopt(&s->cli, argc, argv)) != -1)
		take_option(s, c);
	if (!s->cli.catalog)
		cli_usage(&s->cli, "no catalogue: -k CATALOG");
	if (s->monitored &&
	    (s->n_changes || s->metastore || s->full || optind < argc))
		cli_usage(&s->cli, "--monitored goes with -k alone");
	for (int i = optind; i < argc; i++)
		check_namespace(s, argv[i]);
}

int
main(int argc, char **argv)
{
	struct sync s = {0};
	enum rc rc = RC_OK;

	s.changes = xcalloc((size_t)argc + 1, sizeof(*s.changes));
	parse(&s, argc, argv);
	if (!s.monitored)
		rc = cli_store(&s.cli, false, &s.store);
	if (rc == RC_OK)
		rc = catalog_open(&s.catalog, s.cli.catalog,
		    s.monitored ? CATALOG_READ : CATALOG_CREATE,
		    s.cli.retry_for);
	if (rc == RC_OK)
		rc = work(&s, argv + optind, argc - optind);
	s.cli.rc = rc_max(s.cli.rc, rc);
	catalog_free(s.catalog);
	store_free(s.store);
	free(s.changes);
	return cli_exit(&s.cli);
}
