/* backlog: see backlog.h. */

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/directory.h"
#include "base/file.h"
#include "cut/backlog.h"
#include "format/segment.h"
#include "work/chain.h"

enum rc
backlog_scan(struct keyset *local, const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	struct key key;

	if (!d)
		return errno == ENOENT ? RC_OK : msg_errno(dir);
	while ((e = readdir(d)) != NULL) {
		char *seg;

		if (strlen(e->d_name) != KEY_LEN + 4 ||
		    strcmp(e->d_name + KEY_LEN, ".idx") != 0 ||
		    !key_parse(&key, e->d_name, KEY_LEN))
			continue;
		seg = xasprintf("%s/%.*s.seg", dir, KEY_LEN, e->d_name);
		if (file_exists(seg))
			keyset_add(local, &key);
		free(seg);
	}
	closedir(d);
	return RC_OK;
}

/* ---- what a store lacks ---- */

size_t *
backlog_chain(const struct keyset *local, uint64_t base, size_t *n)
{
	struct chain_segment *s = xcalloc(local->n + 1, sizeof(*s));
	uint32_t last = CHAIN_NONE;
	size_t *order;

	for (size_t i = 0; i < local->n; i++)
		s[i].key = local->key[i];
	chain_solve(s, local->n, base, CHAIN_LONGEST);
	for (size_t i = local->n; i > 0 && last == CHAIN_NONE; i--)
		last = s[i - 1].best;
	*n = last == CHAIN_NONE ? 0 : s[last].hops;
	order = xcalloc(*n + 1, sizeof(*order));
	for (size_t i = *n; i > 0; last = s[last].prev)
		order[--i] = last;
	free(s);
	return order;
}

/* ---- records ---- */

enum rc
backlog_tell(const char *dir, const struct name *name,
    enum rc (*emit)(void *arg, const struct rec *), void *arg)
{
	char *path = name_path(dir, name, PART_SEGMENT);
	struct rec r = {.text = path, .is_path = true, .name = *name};
	uint8_t h[SEG_HEADER_MAX];
	struct seg_header header;
	struct file *file;
	enum rc rc = file_open(&file, path);

	if (rc == RC_ABSENT)
		rc = msg_fail(RC_DATA, "%s: it has gone", path);
	if (rc == RC_OK)
		rc = file_size(file, &r.bytes);
	if (rc == RC_OK)
		rc = file_read(file, h, sizeof(h), 0);
	if (rc == RC_OK)
		rc = seg_header_parse(
		    &header, path, h, sizeof(h), r.bytes, &name->key);
	if (rc == RC_OK) {
		r.pages = header.frames;
		rc = emit(arg, &r);
	}
	file_close(&file);
	free(path);
	return rc;
}
