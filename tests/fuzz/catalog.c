/* A catalogue, and a metastore, that are anything at all. */

#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "place.h"
#include "work/catalog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum rc
each(void *arg, const char *namespace)
{
	(void)arg;
	(void)namespace;
	return RC_OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct catalog *c;
	uint64_t n, segments;
	char *path, *metastore;

	metastore = place_file("metastore", data, size);
	path = place_file("catalog", data, size);
	if (catalog_open(&c, path, CATALOG_CHANGE, 0) == RC_OK) {
		(void)catalog_count(c, &n, &segments);
		(void)catalog_namespaces(c, true, each, NULL);
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
