/*
 * A stream of pack.h, cut at every byte, and with every bit of it changed, as
 * unpack.h promises: never RC_OK, no set but those whose end had come, no file
 * that is not whole.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "pack/pack.h"
#include "pack/unpack.h"
#include "segment/segpair.h"
#include "segment/segwriter.h"
#include "tap.h"

enum { PAGE = 512, SETS = 2, BLOCK = 512 };

/* In memory, where it can be: there are thousands of files. */
static char dir[32] = "/dev/shm/unpack.XXXXXX";

/* Nothing here need outlive the machine. */
int
fsync(int fd)
{
	(void)fd;
	return 0;
}

/* Set i, one segment: frames i + 1 to i + 1. */
static struct name
name_of(unsigned i)
{
	struct name name = {.namespace = "caf\303\251",
	    .key = {.start = i + 1, .end = i + 1, .time = 1700000000000 + i}};

	return name;
}

static char *
path_of(const char *sub, unsigned i, enum part part)
{
	struct name name = name_of(i);
	char *d = xasprintf("%s/%s", dir, sub);
	char *path = name_path(d, &name, part);

	free(d);
	return path;
}

static void
make_dir(const char *sub)
{
	char *d = xasprintf("%s/%s", dir, sub);

	if (mkdir(d, 0777) != 0)
		abort();
	free(d);
}

static void
make_segment(unsigned i)
{
	struct name name = name_of(i);
	uint8_t page[PAGE], id[SEG_ID] = {1};
	char *d = xasprintf("%s/source", dir);
	struct segwriter *w;

	memset(page, (int)i + 1, sizeof(page));
	if (segwriter_new(&w, d, &name, PAGE, &(struct secrecy){0}) != RC_OK ||
	    segwriter_add(w, 1, i + 1, page) != RC_OK ||
	    segwriter_finish(w, 1, id) != RC_OK ||
	    segwriter_commit(w, NULL) != RC_OK)
		abort();
	segwriter_free(w);
	free(d);
}

/* The stream of all of them, each a set, in memory. */
static uint8_t *
make_stream(size_t *size)
{
	int fd = memfd_create("stream", 0), out = dup(STDOUT_FILENO);
	struct pack *p = pack_new(NULL, NULL);
	uint8_t *stream;

	fflush(stdout);
	dup2(fd, STDOUT_FILENO);
	for (unsigned i = 0; i < SETS; i++) {
		struct name name = name_of(i);
		struct seg_header header;
		char *path = path_of("source", i, PART_SEGMENT);

		if (pack_add(p, path, &name, &header) != RC_OK ||
		    pack_end_set(p, false) != RC_OK)
			abort();
		free(path);
	}
	if (pack_finish(p) != RC_OK)
		abort();
	pack_free(p);
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	close(out);
	*size = (size_t)lseek(fd, 0, SEEK_CUR);
	stream = xmalloc(*size);
	if (pread(fd, stream, *size, 0) != (ssize_t)*size)
		abort();
	close(fd);
	return stream;
}

/* What a run of unpack told. */
struct told {
	unsigned records, good, failed;
};

static enum rc
on_record(void *arg, const struct rec *rec)
{
	struct told *t = arg;

	(void)rec;
	t->records++;
	return RC_OK;
}

static enum rc
on_end(void *arg, bool failed)
{
	struct told *t = arg;

	if (failed)
		t->failed++;
	else
		t->good++;
	return RC_OK;
}

static enum rc
on_idle(void *arg)
{
	(void)arg;
	return RC_OK;
}

static enum rc
unpack(const void *stream, size_t size, struct told *told)
{
	char *d = xasprintf("%s/out", dir);
	struct unpack_opts o = {.dir = d,
	    .record = on_record,
	    .end = on_end,
	    .idle = on_idle,
	    .arg = told};
	enum rc rc;

	*told = (struct told){0};
	o.fd = memfd_create("part", 0);
	if (write(o.fd, stream, size) != (ssize_t)size ||
	    lseek(o.fd, 0, SEEK_SET) != 0)
		abort();
	rc = unpack_run(&o);
	close(o.fd);
	free(d);
	return rc;
}

/* Each segment that is there is whole, and they are n; then they go. */
static bool
whole_segments(unsigned n)
{
	unsigned there = 0;
	bool good = true;

	for (unsigned i = 0; i < SETS; i++) {
		char *seg = path_of("out", i, PART_SEGMENT);
		char *idx = path_of("out", i, PART_INDEX);
		struct file *s = NULL, *x = NULL;
		struct name name = name_of(i);

		if (file_open(&s, seg) == RC_OK) {
			there++;
			good =
			    good && file_open(&x, idx) == RC_OK &&
			    segpair_check(s, x, &name.key, NULL, NULL) == RC_OK;
		} else {
			good = good && file_open(&x, idx) == RC_ABSENT;
		}
		file_close(&s);
		file_close(&x);
		(void)unlink(seg);
		(void)unlink(idx);
		free(seg);
		free(idx);
	}
	return good && there == n;
}

/* Where the member that ends set i begins. */
static size_t
end_of_set(const uint8_t *stream, size_t size, unsigned i)
{
	for (size_t at = 0; at < size; at += BLOCK)
		if (strcmp((const char *)stream + at, SET_END) == 0 && i-- == 0)
			return at;
	abort();
}

static void
cut_everywhere(const uint8_t *stream, size_t size)
{
	size_t end[SETS], bad = 0, first = 0;
	struct told told;

	for (unsigned i = 0; i < SETS; i++)
		end[i] = end_of_set(stream, size, i);
	for (size_t n = 0; n < size; n++) {
		enum rc rc = unpack(stream, n, &told);
		/* A member of no data is whole with its header; a pair, with
		 * the padding of the second. */
		unsigned sets = 0, pairs = 0;

		for (unsigned i = 0; i < SETS; i++) {
			pairs += n >= end[i];
			sets += n >= end[i] + BLOCK;
		}

		if (rc == RC_DATA && told.good == sets && told.failed == 0 &&
		    told.records == pairs && whole_segments(pairs))
			continue;
		if (bad++ == 0)
			first = n;
	}
	ok(bad == 0, "cut at each of %zu bytes (bad: %zu, the first at %zu)",
	    size, bad, first);
	ok(unpack(stream, size, &told) == RC_OK && told.good == SETS &&
		told.records == SETS && whole_segments(SETS),
	    "not cut: all is there");
}

/*
 * A changed bit: in a place with a checksum the set fails or the stream ends;
 * elsewhere (padding, a namespace in a pax header) all is as it was, or under
 * another name.  Nothing that is written is ever less than whole.
 */
static void
change_everywhere(uint8_t *stream, size_t size)
{
	size_t wrong = 0, seen = 0;
	struct told told;

	for (size_t at = 0; at < size; at++) {
		uint8_t bit = (uint8_t)(1u << (at * 5 % 8));
		enum rc rc;

		stream[at] ^= bit;
		rc = unpack(stream, size, &told);
		stream[at] ^= bit;
		seen += rc != RC_OK;
		if (rc == RC_OK ? told.good != SETS : rc != RC_DATA)
			wrong++;
		else if (!whole_segments(told.records))
			wrong += rc != RC_OK;
	}
	ok(wrong == 0, "a bit of each byte changed: nothing that is not whole");
	ok(seen > size / 2, "most are seen: %zu of %zu", seen, size);
}

static void
clean_up(void)
{
	char *cmd = xasprintf("rm -rf '%s'", dir);

	if (system(cmd) != 0)
		perror(cmd);
	free(cmd);
}

int
main(void)
{
	uint8_t *stream;
	size_t size;

	if (!mkdtemp(dir) && !mkdtemp(strcpy(dir, "/tmp/unpack.XXXXXX")))
		return 2;
	make_dir("out");
	for (unsigned i = 0; i < SETS; i++)
		make_segment(i);
	stream = make_stream(&size);
	msg_verbosity(-2);
	cut_everywhere(stream, size);
	change_everywhere(stream, size);
	free(stream);
	clean_up();
	return tap_done();
}
