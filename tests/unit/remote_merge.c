/* remote_merge: that it asks the store for little more than what a merge needs. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "remote/remote_merge.h"
#include "segment/segwriter.h"
#include "tap.h"

enum { PAGES = 1000, SEGMENTS = 40, FRAME = SEG_FRAME + 4096 };

static char dir[] = "/tmp/segtools-lazy.XXXXXX";
static uint64_t state = 7;

static uint64_t
draw(uint64_t below)
{
	state = state * 6364136223846793005 + 1442695040888963407;
	return (state >> 33) % below;
}

/* What this process has read from files so far. */
static uint64_t
bytes_read(void)
{
	uint64_t n = 0;
	char line[64];
	FILE *f = fopen("/proc/self/io", "r");

	if (f && fgets(line, sizeof(line), f))
		n = strtoull(line + strlen("rchar: "), NULL, 10);
	if (f)
		fclose(f);
	return n;
}

static enum rc
put(struct store *store, const struct name *name, enum part part,
    uint64_t *index_bytes)
{
	char *path = name_path(dir, name, part);
	char *object = name_object("c", name, part);
	struct store_xfer x = {.verb = STORE_PUT, .object = object};
	uint64_t size = 0;
	enum rc rc = file_open(&x.file, path);

	if (rc == RC_OK)
		rc = file_size(x.file, &size);
	if (rc == RC_OK)
		rc = store_do(store, &x);
	if (part == PART_INDEX)
		*index_bytes += size;
	file_close(&x.file);
	free(path);
	free(object);
	return rc;
}

/* Pages by chance: percent of them, in runs of about so many. */
static enum rc
make_segment(struct store *store, struct name *name, unsigned percent,
    unsigned run, bool newest[PAGES + 1], uint64_t *bytes)
{
	static uint8_t page[4096];
	const uint8_t id[SEG_ID] = {0};
	struct segwriter *w = NULL;
	bool in = false;
	enum rc rc = segwriter_new(&w, dir, name, 4096, &(struct secrecy){0});

	for (uint32_t p = 1; rc == RC_OK && p <= PAGES; p++) {
		if (draw(run) == 0)
			in = draw(100) < percent;
		newest[p] = in || p == 1;
		if (newest[p])
			rc = segwriter_add(w, p, name->key.start, page);
	}
	if (rc == RC_OK)
		rc = segwriter_finish(w, PAGES, id);
	if (rc == RC_OK)
		rc = segwriter_commit(w, NULL);
	segwriter_free(w);
	if (rc == RC_OK)
		rc = put(store, name, PART_SEGMENT, bytes);
	return rc ? rc : put(store, name, PART_INDEX, bytes);
}

static enum rc
no_fallback(void *arg, const struct name *name)
{
	(void)arg;
	(void)name;
	return RC_DATA;
}

/* A history of its own namespace; what was read, in hundredths of the need. */
static uint64_t
ratio(struct store *store, unsigned percent, unsigned run, unsigned *needed)
{
	const struct remote_merge_opts o = {.store = store,
	    .cluster = "c",
	    .dir = dir,
	    .fetch_whole = no_fallback};
	static bool page[SEGMENTS][PAGES + 1];
	struct name name = {0};
	struct key key[SEGMENTS];
	struct seg_header header;
	uint64_t need = 0, all = 0, before, spooled;
	enum rc rc = RC_OK;

	snprintf(
	    name.namespace, sizeof(name.namespace), "n%u-%u", percent, run);
	for (unsigned i = 0; rc == RC_OK && i < SEGMENTS; i++) {
		key[i] = (struct key){.start = 1 + (uint64_t)i * PAGES,
		    .end = (uint64_t)(i + 1) * PAGES,
		    .time = i};
		name.key = key[i];
		rc = make_segment(
		    store, &name, i == 0 ? 100 : percent, run, page[i], &need);
		need += SEG_HEADER_MAX;
		for (unsigned p = 1; p <= PAGES; p++)
			all += page[i][p];
	}
	spooled = need - SEGMENTS * SEG_HEADER_MAX; /* read back from a file */
	before = bytes_read();
	if (rc == RC_OK)
		rc = remote_merge(&o, name.namespace, key, SEGMENTS, &header);
	if (rc)
		return UINT64_MAX;
	*needed = (unsigned)(100 * (uint64_t)header.frames / all);
	need += (uint64_t)header.frames * FRAME;
	return (bytes_read() - before - spooled) * 100 / need;
}

int
main(int argc, char **argv)
{
	static const struct {
		unsigned percent, run;
	} cases[] = {{50, 1}, {48, 5}, {50, 20}, {48, 200}};
	const struct store_opts opts = {
	    .parallel = 8, .retry_for = 1, .create = true};
	struct store *store = NULL;
	char *where, *command;
	uint64_t got;
	unsigned needed = 0;

	(void)argc;
	msg_init(argv[0]);
	if (!mkdtemp(dir))
		return 1;
	where = xasprintf("%s/store", dir);
	ok(store_open(&store, where, &opts) == RC_OK, "a store");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		got = ratio(store, cases[i].percent, cases[i].run, &needed);
		ok(got <= 110,
		    "%u %% of the frames needed, runs of %u: "
		    "%llu %% of what is needed was read",
		    needed, cases[i].run, (unsigned long long)got);
	}
	store_free(store);
	command = xasprintf("rm -rf %s", dir);
	/* NOLINTNEXTLINE(cert-env33-c): a directory of our own */
	ok(system(command) == 0, "cleaned up");
	free(command);
	free(where);
	return tap_done();
}
