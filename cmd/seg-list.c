/*
 * seg-list: what a store has, one set for each namespace, oldest first.
 */

#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "base/time.h"
#include "catalog/catalog.h"
#include "cli/cli.h"
#include "cli/open_store.h"
#include "peers/deadclaim.h"
#include "plan/listing.h"

static const char synopsis[] =
    "usage: seg-list [-JOqv] [-C CLUSTER] [-k CATALOG] [-s STORE] [--hidden]\n"
    "                [--retry-for SECONDS] [NAMESPACE ...]\n"
    "       seg-list -N [-Jqv] [-C CLUSTER] [-k CATALOG] [-s STORE] "
    "[--hidden]\n"
    "                [--retry-for SECONDS]\n"
    "       seg-list --stale AGE [-Jqv] [-C CLUSTER] [-k CATALOG] [-s STORE]\n"
    "                [--retry-for SECONDS] [NAMESPACE ...]\n";

enum { STALE = CLI_OWN, HIDDEN };

static const struct cli_option own[] = {
    {'N', "namespaces", NULL, "the names of the namespaces alone"},
    {'O', "orphans", NULL,
	"data objects without an index, or compressed ones beside plain,\n"
	"older than a day, and claims and locks that dead ones left"},
    {STALE, "stale", "AGE",
	"the namespaces whose newest state is older, or that have none"},
    {HIDDEN, "hidden", NULL,
	"in a bucket, also what has been hidden: the oldest versions"},
    {'k', "catalog", "CATALOG", "from a catalogue of seg-sync, not the store"},
    {0},
};

struct list {
	struct cli cli;
	struct store *store;
	struct catalog *catalog; /* instead of the store */
	bool names;
	bool orphans;
	bool hidden;
	bool all;          /* namespaces: those without segments are none */
	const char *stale; /* --stale; or NULL */
	uint64_t age;      /* ms */
	uint64_t looked_at, found_stale;
	uint64_t now;
	uint64_t undated; /* objects without a date that may be orphans */
};

/* Else it may be an upload in progress. */
static bool
is_old(struct list *l, uint64_t modified)
{
	if (modified == STORE_UNKNOWN) {
		l->undated++;
		return false;
	}
	return modified < l->now && l->now - modified > ORPHAN_AGE;
}

static bool
is_orphan(struct list *l, const struct listing_entry *e)
{
	return !e->index && listing_has_data(e) && is_old(l, e->modified);
}

/* The compressed data of a segment that is there plain too. */
static bool
is_spare(struct list *l, const struct listing_entry *e)
{
	return e->index && e->plain && e->zstd && is_old(l, e->spare_modified);
}

/* Of one namespace. */
static void
tell_undated(struct list *l, const char *namespace)
{
	if (l->undated)
		msg_warn(
		    "%s: %llu data object%s without an index, of which "
		    "the store gives no date that can be read: passed over",
		    namespace, (unsigned long long)l->undated,
		    number_s(l->undated));
	l->undated = 0;
}

static enum rc
print_segment(struct list *l, const char *namespace, const struct key *key,
    uint64_t bytes, uint64_t pages)
{
	struct rec rec = {.pages = pages, .bytes = bytes};

	name_set(&rec.name, namespace, key);
	return rec_write(&l->cli.out, &rec);
}

static enum rc
print_spare(
    struct list *l, const char *namespace, const struct listing_entry *e)
{
	struct rec rec = {
	    .spare = true, .pages = REC_UNKNOWN, .bytes = e->spare_bytes};

	name_set(&rec.name, namespace, &e->key);
	return rec_write(&l->cli.out, &rec);
}

struct known {
	struct list *l;
	const char *namespace;
	uint64_t n;
};

static enum rc
print_known(void *arg, const struct key *key, uint64_t bytes, uint64_t pages)
{
	struct known *k = arg;

	k->n++;
	return print_segment(k->l, k->namespace, key, bytes, pages);
}

/* The same from the catalogue. */
static enum rc
print_from_catalog(struct list *l, const char *namespace, uint64_t *n)
{
	struct known k = {l, namespace, 0};
	enum rc rc = catalog_segments(l->catalog, namespace, print_known, &k);

	*n = k.n;
	return rc == RC_ABSENT ? RC_OK : rc;
}

struct claims {
	struct list *l;
	const char *namespace;
	uint64_t newest; /* END */
};

static enum rc
print_claim(void *arg, const struct claim_entry *e)
{
	struct claims *c = arg;
	struct list *l = c->l;
	struct rec rec = {
	    .claim = e->name, .pages = REC_UNKNOWN, .bytes = e->bytes};
	struct key key = {
	    .end = e->removal ? REC_UNKNOWN : e->end, .time = e->modified};
	bool dead;
	enum rc rc = deadclaim_is_dead(
	    l->store, l->cli.cluster, c->namespace, e, c->newest, &dead);

	if (rc == RC_ABSENT)
		return RC_OK;
	name_set(&rec.name, c->namespace, &key);
	return rc || !dead ? rc : rec_write(&l->cli.out, &rec);
}

/* The records of a set; *n counts them. */
static enum rc
print_namespace(struct list *l, const char *namespace, uint64_t *n)
{
	struct claims claims = {l, namespace, 0};
	struct listing *h = NULL;
	struct listing_entry e;
	enum rc rc;

	rc = (l->all ? listing_open_along : listing_open)(
	    &h, l->store, l->cli.cluster, namespace);
	while (rc == RC_OK && (rc = listing_next(h, &e)) == RC_OK) {
		if (e.index)
			claims.newest = e.key.end;
		if (l->orphans ? is_orphan(l, &e) : e.index)
			rc = print_segment(
			    l, namespace, &e.key, e.bytes, listing_pages(&e));
		else if (l->orphans && is_spare(l, &e))
			rc = print_spare(l, namespace, &e);
		else
			continue;
		++*n;
	}
	listing_free(h);
	tell_undated(l, namespace);
	if (rc == RC_ABSENT)
		rc = RC_OK;
	if (rc == RC_OK && l->orphans)
		rc = deadclaim_list(
		    l->store, l->cli.cluster, namespace, print_claim, &claims);
	return rc;
}

/* Would no other namespace do better? */
static bool
is_hopeless(const struct list *l, enum rc rc)
{
	return rc == RC_USAGE && !(l->store && store_fails_in_part(l->store));
}

/* One set.  What keeps anything at all from being listed (no such bucket, refused
 * credentials) is returned; what is wrong with this namespace alone goes into
 * cli.rc. */
static enum rc
list_namespace(struct list *l, const char *namespace)
{
	uint64_t n = 0;
	enum rc rc = l->catalog ? print_from_catalog(l, namespace, &n)
				: print_namespace(l, namespace, &n);

	if (is_hopeless(l, rc)) {
		if (l->cli.out.begun)
			rec_end(&l->cli.out, true);
		return rc;
	}
	if (rc == RC_OK && n == 0 && l->all && !l->orphans) {
		msg_info("%s: no segments", namespace);
		return RC_OK;
	}
	if (rc == RC_OK && n == 0 && !l->orphans)
		l->cli.rc = rc_max(
		    l->cli.rc, msg_fail(RC_DATA, "%s: no segments", namespace));
	l->cli.rc = rc_max(l->cli.rc, rc);
	return rec_end(&l->cli.out, rc != RC_OK);
}

/* ---- how old the newest state is ---- */

static enum rc
keep_newest(void *arg, const struct key *key, uint64_t bytes, uint64_t pages)
{
	struct key *newest = arg;

	(void)bytes;
	(void)pages;
	*newest = *key;
	return RC_OK;
}

/* All zero if there is none.  Of all namespaces, what they share requests for. */
static enum rc
find_newest(struct list *l, const char *namespace, struct key *newest)
{
	struct listing *h = NULL;
	struct listing_entry e;
	enum rc rc;

	*newest = (struct key){0};
	if (l->catalog)
		rc = catalog_segments(
		    l->catalog, namespace, keep_newest, newest);
	else if (!l->all)
		rc =
		    listing_newest(l->store, l->cli.cluster, namespace, newest);
	else {
		rc =
		    listing_open_along(&h, l->store, l->cli.cluster, namespace);
		while (rc == RC_OK && (rc = listing_next(h, &e)) == RC_OK)
			if (e.index)
				*newest = e.key;
		listing_free(h);
	}
	return rc == RC_ABSENT ? RC_OK : rc;
}

static enum rc
look_at_age(struct list *l, const char *namespace)
{
	struct key newest;
	char text[TIME_TEXT_MAX];
	enum rc rc = find_newest(l, namespace, &newest);

	if (is_hopeless(l, rc))
		return rc;
	l->cli.rc = rc_max(l->cli.rc, rc);
	if (rc)
		return RC_OK;
	l->looked_at++;
	if (newest.time > l->now)
		msg_warn("%s: its newest state is of %s, ahead of the clock",
		    namespace, time_text(newest.time, text));
	if (newest.end > 0 &&
	    (newest.time > l->now || l->now - newest.time <= l->age))
		return RC_OK;
	l->found_stale++;
	return rec_write_namespace(&l->cli.out, namespace);
}

static void
tell_stale(struct list *l)
{
	if (l->found_stale)
		l->cli.rc = rc_max(l->cli.rc,
		    msg_fail(RC_DATA,
			"%llu of %llu namespace%s without a state of the last "
			"%s",
			(unsigned long long)l->found_stale,
			(unsigned long long)l->looked_at,
			number_s(l->looked_at), l->stale));
}

/* ---- which namespaces ---- */

/* One of all; rc: it cannot be looked into. */
static enum rc
list_found(void *arg, const char *namespace, enum rc rc)
{
	struct list *l = arg;

	if (rc) {
		l->cli.rc = rc_max(l->cli.rc, rc);
		return l->names || l->stale ? RC_OK
					    : rec_end(&l->cli.out, true);
	}
	if (l->stale)
		return look_at_age(l, namespace);
	return l->names ? rec_write_namespace(&l->cli.out, namespace)
			: list_namespace(l, namespace);
}

static enum rc
list_known(void *arg, const char *namespace)
{
	return list_found(arg, namespace, RC_OK);
}

/* All namespaces of the store.  A stream has at least one set. */
static enum rc
list_all(struct list *l)
{
	enum rc rc = l->catalog
			 ? catalog_namespaces(l->catalog, true, list_known, l)
			 : listing_namespaces(l->store, l->cli.cluster,
			       l->orphans, list_found, l);

	if (rc == RC_OK && !l->names && !l->stale && !l->cli.out.begun) {
		l->cli.rc = msg_fail(RC_DATA, "%s: no namespaces",
		    l->catalog ? l->cli.catalog : store_name(l->store));
		rc = rec_end(&l->cli.out, false);
	}
	return rc;
}

static enum rc
list(struct list *l, char **namespaces)
{
	enum rc rc = RC_OK;

	l->all = !*namespaces;
	if (l->all)
		return list_all(l);
	for (; rc == RC_OK && *namespaces; namespaces++)
		rc = l->stale ? look_at_age(l, *namespaces)
			      : list_namespace(l, *namespaces);
	return rc;
}

static void
parse(struct list *l, int argc, char **argv)
{
	int c;

	cli_init(&l->cli, argv, synopsis, "sCkJr", own);
	while ((c = cli_getopt(&l->cli, argc, argv)) != -1) {
		if (c == 'N')
			l->names = true;
		else if (c == 'O')
			l->orphans = true;
		else if (c == HIDDEN)
			l->hidden = true;
		else if (!time_span(l->stale = optarg, &l->age))
			cli_usage(&l->cli, "--stale: %s is not an age", optarg);
	}
	if (l->stale && (l->names || l->orphans))
		cli_usage(&l->cli, "--stale goes with neither -N nor -O");
	if (l->names && (l->orphans || optind < argc))
		cli_usage(&l->cli, "-N goes with neither -O nor a namespace");
	if (l->hidden && (l->stale || l->orphans || l->cli.catalog))
		cli_usage(
		    &l->cli, "--hidden goes with neither -O, -k nor --stale");
	if (l->orphans && l->cli.catalog)
		cli_usage(&l->cli, "a catalogue (-k) knows no orphans (-O)");
	for (int i = optind; i < argc; i++)
		if (!namespace_valid(argv[i], strlen(argv[i])))
			cli_usage(
			    &l->cli, "%s: not a valid namespace", argv[i]);
}

int
main(int argc, char **argv)
{
	struct list l = {.now = time_now()};
	struct cli_store_opts with = {0};
	enum rc rc;

	parse(&l, argc, argv);
	with.hidden = l.hidden;
	rc = l.cli.catalog ? catalog_open(&l.catalog, l.cli.catalog,
				 CATALOG_READ, l.cli.retry_for)
			   : cli_store_with(&l.cli, &with, &l.store);
	if (rc == RC_OK)
		rc = list(&l, argv + optind);
	l.cli.rc = rc_max(l.cli.rc, rc);
	tell_stale(&l);
	catalog_free(l.catalog);
	store_free(l.store);
	return cli_exit(&l.cli);
}
