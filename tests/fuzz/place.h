/* Files of a fuzzer, in a directory of its own, which goes when it ends well. */
#ifndef SEGTOOLS_FUZZ_PLACE_H
#define SEGTOOLS_FUZZ_PLACE_H

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/msg.h"

static char place_dir[32];

static inline void
place_remove(void)
{
	char *cmd = xasprintf("rm -rf %s", place_dir);

	if (system(cmd) != 0)
		abort();
	free(cmd);
}

/* The directory; made, and all messages hushed, the first time. */
static inline const char *
place(void)
{
	if (*place_dir)
		return place_dir;
	msg_verbosity(-2);
	if (!mkdtemp(strcpy(place_dir, "/dev/shm/segtools-fuzz.XXXXXX")))
		abort();
	atexit(place_remove);
	setenv("TMPDIR", place_dir, 1); /* of scratch files */
	return place_dir;
}

/* With all that is above it in place(). */
static inline void
place_directory(const char *path)
{
	char *parent = xstrdup(path), *slash = strrchr(parent, '/');

	if (slash && strcmp(path, place()) != 0) {
		*slash = 0;
		place_directory(parent);
		if (mkdir(path, 0700) != 0 && errno != EEXIST)
			abort();
	}
	free(parent);
}

/* A file there. */
static inline void
place_at(const char *path, const void *data, size_t size)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	close(fd);
}

/* One of that name; its path, malloced. */
static inline char *
place_file(const char *name, const void *data, size_t size)
{
	char *path = xasprintf("%s/%s", place(), name);

	place_at(path, data, size);
	return path;
}

#endif
