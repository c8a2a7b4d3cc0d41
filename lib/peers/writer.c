/* writer: see writer.h. */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "base/buf.h"
#include "base/directory.h"
#include "base/file.h"
#include "peers/writer.h"

/* False: no such file, or no UUID in it: a new one is made then. */
static bool
read_uuid(const char *path, char out[CLAIM_WRITER_MAX])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char text[CLAIM_WRITER_MAX];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	uuid_t uuid;

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = 0;
	if (uuid_parse(text, uuid) != 0)
		return false;
	uuid_unparse_lower(uuid, out);
	return true;
}

/* Two that make it at the same moment end up with one. */
static enum rc
make_uuid(const char *path, const char *text)
{
	struct file_commit commit = {0};
	enum rc rc = file_create(&commit.file, path, 0);

	if (rc == RC_OK)
		rc = file_write(commit.file, text, strlen(text), 0);
	if (rc)
		file_close(&commit.file);
	else
		rc = file_commit_many(&commit, 1);
	return rc;
}

void
writer_of(const char *seg_path, char uuid[CLAIM_WRITER_MAX])
{
	char *spaces = path_dir(seg_path), *dir = xasprintf("%s/..", spaces);
	char *path = xasprintf("%s/%s", dir, WRITER_FILE);
	char *memory = xasprintf("%s/%s", spaces, CUT_MEMORY);
	uuid_t made;

	if (read_uuid(path, uuid))
		goto out;
	uuid_generate(made);
	uuid_unparse_lower(made, uuid);
	if (file_exists(memory) && access(dir, W_OK) == 0 &&
	    make_uuid(path, uuid) == RC_OK)
		(void)read_uuid(path, uuid);
out:
	free(memory);
	free(path);
	free(dir);
	free(spaces);
}
