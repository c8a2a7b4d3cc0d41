/*
 * statevfs: see statevfs.h.
 *
 * The library knows no threads, programs that load it do: one at a time.  Nor may
 * they die of a service that closes a connection: SIGPIPE waits while we are in
 * here, and is forgotten.
 */

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "query/statevfs.h"

enum {
	COUNTER = 24,   /* in page 1: the change counter, 4 bytes big endian */
	PAGES = 28,     /* the size in pages */
	VERSIONS = 18,  /* of the format, for writing and reading: 2 is WAL */
	VALID_FOR = 92, /* the counter that PAGES is valid for */
	HEADER = 100
};

struct state_file {
	sqlite3_file file;
	struct state_source *source;
	int lock;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static sigset_t outside; /* what was blocked before; under the mutex */

static void
enter(void)
{
	sigset_t set, before;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &set, &before);
	pthread_mutex_lock(&mutex);
	outside = before;
}

/* Returns what was done in here. */
static int
leave(int result)
{
	static const struct timespec now;
	sigset_t set, before = outside;

	pthread_mutex_unlock(&mutex);
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	if (!sigismember(&before, SIGPIPE))
		while (sigtimedwait(&set, NULL, &now) > 0)
			;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return result;
}

static struct state_source *
source_of(sqlite3_file *file)
{
	return ((struct state_file *)file)->source;
}

static struct statevfs *
self(sqlite3_vfs *vfs)
{
	return vfs->pAppData;
}

/* ---- the contents ---- */

static void
put_be32(uint8_t *p, uint32_t v)
{
	for (int i = 3; i >= 0; i--, v >>= 8)
		p[i] = (uint8_t)v;
}

/*
 * Page 1 of a state that is followed.  In WAL mode the counter stands still:
 * that of a state is made from its END, so that SQLite forgets the pages of
 * another.  A WAL there is none.
 */
static void
patch_header(uint8_t *page, const struct state *s)
{
	uint32_t counter = (uint32_t)state_end(s);

	page[VERSIONS] = page[VERSIONS + 1] = 1;
	put_be32(page + COUNTER, counter);
	put_be32(page + PAGES, state_pages(s));
	put_be32(page + VALID_FOR, counter);
}

/* Part of a page. */
static enum rc
read_part(
    struct state_source *s, uint32_t page, size_t from, uint8_t *p, size_t n)
{
	uint8_t header[HEADER];
	const uint8_t *bytes;
	enum rc rc = state_page(s->state, page, &bytes);

	if (rc)
		return rc;
	memcpy(p, bytes + from, n);
	if (page == 1 && s->follows && from < HEADER) {
		memcpy(header, bytes, HEADER);
		patch_header(header, s->state);
		memcpy(p, header + from, n < HEADER - from ? n : HEADER - from);
	}
	return RC_OK;
}

static enum rc
read_bytes(struct state_source *s, uint8_t *p, size_t n, uint64_t at)
{
	uint32_t size = state_page_size(s->state);
	enum rc rc = RC_OK;

	for (size_t part; rc == RC_OK && n > 0; p += part, n -= part) {
		size_t from = (size_t)(at % size);

		part = size - from < n ? size - from : n;
		rc = read_part(s, (uint32_t)(at / size + 1), from, p, part);
		at += part;
	}
	return rc;
}

static uint64_t
length(const struct state_source *s)
{
	return (uint64_t)state_pages(s->state) * state_page_size(s->state);
}

static int
file_read_at(sqlite3_file *file, void *p, int n, sqlite3_int64 at)
{
	struct state_source *s = source_of(file);
	uint64_t from = (uint64_t)at, have, whole = (uint64_t)n;
	enum rc rc;

	enter();
	have = from < length(s) ? length(s) - from : 0;
	if (have > whole)
		have = whole;
	rc = read_bytes(s, p, (size_t)have, from);
	if (rc) {
		s->rc = rc_max(s->rc, rc);
		return leave(SQLITE_IOERR_READ);
	}
	memset((uint8_t *)p + have, 0, (size_t)(whole - have));
	return leave(have < whole ? SQLITE_IOERR_SHORT_READ : SQLITE_OK);
}

static int
file_length(sqlite3_file *file, sqlite3_int64 *size)
{
	enter();
	*size = (sqlite3_int64)length(source_of(file));
	return leave(SQLITE_OK);
}

/* ---- transactions ---- */

static int
file_lock(sqlite3_file *file, int level)
{
	struct state_file *f = (struct state_file *)file;
	struct state_source *s = f->source;
	enum rc rc = RC_OK;

	if (level > SQLITE_LOCK_SHARED)
		return SQLITE_READONLY;
	if (f->lock >= level)
		return SQLITE_OK;
	enter();
	if (s->follows)
		rc = s->refresh(s);
	if (rc) {
		s->rc = rc_max(s->rc, rc);
		return leave(SQLITE_IOERR_LOCK);
	}
	f->lock = level;
	return leave(SQLITE_OK);
}

static int
file_unlock(sqlite3_file *file, int level)
{
	((struct state_file *)file)->lock = level;
	return SQLITE_OK;
}

static int
file_is_reserved(sqlite3_file *file, int *reserved)
{
	(void)file;
	*reserved = 0;
	return SQLITE_OK;
}

static int
file_shut(sqlite3_file *file)
{
	struct state_source *s = source_of(file);

	enter();
	s->close(s);
	file->pMethods = NULL;
	return leave(SQLITE_OK);
}

/* ---- what there is none of ---- */

static int
refuse_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 at)
{
	(void)file;
	(void)p;
	(void)n;
	(void)at;
	return SQLITE_READONLY;
}

static int
refuse_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	(void)file;
	(void)size;
	return SQLITE_READONLY;
}

static int
nothing_to_sync(sqlite3_file *file, int flags)
{
	(void)file;
	(void)flags;
	return SQLITE_OK;
}

static int
no_control(sqlite3_file *file, int op, void *arg)
{
	(void)file;
	(void)op;
	(void)arg;
	return SQLITE_NOTFOUND;
}

static int
no_sectors(sqlite3_file *file)
{
	(void)file;
	return 0;
}

static int
characteristics(sqlite3_file *file)
{
	return source_of(file)->follows ? 0 : SQLITE_IOCAP_IMMUTABLE;
}

static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = file_shut,
    .xRead = file_read_at,
    .xWrite = refuse_write,
    .xTruncate = refuse_truncate,
    .xSync = nothing_to_sync,
    .xFileSize = file_length,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_is_reserved,
    .xFileControl = no_control,
    .xSectorSize = no_sectors,
    .xDeviceCharacteristics = characteristics,
};

/* ---- the VFS ---- */

static int
vfs_open(
    sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
	struct statevfs *v = self(vfs);
	struct state_file *f = (struct state_file *)file;
	enum rc rc;

	if (!(flags & SQLITE_OPEN_MAIN_DB))
		return v->base->xOpen(v->base, name, file, flags, out);
	*f = (struct state_file){0};
	enter();
	rc = v->open(v, name, &f->source);
	if (rc)
		return leave(SQLITE_CANTOPEN);
	f->file.pMethods = &methods;
	if (out)
		*out = SQLITE_OPEN_READONLY | SQLITE_OPEN_MAIN_DB;
	return leave(SQLITE_OK);
}

/* There is nothing beside a state: no journal, no WAL. */
static int
vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *result)
{
	(void)vfs;
	(void)name;
	(void)flags;
	*result = 0;
	return SQLITE_OK;
}

static int
vfs_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	struct statevfs *v = self(vfs);

	return v->base->xDelete(v->base, name, sync);
}

/* A name is no path. */
static int
vfs_full_name(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
	size_t len = strlen(name);

	(void)vfs;
	if (len >= (size_t)size)
		return SQLITE_CANTOPEN;
	memcpy(out, name, len + 1);
	return SQLITE_OK;
}

static int
vfs_randomness(sqlite3_vfs *vfs, int n, char *p)
{
	struct statevfs *v = self(vfs);

	return v->base->xRandomness(v->base, n, p);
}

static int
vfs_sleep(sqlite3_vfs *vfs, int microseconds)
{
	struct statevfs *v = self(vfs);

	return v->base->xSleep(v->base, microseconds);
}

static int
vfs_time(sqlite3_vfs *vfs, double *now)
{
	struct statevfs *v = self(vfs);

	return v->base->xCurrentTime(v->base, now);
}

static int
vfs_time64(sqlite3_vfs *vfs, sqlite3_int64 *now)
{
	struct statevfs *v = self(vfs);

	return v->base->xCurrentTimeInt64(v->base, now);
}

static int
vfs_error(sqlite3_vfs *vfs, int n, char *text)
{
	(void)vfs;
	if (n > 0)
		text[0] = 0;
	return 0;
}

static void *
vfs_load(sqlite3_vfs *vfs, const char *name)
{
	struct statevfs *v = self(vfs);

	return v->base->xDlOpen ? v->base->xDlOpen(v->base, name) : NULL;
}

static void
vfs_load_error(sqlite3_vfs *vfs, int n, char *text)
{
	struct statevfs *v = self(vfs);

	if (v->base->xDlError)
		v->base->xDlError(v->base, n, text);
}

static void (*vfs_symbol(sqlite3_vfs *vfs, void *lib, const char *name))(void)
{
	struct statevfs *v = self(vfs);

	return v->base->xDlSym(v->base, lib, name);
}

static void
vfs_unload(sqlite3_vfs *vfs, void *lib)
{
	struct statevfs *v = self(vfs);

	v->base->xDlClose(v->base, lib);
}

void
statevfs_init(struct statevfs *v, const char *name, sqlite3_vfs *base)
{
	int size = (int)sizeof(struct state_file);

	v->base = base;
	v->vfs = (sqlite3_vfs){
	    .iVersion = base->iVersion > 1 ? 2 : 1,
	    .szOsFile = base->szOsFile > size ? base->szOsFile : size,
	    .mxPathname = base->mxPathname,
	    .zName = name,
	    .pAppData = v,
	    .xOpen = vfs_open,
	    .xDelete = vfs_delete,
	    .xAccess = vfs_access,
	    .xFullPathname = vfs_full_name,
	    .xDlOpen = vfs_load,
	    .xDlError = vfs_load_error,
	    .xDlSym = vfs_symbol,
	    .xDlClose = vfs_unload,
	    .xRandomness = vfs_randomness,
	    .xSleep = vfs_sleep,
	    .xCurrentTime = vfs_time,
	    .xGetLastError = vfs_error,
	    .xCurrentTimeInt64 = vfs_time64,
	};
}
