/* Files of a fuzzer, in a directory of its own. */
#ifndef SEGTOOLS_FUZZ_PLACE_H
#define SEGTOOLS_FUZZ_PLACE_H

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/msg.h"

/* The directory; made, and all messages hushed, the first time. */
static inline const char *
place(void)
{
	static char dir[] = "/tmp/segtools-fuzz.XXXXXX";
	static bool made;

	if (made)
		return dir;
	msg_verbosity(-2);
	if (!mkdtemp(dir))
		abort();
	made = true;
	return dir;
}

/* One with these contents; its path, malloced. */
static inline char *
place_file(const char *name, const void *data, size_t size)
{
	char *path = xasprintf("%s/%s", place(), name);
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	close(fd);
	return path;
}

#endif
