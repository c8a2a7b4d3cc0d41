/*
 * A tar stream that is anything at all, but for the checksums of its headers,
 * which are put right: its members read, and unpacked into a directory.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "pack/tarread.h"
#include "pack/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BLOCK = 512, CHECKSUM = 148, MAGIC = 257, RUNS = 1000 };

static char dir[32];

static void
remove_dir(void)
{
	char *cmd = xasprintf("rm -rf %s", dir);

	if (*dir && system(cmd) != 0)
		abort();
	free(cmd);
	*dir = 0;
}

/* A new one now and then, so that most files are there already. */
static const char *
fresh_dir(void)
{
	static unsigned runs;

	if (runs == 0)
		atexit(remove_dir);
	if (runs++ % RUNS == 0) {
		remove_dir();
		if (!mkdtemp(strcpy(dir, "/dev/shm/fuzz-tar.XXXXXX")))
			abort();
	}
	return dir;
}

static void
put_checksum(uint8_t *block)
{
	unsigned sum = 0;
	char text[8];

	memset(block + CHECKSUM, ' ', sizeof(text));
	for (size_t i = 0; i < BLOCK; i++)
		sum += block[i];
	(void)snprintf(text, sizeof(text), "%06o", sum);
	memcpy(block + CHECKSUM, text, sizeof(text));
}

static int
stream_of(const uint8_t *data, size_t size)
{
	int fd = memfd_create("stream", 0);
	uint8_t *p = xmalloc(size);

	memcpy(p, data, size);
	for (size_t at = 0; at + BLOCK <= size; at += BLOCK)
		if (memcmp(p + at + MAGIC, "ustar", 5) == 0)
			put_checksum(p + at);
	if (write(fd, p, size) != (ssize_t)size)
		abort();
	free(p);
	return fd;
}

static void
read_members(int fd)
{
	struct tarread *t = tarread_new(fd, NULL, NULL);
	struct tar_member m;
	enum tar_event event;
	const void *data;
	uint64_t sum;
	size_t n;
	enum rc rc;

	while (
	    (event = tarread_next(t, &m)) == TAR_MEMBER || event == TAR_ZEROS) {
		if (event == TAR_ZEROS || m.kind != TAR_FILE)
			continue;
		sum = 0;
		while ((rc = tarread_data(t, &data, &n)) == RC_OK && n > 0)
			sum += n;
		if (rc == RC_OK && sum != m.size)
			abort();
	}
	tarread_free(t);
}

static enum rc
on_record(void *arg, const struct rec *rec)
{
	(void)arg;
	(void)rec;
	return RC_OK;
}

static enum rc
on_end(void *arg, bool failed)
{
	(void)arg;
	(void)failed;
	return RC_OK;
}

static enum rc
on_idle(void *arg)
{
	(void)arg;
	return RC_OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct unpack_opts o = {
	    .record = on_record, .end = on_end, .idle = on_idle};

	msg_verbosity(-2);
	o.fd = stream_of(data, size);
	if (lseek(o.fd, 0, SEEK_SET) != 0)
		abort();
	read_members(o.fd);
	if (lseek(o.fd, 0, SEEK_SET) != 0)
		abort();
	o.dir = fresh_dir();
	(void)unpack_run(&o);
	close(o.fd);
	return 0;
}
