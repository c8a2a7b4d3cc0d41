/* backlog: see backlog.h. */

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "cut/backlog.h"
#include "format/segment.h"
#include "work/chain.h"

/* ---- what is there ---- */

/* A file of a segment.  They come in any order. */
struct part_file {
	struct key key;
	enum part part;
};

struct part_files {
	struct part_file *f;
	size_t n, cap;
};

static void
add_file(struct part_files *files, const char *name)
{
	struct part_file f = {.part = PART_SEGMENT};

	if (strlen(name) != KEY_LEN + 4 || !key_parse(&f.key, name, KEY_LEN))
		return;
	if (strcmp(name + KEY_LEN, ".idx") == 0)
		f.part = PART_INDEX;
	else if (strcmp(name + KEY_LEN, ".seg") != 0)
		return;
	if (files->n == files->cap) {
		files->cap = files->cap ? 2 * files->cap : 64;
		files->f =
		    xreallocarray(files->f, files->cap, sizeof(*files->f));
	}
	files->f[files->n++] = f;
}

static int
cmp_file(const void *a, const void *b)
{
	const struct part_file *x = a, *y = b;
	int cmp = key_cmp(&x->key, &y->key);

	return cmp ? cmp : (int)x->part - (int)y->part;
}

enum rc
backlog_scan(struct keyset *local, const char *dir)
{
	struct part_files files = {0};
	DIR *d = opendir(dir);
	struct dirent *e;
	enum rc rc;

	if (!d)
		return errno == ENOENT ? RC_OK : msg_errno(dir);
	for (errno = 0; (e = readdir(d)) != NULL; errno = 0)
		add_file(&files, e->d_name);
	rc = errno ? msg_errno(dir) : RC_OK;
	closedir(d);
	if (rc)
		files.n = 0;
	if (files.n > 0)
		qsort(files.f, files.n, sizeof(*files.f), cmp_file);
	for (size_t i = 1; i < files.n; i++)
		if (key_cmp(&files.f[i - 1].key, &files.f[i].key) == 0)
			keyset_add(local, &files.f[i].key);
	free(files.f);
	return rc;
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
