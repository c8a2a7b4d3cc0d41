/*
 * statecat: the pages of states, without SQLite.
 *
 *   statecat STORE DIR CACHE [CACHE-DIR] <PLANS    each set's state, page for
 *                                 page, as DIR/NAMESPACE; CACHE bytes in memory
 *
 * Pages are asked for forwards, then a part of them from the last to the first,
 * then by leaps: each time the same bytes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "query/state.h"

struct job {
	struct state_opts o;
	const char *dir;
	char namespace[NAMESPACE_MAX + 1];
	struct keyset keys;
};

/* The pages from first on in steps (backwards if it is negative), against what
 * was written, or written. */
static enum rc
pass(struct state *s, struct file *f, int64_t first, int64_t step, bool check)
{
	size_t size = state_page_size(s);
	uint8_t *was = malloc(size);
	const uint8_t *bytes;
	enum rc rc = RC_OK;

	for (int64_t p = first;
	     rc == RC_OK && p >= 1 && p <= (int64_t)state_pages(s); p += step) {
		uint64_t at = (uint64_t)(p - 1) * size;

		rc = state_page(s, (uint32_t)p, &bytes);
		if (rc == RC_OK && !check)
			rc = file_write(f, bytes, size, at);
		if (rc == RC_OK && check)
			rc = file_read(f, was, size, at);
		if (rc == RC_OK && check && memcmp(was, bytes, size) != 0)
			rc = msg_fail(
			    RC_DATA, "page %lld is another now", (long long)p);
	}
	free(was);
	return rc;
}

static enum rc
write_state(struct job *j)
{
	char path[4096];
	struct state *s = NULL;
	struct file *f = NULL;
	enum rc rc = state_open(&s, &j->o, j->namespace, &j->keys);

	snprintf(path, sizeof(path), "%s/%s", j->dir, j->namespace);
	if (rc == RC_OK)
		rc = file_create(&f, path, FILE_REPLACE);
	if (rc == RC_OK)
		rc = pass(s, f, 1, 1, false);
	if (rc == RC_OK)
		rc = pass(s, f, state_pages(s), -1, true);
	if (rc == RC_OK)
		rc = pass(s, f, 1, 13, true);
	if (rc == RC_OK)
		rc = file_commit(&f);
	file_close(&f);
	state_close(s);
	keyset_release(&j->keys);
	return rc;
}

int
main(int argc, char **argv)
{
	const struct store_opts opts = {.parallel = 8};
	const char *cluster = getenv("SEG_CLUSTER");
	struct job j = {.dir = argv[2]};
	struct name name;
	char line[8192];
	enum rc rc;

	if (argc < 4)
		return 2;
	msg_init(argv[0]);
	j.o.cluster = cluster ? cluster : "default";
	j.o.cache = strtoull(argv[3], NULL, 10);
	rc = store_open(&j.o.store, argv[1], &opts);
	if (rc == RC_OK && argc > 4)
		rc = disk_cache_open(&j.o.disk, argv[4], 1 << 20);
	while (rc == RC_OK && fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\t\n")] = 0;
		if (*line == 0) {
			rc = write_state(&j);
		} else if (name_parse(&name, line)) {
			strcpy(j.namespace, name.namespace);
			keyset_add(&j.keys, &name.key);
		} else {
			rc = msg_fail(RC_DATA, "%s: no name", line);
		}
	}
	disk_cache_close(j.o.disk);
	store_free(j.o.store);
	return (int)rc;
}
