/*
 * A live database's log, and its wal-index, that are anything at all, read through
 * the methods of a file of SQLite's.
 *
 *   input   8 bytes of what there is to be (enum below), 48 of the wal-index's
 *           header; then the log
 *
 * What is read is what a loop over the frames finds.
 */

#include <sqlite3.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/sort.h"
#include "cut/livelog.h"
#include "log.h"
#include "place.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	SAYS_RIGHT = 0, /* the log's checksums fit */
	SAYS_TRUE = 1,  /* the index says what the log has; 2: of a commit that
			 * is not the last */
	SAYS_NO_INDEX = 2,
	SAYS_FROM = 3,  /* the place that is remembered: behind that frame */
	SAYS_SHORT = 4, /* at that reading the file becomes shorter; 0: never */
	SAYS_HALF =
	    5, /* of one header of the index only the first is written */
	SAYS = 8,
	INDEX = 48, /* livelog.c: both copies of its header, and the regions */
	INDEX_FRAME = 16,
	INDEX_SUM = 24,
	INDEX_SALT = 32,
	INDEX_REGION = 32768
};

/* ---- the file ---- */

static struct {
	const uint8_t *p;
	size_t size;
	unsigned short_at, reads;
} file;
static bool no_index;
static unsigned until_written;
static uint8_t index_region[INDEX_REGION];

static int
my_size(sqlite3_file *f, sqlite3_int64 *size)
{
	(void)f;
	*size = (sqlite3_int64)file.size;
	return SQLITE_OK;
}

static int
my_read(sqlite3_file *f, void *p, int len, sqlite3_int64 at)
{
	size_t have;

	(void)f;
	if (++file.reads == file.short_at)
		file.size /= 2;
	have = (uint64_t)at < file.size ? file.size - (size_t)at : 0;
	if (have > (size_t)len)
		have = (size_t)len;
	if (have > 0)
		memcpy(p, file.p + at, have);
	memset((uint8_t *)p + have, 0, (size_t)len - have);
	return have < (size_t)len ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
}

static int
my_map(sqlite3_file *f, int region, int size, int extend, void volatile **map)
{
	(void)f;
	(void)size;
	(void)extend;
	if (no_index)
		return SQLITE_READONLY_CANTINIT;
	*map = region == 0 ? index_region : NULL;
	return SQLITE_OK;
}

static void
my_barrier(sqlite3_file *f)
{
	(void)f;
	if (until_written > 0 && --until_written == 0)
		memcpy(index_region + INDEX, index_region, INDEX);
}

static const sqlite3_io_methods methods = {.iVersion = 3,
    .xRead = my_read,
    .xFileSize = my_size,
    .xShmMap = my_map,
    .xShmBarrier = my_barrier};

/* ---- what is in the log ---- */

/* So many commits on, or to the last; how many frames that is. */
static uint32_t
truth(const uint8_t *p, size_t size, uint32_t commits, struct wal_place *end)
{
	struct wal_frame f;
	struct wal w;

	memset(end, 0, sizeof(*end));
	if (size < WAL_HEADER || !wal_begin(&w, p))
		return 0;
	*end = w.place;
	while (commits > 0) {
		uint64_t at = wal_offset(&w, w.place.frame + 1);

		if (at > size || size - at < WAL_FRAME + w.page_size ||
		    !wal_take(&w, p + at, &f))
			break;
		if (f.commit) {
			*end = w.place;
			commits--;
		}
	}
	return end->frame;
}

/* Behind that frame, whether it is a commit or not. */
static void
remembered(
    const uint8_t *p, size_t size, uint32_t frame, struct wal_place *place)
{
	struct wal_frame f;
	struct wal w;

	memset(place, 0, sizeof(*place));
	if (size < WAL_HEADER || !wal_begin(&w, p))
		return;
	while (w.place.frame < frame) {
		uint64_t at = wal_offset(&w, w.place.frame + 1);

		if (at > size || size - at < WAL_FRAME + w.page_size ||
		    !wal_take(&w, p + at, &f))
			break;
	}
	*place = w.place;
}

static void
index_says(const struct wal_place *place)
{
	index_region[12] = 1;
	memcpy(index_region + INDEX_FRAME, &place->frame, sizeof(uint32_t));
	memcpy(index_region + INDEX_SUM, place->sum, sizeof(place->sum));
	memcpy(index_region + INDEX_SALT, place->salt, WAL_SALT);
}

/* ---- what is read ---- */

/* Of the frames that are told, none is out of order or behind the end, and each
 * can be read. */
static uint32_t
told(struct livelog *l, struct sort *frames, uint32_t last)
{
	struct livelog_frame f, before = {0, UINT32_MAX};
	uint8_t *page = xmalloc(65536);
	uint32_t n = 0;

	for (; sort_next(frames, &f) == RC_OK; n++) {
		if (f.frame > last || livelog_frame_cmp(&before, &f) > 0)
			abort();
		if (f.frame > 0 && livelog_page(l, f.frame, page) != RC_OK &&
		    !file.short_at)
			abort();
		before = f;
	}
	free(page);
	return n;
}

static void
scan(struct livelog *l, const struct wal_place *from, uint32_t wanted)
{
	struct sort *frames =
	    sort_new(sizeof(struct livelog_frame), livelog_frame_cmp);
	struct livelog_end end;

	if (livelog_scan(l, from, frames, &end) == RC_OK) {
		uint32_t n = told(l, frames, end.place.frame);

		if (!from && !file.short_at && n != end.place.frame)
			abort();
		if (wanted != UINT32_MAX && n != wanted)
			abort();
		(void)livelog_goes_on(l, &end.index);
	} else if (wanted != UINT32_MAX) {
		abort();
	}
	(void)livelog_still(l);
	sort_free(frames);
}

static void
tail(struct livelog *l, const struct wal_place *from)
{
	struct sort *frames =
	    sort_new(sizeof(struct livelog_frame), livelog_frame_cmp);
	struct livelog_end end;

	(void)livelog_holds(l, from);
	if (livelog_tail(l, from, frames, &end) == RC_OK) {
		(void)told(l, frames, 0);
		(void)livelog_shows_end(l, end.last);
	}
	sort_free(frames);
}

static void
try(const uint8_t *says, const uint8_t *p, size_t size)
{
	sqlite3_file f = {.pMethods = &methods};
	struct livelog l = {
	    .path = "x", .db = &f, .file = &f, .page_size = LOG_PAGE};
	bool true_index = says[SAYS_TRUE] % 3 > 0;
	struct wal_place place, from;
	uint32_t n;

	file.p = p;
	file.size = size;
	file.reads = 0;
	file.short_at = says[SAYS_SHORT];
	no_index = says[SAYS_NO_INDEX] % 4 == 1;
	n = truth(p, size, says[SAYS_TRUE] % 3 == 2 ? 3 : UINT32_MAX, &place);
	if (true_index)
		index_says(&place);
	until_written = says[SAYS_HALF] % 4;
	if (until_written == 0)
		memcpy(index_region + INDEX, index_region, INDEX);
	remembered(p, size, says[SAYS_FROM], &from);
	if (says[SAYS_RIGHT] % 2 && true_index && !no_index && !file.short_at &&
	    says[SAYS_HALF] != 255)
		scan(&l, NULL, n);
	else
		scan(&l, NULL, UINT32_MAX);
	scan(&l, &from, UINT32_MAX);
	if (from.frame > 0)
		tail(&l, &from);
	livelog_release(&l);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *p;

	(void)place(); /* messages are hushed */
	if (size < SAYS + INDEX + WAL_HEADER)
		return 0;
	memset(index_region, 0, sizeof(index_region));
	memcpy(index_region, data + SAYS, INDEX);
	size -= SAYS + INDEX;
	p = xmalloc(size);
	memcpy(p, data + SAYS + INDEX, size);
	if (data[SAYS_RIGHT] % 2)
		log_put_right(p, size);
	try(data, p, size);
	free(p);
	return 0;
}
