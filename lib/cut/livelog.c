/* livelog: see livelog.h. */

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/sort.h"
#include "cut/livelog.h"

enum {
	PIECE = 512 << 10, /* of the log, read at once */
	INDEX_REGION = 32768,
	/* The wal-index begins with two copies of a header, in the machine's
	 * byte order. */
	INDEX_HEADER = 48,
	INDEX_COMMITS = 8, /* u32: SQLite calls it iChange */
	INDEX_INITIALISED = 12,
	INDEX_FRAME = 16, /* u32: the last commit's frame */
	INDEX_SUM = 24,   /* 2 u32: the running checksum there */
	INDEX_SALT = 32,  /* as it stands in the log */
	INDEX_TRIES = 1000,
	/* A region has the pages' numbers of so many frames, u32 each, and a
	 * hash table of them; the first one also two headers and what
	 * checkpoints and readers share. */
	INDEX_FRAMES = 4096,
	INDEX_FIRST = 136
};

static enum rc
read_fail(struct livelog *l, int err)
{
	return l->failed = msg_fail(
		   RC_SYSTEM, "%s-wal: %s", l->path, sqlite3_errstr(err));
}

/* Of what was looked for and is not there, or could not be read. */
static enum rc
absent(const struct livelog *l)
{
	return l->failed ? l->failed : RC_ABSENT;
}

void
livelog_release(struct livelog *l)
{
	free(l->piece);
	memset(l, 0, sizeof(*l));
}

/* ---- bytes ---- */

/* Up to len bytes; how many there were. */
static enum rc
read_up_to(struct livelog *l, void *p, size_t len, uint64_t at, size_t *have)
{
	sqlite3_int64 size;
	int err;

	*have = 0;
	if (l->failed)
		return l->failed;
	err = l->file->pMethods->xFileSize(l->file, &size);
	if (err)
		return read_fail(l, err);
	if ((uint64_t)size <= at)
		return RC_OK;
	if ((uint64_t)size - at < len)
		len = (size_t)((uint64_t)size - at);
	err = l->file->pMethods->xRead(l->file, p, (int)len, (sqlite3_int64)at);
	if (err == SQLITE_IOERR_SHORT_READ) /* truncated just now */
		return RC_OK;
	if (err)
		return read_fail(l, err);
	*have = len;
	return RC_OK;
}

static bool
read_header(struct livelog *l, struct wal *wal)
{
	uint8_t h[WAL_HEADER];
	size_t have;

	memset(wal, 0, sizeof(*wal));
	return l->file && read_up_to(l, h, sizeof(h), 0, &have) == RC_OK &&
	       have == sizeof(h) && wal_begin(wal, h);
}

/* Both copies of the wal-index's header, once they agree: else somebody is
 * writing it. */
static bool
index_header(struct livelog *l, uint8_t h[INDEX_HEADER])
{
	const sqlite3_io_methods *m = l->db->pMethods;
	volatile void *map = NULL;
	uint8_t both[2 * INDEX_HEADER];

	if (m->iVersion < 2 ||
	    m->xShmMap(l->db, 0, INDEX_REGION, 0, &map) != SQLITE_OK || !map)
		return false;
	for (int tries = 0; tries < INDEX_TRIES; tries++) {
		for (size_t i = 0; i < sizeof(both); i++) {
			if (i == INDEX_HEADER)
				m->xShmBarrier(l->db);
			both[i] = ((volatile uint8_t *)map)[i];
		}
		memcpy(h, both, INDEX_HEADER);
		if (memcmp(h, both + INDEX_HEADER, INDEX_HEADER) == 0)
			return h[INDEX_INITIALISED] != 0;
		nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
	}
	return false;
}

bool
livelog_indexed(struct livelog *l, struct livelog_index *index)
{
	struct wal_place *place = &index->place;
	uint8_t h[INDEX_HEADER];

	memset(index, 0, sizeof(*index));
	if (!l->file || !index_header(l, h))
		return false;
	memcpy(&index->commits, h + INDEX_COMMITS, sizeof(index->commits));
	memcpy(&place->frame, h + INDEX_FRAME, sizeof(place->frame));
	memcpy(place->sum, h + INDEX_SUM, sizeof(place->sum));
	memcpy(place->salt, h + INDEX_SALT, WAL_SALT);
	return true;
}

/* The page that the wal-index has for a frame; 0: none, or it is not to be
 * had. */
static uint32_t
index_entry(struct livelog *l, uint32_t frame)
{
	const sqlite3_io_methods *m = l->db->pMethods;
	uint32_t n = frame - 1 + INDEX_FIRST / 4;
	volatile void *map = NULL;

	if (m->iVersion < 2 ||
	    m->xShmMap(l->db, (int)(n / INDEX_FRAMES), INDEX_REGION, 0, &map) !=
		SQLITE_OK ||
	    !map)
		return 0;
	return ((volatile uint32_t *)map)[n % INDEX_FRAMES];
}

bool
livelog_shows_end(struct livelog *l, uint32_t frame)
{
	/* One that is there has not been begun anew, nor has the one behind
	 * it. */
	return index_entry(l, frame) != 0 && index_entry(l, frame + 1) == 0;
}

/* Whether the frame of *place is where it was. */
static bool
in_place(
    struct livelog *l, const struct wal *wal, const struct wal_place *place)
{
	uint8_t h[WAL_FRAME];
	size_t have;

	return place->frame > 0 && wal->page_size == l->page_size &&
	       read_up_to(l, h, sizeof(h), wal_offset(wal, place->frame),
		   &have) == RC_OK &&
	       have == sizeof(h) && wal_frame_is(place, h);
}

bool
livelog_holds(struct livelog *l, const struct wal_place *place)
{
	struct livelog_index now;
	struct wal wal;

	/* Restarted, and its header not yet written; or shortened by a crash.
	 */
	if (livelog_indexed(l, &now) &&
	    (now.place.frame < place->frame ||
		memcmp(now.place.salt, place->salt, WAL_SALT) != 0))
		return false;
	return read_header(l, &wal) &&
	       memcmp(wal.place.salt, place->salt, WAL_SALT) == 0 &&
	       in_place(l, &wal, place);
}

bool
livelog_goes_on(struct livelog *l, const struct livelog_index *scanned)
{
	static const uint8_t none[WAL_SALT];
	const struct wal_place *place = &scanned->place;
	uint8_t h[WAL_FRAME];
	struct wal wal;
	size_t have;

	/* The first generation has its salt in the log before the index has
	 * it; of another one than the index's is what is left of an older. */
	if (!read_header(l, &wal) ||
	    (memcmp(wal.place.salt, place->salt, WAL_SALT) != 0 &&
		memcmp(none, place->salt, WAL_SALT) != 0))
		return false;
	return read_up_to(l, h, sizeof(h), wal_offset(&wal, place->frame + 1),
		   &have) == RC_OK &&
	       have == sizeof(h) && wal_frame_follows(&wal, h);
}

/* ---- the scan ---- */

int
livelog_frame_cmp(const void *a, const void *b)
{
	const struct livelog_frame *x = a, *y = b;

	if (x->page != y->page)
		return x->page < y->page ? -1 : 1;
	return x->frame == y->frame ? 0 : x->frame > y->frame ? -1 : 1;
}

/* The frames behind wal.place up to limit, in pieces. */
struct scan {
	struct livelog *log;
	struct wal wal;
	uint32_t limit; /* a commit; UINT32_MAX: none is known */
	bool old;       /* names of pages are wanted, and too many do no harm */
	bool torn;      /* the file ends within a frame */
	struct sort *frames;
	struct livelog_end *end; /* the last commit so far */
	/* Without a limit, frames of a transaction whose commit has not come
	 * yet are kept back: they may never be committed. */
	struct buf open;
};

static enum rc
scan_commit(struct scan *s, uint32_t size)
{
	struct livelog_frame f;
	enum rc rc = RC_OK;

	for (size_t i = 0; i < s->open.len && rc == RC_OK; i += sizeof(f)) {
		memcpy(&f, s->open.data + i, sizeof(f));
		rc = sort_add(s->frames, &f);
	}
	buf_clear(&s->open);
	s->end->place = s->wal.place;
	s->end->size = size;
	s->end->read++;
	if (size < s->end->least)
		s->end->least = size;
	return rc;
}

static enum rc
scan_frame(struct scan *s, const struct wal_frame *w)
{
	struct livelog_frame f = {w->page, s->old ? 0 : s->wal.place.frame};
	enum rc rc = RC_OK;

	if (s->limit != UINT32_MAX || s->old)
		rc = sort_add(s->frames, &f);
	else
		buf_add(&s->open, &f, sizeof(f));
	if (rc == RC_OK && w->commit)
		rc = scan_commit(s, w->commit);
	return rc;
}

static enum rc
scan_frames(struct scan *s)
{
	size_t step = WAL_FRAME + s->wal.page_size, have, pos;
	size_t piece = PIECE / step * step;
	struct wal_frame f;
	enum rc rc;

	if (!s->log->piece)
		s->log->piece = xmalloc(PIECE);
	for (;;) {
		rc = read_up_to(s->log, s->log->piece, piece,
		    wal_offset(&s->wal, s->wal.place.frame + 1), &have);
		if (rc)
			return rc;
		for (pos = 0; have - pos >= step; pos += step) {
			if (s->wal.place.frame >= s->limit ||
			    !wal_take(&s->wal, s->log->piece + pos, &f))
				return RC_OK;
			rc = scan_frame(s, &f);
			if (rc)
				return rc;
		}
		if (have < piece) {
			s->torn = have > pos;
			s->end->at_end = true;
			return RC_OK;
		}
	}
}

/* The scan reached exactly what the wal-index promised, or the log was
 * restarted under it, or it is damaged. */
static enum rc
check_end(const struct scan *s, const struct wal_place *want)
{
	struct livelog_index now;

	if (wal_place_equal(&s->end->place, want))
		return RC_OK;
	if (livelog_indexed(s->log, &now) &&
	    memcmp(now.place.salt, want->salt, WAL_SALT) != 0)
		return RC_ABSENT;
	return msg_fail(RC_DATA,
	    "%s: its write-ahead log is damaged at frame %u", s->log->path,
	    s->wal.place.frame + 1);
}

enum rc
livelog_scan(struct livelog *l, const struct wal_place *from,
    struct sort *frames, struct livelog_end *end)
{
	struct scan s = {
	    .log = l, .limit = UINT32_MAX, .frames = frames, .end = end};
	const struct wal_place *want = &end->index.place;
	bool indexed;
	enum rc rc;

	*end = (struct livelog_end){.least = UINT32_MAX};
	if (!l->file)
		return RC_OK;
	indexed = livelog_indexed(l, &end->index);
	if (indexed && want->frame == 0)
		return RC_OK;
	if (!read_header(l, &s.wal)) {
		if (l->failed)
			return l->failed;
		return indexed ? check_end(&s, want) : RC_OK;
	}
	l->wal = s.wal;
	if (from)
		s.wal.place = *from;
	end->place = s.wal.place;
	if (indexed)
		s.limit = want->frame;
	if (s.wal.page_size != l->page_size)
		return msg_fail(RC_DATA,
		    "%s: its write-ahead log has another page size", l->path);
	rc = scan_frames(&s);
	if (rc == RC_OK && indexed)
		rc = check_end(&s, want);
	buf_release(&s.open);
	return rc;
}

enum rc
livelog_tail(struct livelog *l, const struct wal_place *from,
    struct sort *frames, struct livelog_end *end)
{
	struct scan s = {.log = l,
	    .limit = UINT32_MAX,
	    .old = true,
	    .frames = frames,
	    .end = end};
	enum rc rc;

	*end = (struct livelog_end){.place = *from, .least = UINT32_MAX};
	/* Page size and byte order do not change from one generation to the
	 * next; if they did, no frame would be in its place, or follow. */
	if (!read_header(l, &s.wal) || !in_place(l, &s.wal, from))
		return absent(l);
	s.wal.place = *from;
	rc = scan_frames(&s);
	if (rc)
		return rc;
	end->last = s.wal.place.frame;
	/* Frames are written in order: as long as this one has not been
	 * reached, none behind it has. */
	return s.torn || !in_place(l, &s.wal, from) ? absent(l) : RC_OK;
}

/* ---- after it ---- */

enum rc
livelog_page(struct livelog *l, uint32_t frame, void *p)
{
	int err = l->file->pMethods->xRead(l->file, p, (int)l->page_size,
	    (sqlite3_int64)wal_offset(&l->wal, frame) + WAL_FRAME);

	if (err == SQLITE_IOERR_SHORT_READ)
		return RC_ABSENT;
	return err ? read_fail(l, err) : RC_OK;
}

enum rc
livelog_still(struct livelog *l)
{
	struct wal now;

	return read_header(l, &now) &&
		       memcmp(now.place.salt, l->wal.place.salt, WAL_SALT) == 0
		   ? RC_OK
		   : absent(l);
}
