/*
 * manyseg: makes many small segments of one namespace.
 *
 *   manyseg [-w] DIR NAMESPACE N
 *
 * DIR is a directory store, with -w a work directory.  The k-th segment has
 * frame k alone and holds page k % 100 + 1 of 512 bytes.  Their names, with -w
 * their paths, are printed, one a line.  Nothing is made durable: what a test
 * makes need not outlive the machine.
 */

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "format/checksum.h"
#include "format/fst_builder.h"
#include "format/index.h"
#include "format/segment.h"

enum { PAGE = 512, PAGES = 100 };

static const char *dir;
static bool work; /* -w */

static void
must(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(3);
}

static void
put(const struct name *name, enum part part, const struct buf *b)
{
	char *object = name_object("default", name, part);
	char *path =
	    work ? name_path(dir, name, part) : xasprintf("%s/%s", dir, object);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);

	must(fd >= 0 && write(fd, b->data, b->len) == (ssize_t)b->len, path);
	close(fd);
	if (part == PART_SEGMENT && work)
		puts(path);
	free(path);
	free(object);
}

static void
data_of(const struct key *key, uint32_t page_no, struct buf *b)
{
	const struct seg_header h = {
	    .layout = SEG_OLD,
	    .key = *key,
	    .frames = 1,
	    .size_after = UINT32_MAX,
	    .page_size = PAGE,
	};
	uint8_t *p;

	buf_clear(b);
	p = (uint8_t *)buf_reserve(b, seg_size(&h));
	seg_header_encode(&h, p);
	seg_frame_encode(p + SEG_HEADER, page_no, key->start);
	memset(p + SEG_HEADER + SEG_FRAME, (int)key->end, PAGE);
	b->len = seg_size(&h);
	put_le32(
	    p + b->len - SEG_FOOTER, checksum_crc32(0, p, b->len - SEG_FOOTER));
}

static enum rc
append(void *arg, const void *data, size_t len)
{
	buf_add(arg, data, len);
	return RC_OK;
}

static void
index_of(uint32_t page_no, struct buf *b)
{
	struct fst_builder *fst = fst_builder_new(append, b);
	uint8_t header[INDEX_HEADER] = {0};
	uint64_t len = 0;

	buf_clear(b);
	buf_add(b, header, sizeof(header));
	must(fst_builder_add(fst, page_no, 0) == RC_OK &&
		 fst_builder_finish(fst, &len) == RC_OK,
	    "index");
	index_header_encode(len, checksum_crc32(0, b->data + INDEX_HEADER, len),
	    (uint8_t *)b->data);
	fst_builder_free(fst);
}

static void
make_directories(const char *namespace)
{
	char *prefix = namespace_prefix("default", namespace);
	char *command =
	    work ? xasprintf("mkdir -p '%s/%s'", dir, namespace)
		 : xasprintf("cd '%s' && mkdir -p '%ssegments' '%sindexes'",
		       dir, prefix, prefix);

	/* NOLINTNEXTLINE(cert-env33-c): arguments of a test */
	must(system(command) == 0, command);
	free(command);
	free(prefix);
}

static void
make_all(struct name *name, unsigned long n)
{
	struct buf data = {0}, index[PAGES] = {{0}};
	char key[KEY_LEN + 1];

	for (uint32_t i = 0; i < PAGES; i++)
		index_of(i + 1, &index[i]);
	for (unsigned long k = 1; k <= n; k++) {
		name->key = (struct key){.start = k, .end = k, .time = k};
		data_of(&name->key, (uint32_t)(k % PAGES) + 1, &data);
		put(name, PART_SEGMENT, &data);
		put(name, PART_INDEX, &index[k % PAGES]);
		if (!work)
			printf("%s/%s\n", name->namespace,
			    key_text(&name->key, key));
	}
	for (uint32_t i = 0; i < PAGES; i++)
		buf_release(&index[i]);
	buf_release(&data);
}

int
main(int argc, char **argv)
{
	struct name name = {0};

	work = argc > 1 && strcmp(argv[1], "-w") == 0;
	argv += work;
	argc -= work;
	if (argc != 4 || strlen(argv[2]) > NAMESPACE_MAX)
		return 2;
	dir = argv[1];
	memcpy(name.namespace, argv[2], strlen(argv[2]) + 1);
	make_directories(argv[2]);
	make_all(&name, strtoul(argv[3], NULL, 10));
	return fflush(stdout) == 0 ? 0 : 3;
}
