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

/* steps[i]: of the longest chain to key[i]; 0: none leads there.  from[i]: the
 * one before it; SIZE_MAX: it is the first. */
struct chains {
	const struct key *key;
	size_t *from, *steps;
};

static void
chain_step(struct chains *c, size_t i, uint64_t base)
{
	const struct key *k = c->key;

	c->from[i] = SIZE_MAX;
	if (k[i].end <= base)
		return;
	if (k[i].start == base + 1 || k[i].start == 1)
		c->steps[i] = 1;
	for (size_t j = 0; j < i; j++) {
		if (c->steps[j] == 0 || k[j].end >= k[i].end ||
		    (k[i].start != 1 && k[j].end + 1 != k[i].start))
			continue;
		if (c->steps[j] + 1 > c->steps[i]) {
			c->steps[i] = c->steps[j] + 1;
			c->from[i] = j;
		}
	}
}

size_t *
backlog_chain(const struct keyset *local, uint64_t base, size_t *n)
{
	struct chains c = {.key = local->key};
	size_t last = SIZE_MAX, *order;

	c.from = xcalloc(local->n + 1, sizeof(*c.from));
	c.steps = xcalloc(local->n + 1, sizeof(*c.steps));
	for (size_t i = keyset_find_end(local, base + 1); i < local->n; i++) {
		chain_step(&c, i, base);
		if (c.steps[i] > 0 &&
		    (last == SIZE_MAX || c.key[i].end > c.key[last].end ||
			c.steps[i] > c.steps[last]))
			last = i;
	}
	*n = last == SIZE_MAX ? 0 : c.steps[last];
	order = xcalloc(*n + 1, sizeof(*order));
	for (size_t i = *n; i > 0; last = c.from[last])
		order[--i] = last;
	free(c.from);
	free(c.steps);
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
