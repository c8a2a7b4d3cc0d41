/* A memory of the last cut, and a pending one, that are anything at all. */

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "cut/lastcut.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
file(const char *dir, const char *name, const uint8_t *data, size_t size)
{
	char *path = xasprintf("%s/%s", dir, name);
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	close(fd);
	free(path);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char dir[] = "/tmp/segtools-fuzz.XXXXXX";
	static bool made;
	struct seg_sum h = {1, 2}, sum;
	struct lastcut *m;
	struct key key;
	bool changed;

	if (!made && !mkdtemp(dir))
		abort();
	if (!made)
		msg_verbosity(-2);
	made = true;
	file(dir, "cut.memory", data, size / 2);
	file(dir, "cut.next", data + size / 2, size - size / 2);
	if (lastcut_open(&m, dir, 0, 0600, NULL) != RC_OK)
		abort();
	if (lastcut_pending(m, &key) == RC_OK)
		(void)lastcut_settle(m, size % 2);
	if (lastcut_facts(m) && lastcut_begin(m, false) == RC_OK) {
		(void)lastcut_put(m, 3, &h, &changed);
		(void)lastcut_sum(m, 1, false, &sum);
		lastcut_drop(m);
	}
	lastcut_free(m);
	return 0;
}
