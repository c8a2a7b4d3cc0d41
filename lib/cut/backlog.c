/* backlog: see backlog.h. */

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "cut/backlog.h"
#include "format/segment.h"
#include "plan/chain.h"
#include "plan/rules.h"

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

/* ---- a file ---- */

/* Its pages and bytes; RC_ABSENT: there is no such file. */
static enum rc
read_facts(struct rec *r)
{
	uint8_t h[SEG_HEADER_MAX];
	struct seg_header header;
	struct file *file;
	enum rc rc = file_open(&file, r->text);

	if (rc == RC_OK)
		rc = file_size(file, &r->bytes);
	if (rc == RC_OK)
		rc = file_read(file, h, sizeof(h), 0);
	if (rc == RC_OK)
		rc = seg_header_parse(
		    &header, r->text, h, sizeof(h), r->bytes, &r->name.key);
	if (rc == RC_OK)
		r->pages = header.frames;
	file_close(&file);
	return rc;
}

/* ---- what a store lacks ---- */

/* A full cut that continues an END before base?  What is wrong with it is said
 * when it is told. */
static bool
is_overtaken(const char *dir, const char *namespace, const struct key *key,
    uint64_t base)
{
	struct rec r = {0};
	char *path;
	bool is;

	if (key->start > 1 || key->end <= base || base == 0)
		return false;
	name_set(&r.name, namespace, key);
	r.text = path = name_path(dir, &r.name, PART_SEGMENT);
	msg_mute(true);
	is = read_facts(&r) == RC_OK && rules_base(key, r.pages) < base;
	msg_mute(false);
	free(path);
	return is;
}

size_t *
backlog_chain(const char *dir, const char *namespace,
    const struct keyset *local, uint64_t base, size_t *n, bool *overtaken)
{
	struct chain_segment *s = xcalloc(local->n + 1, sizeof(*s));
	uint32_t last = CHAIN_NONE;
	size_t *order;
	bool any = false;

	for (size_t i = 0; i < local->n; i++) {
		s[i].key = local->key[i];
		if (!is_overtaken(dir, namespace, &s[i].key, base))
			continue;
		s[i].key.start = UINT64_MAX; /* nothing leads there */
		any = true;
	}
	if (overtaken)
		*overtaken = any;
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
	enum rc rc = read_facts(&r);

	if (rc == RC_OK)
		rc = emit(arg, &r);
	free(path);
	return rc;
}
