/*
 * reindex: encodes an index object anew, wrong but for its checksums.
 *
 *   reindex IN OUT drop PAGE       without a page
 *   reindex IN OUT add PAGE        with one more, in the frame after the last
 *   reindex IN OUT move PAGE TO    with another page in its place
 *   reindex IN OUT shift           each page in the next one's frame
 *   reindex IN OUT swap PAGE PAGE  two of them in each other's frame
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "format/checksum.h"
#include "format/fst_builder.h"
#include "format/index.h"

enum { ENTRIES = 100000 };

static struct entry {
	uint32_t page;
	uint64_t position;
} entries[ENTRIES];
static size_t n;

static enum rc
read_index(const char *path)
{
	struct file *f = NULL;
	struct file_map map;
	struct fst fst;
	struct fst_iter it;
	enum rc rc = file_open_there(&f, path, "");

	if (rc == RC_OK)
		rc = file_map(&map, f, SIZE_MAX);
	if (rc == RC_OK)
		rc = index_open(&fst, path, map.data, map.len);
	if (rc)
		return rc;
	fst_iter_init(&it, &fst);
	while (n < ENTRIES - 1 && fst_iter_next(&it, &entries[n].page,
				      &entries[n].position) == RC_OK)
		n++;
	file_unmap(&map);
	file_close(&f);
	return RC_OK;
}

static struct entry *
find(uint32_t page)
{
	for (size_t i = 0; i < n; i++)
		if (entries[i].page == page)
			return &entries[i];
	exit(2);
}

static int
by_page(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->page < y->page ? -1 : x->page > y->page;
}

static void
edit(const char *verb, uint32_t page, uint32_t other)
{
	struct entry *e;
	uint64_t position;

	if (strcmp(verb, "drop") == 0) {
		*find(page) = entries[n - 1];
		n--;
	} else if (strcmp(verb, "add") == 0) {
		entries[n] = (struct entry){page, n};
		n++;
	} else if (strcmp(verb, "move") == 0) {
		find(page)->page = other;
	} else if (strcmp(verb, "shift") == 0) {
		for (size_t i = 0; i < n; i++)
			entries[i].position = (entries[i].position + 1) % n;
	} else if (strcmp(verb, "swap") == 0) {
		e = find(page);
		position = e->position;
		e->position = find(other)->position;
		find(other)->position = position;
	} else {
		exit(2);
	}
	qsort(entries, n, sizeof(*entries), by_page);
}

static enum rc
append(void *arg, const void *data, size_t len)
{
	buf_add(arg, data, len);
	return RC_OK;
}

static enum rc
write_index(const char *path)
{
	uint8_t header[INDEX_HEADER];
	struct buf fst = {0};
	struct fst_builder *b = fst_builder_new(append, &fst);
	FILE *f = fopen(path, "w");
	uint64_t len;
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < n; i++)
		rc = fst_builder_add(b, entries[i].page, entries[i].position);
	if (rc == RC_OK)
		rc = fst_builder_finish(b, &len);
	if (rc)
		return rc;
	index_header_encode(len, checksum_crc32(0, fst.data, fst.len), header);
	if (!f || fwrite(header, sizeof(header), 1, f) != 1 ||
	    fwrite(fst.data, fst.len, 1, f) != 1 || fclose(f) != 0)
		rc = msg_errno(path);
	fst_builder_free(b);
	buf_release(&fst);
	return rc;
}

int
main(int argc, char **argv)
{
	enum rc rc;

	msg_init(argv[0]);
	if (argc < 4)
		return 2;
	rc = read_index(argv[1]);
	if (rc)
		return rc;
	edit(argv[3], argc > 4 ? (uint32_t)atoi(argv[4]) : 0,
	    argc > 5 ? (uint32_t)atoi(argv[5]) : 0);
	return write_index(argv[2]);
}
