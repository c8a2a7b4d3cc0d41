/* A catalogue, and a metastore, that are anything at all. */

#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "catalog/catalog.h"
#include "place.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum rc
segment(void *arg, const struct key *key, uint64_t bytes, uint64_t pages)
{
	(void)arg;
	(void)key;
	(void)bytes;
	(void)pages;
	return RC_OK;
}

static enum rc
each(void *arg, const char *namespace)
{
	(void)catalog_segments(arg, namespace, segment, NULL);
	return RC_OK;
}

static void
read_all(struct catalog *c)
{
	uint64_t n, segments;

	(void)catalog_count(c, &n, &segments);
	(void)catalog_namespaces(c, true, each, c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct catalog *c;
	char *path, *metastore;

	metastore = place_file("metastore", data, size);
	path = place_file("catalog", data, size);
	if (catalog_open(&c, path, CATALOG_READ, 0) == RC_OK) {
		read_all(c);
		catalog_free(c);
	}
	if (catalog_open(&c, path, CATALOG_CHANGE, 0) == RC_OK) {
		read_all(c);
		(void)catalog_from_metastore(c, metastore);
		catalog_free(c);
	}
	(void)unlink(path);
	free(path);
	path = xasprintf("%s/new", place());
	if (catalog_open(&c, path, CATALOG_CREATE, 0) == RC_OK) {
		(void)catalog_from_metastore(c, metastore);
		catalog_free(c);
	}
	free(path);
	free(metastore);
	return 0;
}
