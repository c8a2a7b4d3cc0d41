/*
 * mkseg: writes a segment for the tests.
 *
 *   mkseg DIR NAMESPACE START END TIME SIZE_AFTER FIRST COUNT [STEP [SEED
 *	[SUM]]]
 *
 * It holds COUNT pages from FIRST on, STEP apart, of contents that page number
 * and SEED determine.  Its id is SEED, or says that it is a database checksum,
 * SUM.  Its path is printed.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/segment.h"
#include "format/sum.h"
#include "segment/segwriter.h"

enum { PAGE = 4096 };

/* Instead of the C library's: what a test makes need not outlive the machine,
 * and there are tests that make thousands. */
int
fsync(int fd)
{
	(void)fd;
	return 0;
}

static uint64_t
number(char **argv, int argc, int i, uint64_t otherwise)
{
	return i < argc ? strtoull(argv[i], NULL, 10) : otherwise;
}

static void
fill(uint8_t page[PAGE], uint64_t page_no, uint64_t seed)
{
	uint64_t x = page_no * 0x9e3779b97f4a7c15 + seed;

	for (size_t i = 0; i < PAGE; i++) {
		x = x * 6364136223846793005 + 1442695040888963407;
		page[i] = (uint8_t)(x >> 56);
	}
}

int
main(int argc, char **argv)
{
	uint64_t first = number(argv, argc, 7, 1);
	uint64_t count = number(argv, argc, 8, 1);
	uint64_t step = number(argv, argc, 9, 1);
	uint64_t seed = number(argv, argc, 10, 1);
	struct name name = {.key = {.start = number(argv, argc, 3, 1),
				.end = number(argv, argc, 4, 1),
				.time = number(argv, argc, 5, 1)}};
	uint8_t page[PAGE], id[SEG_ID] = {0};
	struct segwriter *w = NULL;
	enum rc rc;
	char *path;

	msg_init(argv[0]);
	if (argc < 9 || strlen(argv[2]) > NAMESPACE_MAX)
		return msg_fail(RC_USAGE, "see its source");
	memcpy(name.namespace, argv[2], strlen(argv[2]) + 1);
	rc = segwriter_new(&w, argv[1], &name, PAGE, &(struct secrecy){0});
	for (uint64_t i = 0; rc == RC_OK && i < count; i++) {
		uint64_t page_no = first + i * step;
		uint64_t frame_no = name.key.start + i;

		if (frame_no > name.key.end)
			frame_no = name.key.end;
		fill(page, page_no, seed);
		rc = segwriter_add(w, (uint32_t)page_no, frame_no, page);
	}
	memcpy(id, &seed, sizeof(seed));
	if (argc > 11 && *argv[11])
		seg_sum_to_id(
		    &(struct seg_sum){.low = number(argv, argc, 11, 0)}, id);
	if (rc == RC_OK)
		rc =
		    segwriter_finish(w, (uint32_t)number(argv, argc, 6, 1), id);
	if (rc == RC_OK)
		rc = segwriter_commit(w, NULL);
	segwriter_free(w);
	if (rc)
		return rc;
	path = name_path(argv[1], &name, PART_SEGMENT);
	puts(path);
	free(path);
	return 0;
}
