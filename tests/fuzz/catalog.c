/* A catalogue, and a metastore, that are anything at all. */

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "work/catalog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[] = "/tmp/segtools-fuzz.XXXXXX";

static char *
file(const char *name, const void *data, size_t size)
{
	char *path = xasprintf("%s/%s", dir, name);
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	close(fd);
	return path;
}

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
	static bool made;
	struct catalog *c;
	uint64_t n, segments;
	char *path, *metastore;

	if (!made && !mkdtemp(dir))
		abort();
	if (!made)
		msg_verbosity(-2);
	made = true;
	metastore = file("metastore", data, size);
	path = file("catalog", data, size);
	if (catalog_open(&c, path, CATALOG_CHANGE, 0) == RC_OK) {
		(void)catalog_count(c, &n, &segments);
		(void)catalog_namespaces(c, true, each, NULL);
		(void)catalog_from_metastore(c, metastore);
		catalog_free(c);
	}
	(void)unlink(path);
	free(path);
	path = xasprintf("%s/new", dir);
	if (catalog_open(&c, path, CATALOG_CREATE, 0) == RC_OK) {
		(void)catalog_from_metastore(c, metastore);
		catalog_free(c);
	}
	free(path);
	free(metastore);
	return 0;
}
