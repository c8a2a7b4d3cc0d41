/* The files of AWS's own tools: credentials and config. */

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "aws/aws.h"
#include "aws/profile.h"
#include "base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
file(const char *variable, const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", 0);
	char *path = xasprintf("/proc/self/fd/%d", fd);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	setenv(variable, path, 1);
	free(path);
	return fd;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool begun;
	struct aws a;
	struct profile p;
	int one, two;

	if (!begun)
		msg_verbosity(-2);
	begun = true;
	one = file("AWS_SHARED_CREDENTIALS_FILE", data, size / 2);
	two = file("AWS_CONFIG_FILE", data + size / 2, size - size / 2);
	if (aws_load(&a) == RC_OK && !a.region)
		abort();
	if (profile_load(&p, "default") == RC_OK && p.key_id && !p.found)
		abort();
	profile_release(&p);
	aws_release(&a);
	close(one);
	close(two);
	return 0;
}
