/*
 * walhistory: histories of a real SQLite database, in which each cut, merged
 * with all before it, is compared page for page with what a live connection
 * sees.
 *
 *   walhistory script <SCRIPT       run a script, one step a line
 *   walhistory seeds FIRST COUNT    random scripts; a seed gives the same again
 *   walhistory show SEED            print one
 *
 * Steps; A is a letter, a process of its own with a connection of its own:
 *
 *   A SQL...            run it; what it answers is part of the history
 *   A close             close the connection, as a program does that ends
 *   A die WHERE N       be killed in the N-th call of a kind from now on:
 *                       log (after a write to the log), half (a write to the
 *                       log is done by half), db (a write to the database),
 *                       index (between the two copies of the wal-index's
 *                       header, or another barrier), sync, truncate (of the
 *                       log)
 *   kill A | kill all   SIGKILL
 *   save                copy database and log
 *   back HOW            kill all and put the copy back: pair, into the same
 *                       files; over, that without shortening the log; file,
 *                       into the database's file alone; new, as new files; or
 *                       kill none, and replace, while it is open, the file of
 *                       the database (db) or of the log (log)
 *   power N             kill all; of what was not synced, some is lost; the
 *                       system starts anew
 *   boot [none]         the system says that it has started anew; or from here
 *                       on does not say which start it is
 *   day                 a day goes by
 *   harm PAGE           somebody writes into the database's file (of 1024
 *                       bytes a page)
 *   during N A SQL...   what A is to do in the next cut's N-th read of a file
 *   cut [WAY]           cut and compare; the WAY must be nothing, log, restart,
 *                       database, full or whole
 *   said TEXT           the last cut has said that
 *
 * It ends with a line of how many cuts went which way; the status is 1 if a
 * page differed or a way was another.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/boot.h"
#include "base/buf.h"
#include "base/file.h"
#include "cut/cut.h"
#include "cut/lastcut.h"
#include "segment/segstream.h"

/* ---- what the library and SQLite get from here ---- */

static uint8_t boot_number = 1;

void
boot_id(uint8_t id[BOOT_ID])
{
	memset(id, boot_number, BOOT_ID);
}

/* Thousands of cuts of files that nobody needs. */
int
fsync(int fd)
{
	(void)fd;
	return 0;
}

int
fdatasync(int fd)
{
	(void)fd;
	return 0;
}

static void
die(const char *what, const char *why)
{
	(void)fprintf(stderr, "walhistory: %s: %s\n", what, why);
	exit(2);
}

static uint32_t
below(uint64_t *state, uint32_t n)
{
	/* splitmix64 */
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (uint32_t)((z ^ z >> 31) % n);
}

/* ---- SQLite's files, with a fuse and a hook ---- */

enum where { NOWHERE, LOG, HALF, DB, INDEX, SYNC, TRUNCATE };
static const char *const places[] = {
    "", "log", "half", "db", "index", "sync", "truncate"};

static struct {
	enum where where;
	unsigned left;
} fuse;

static void (*on_read)(void); /* of the log or the database */
static bool shadowing;        /* keep what was synced, for the loss of power */
static uint64_t prng = 1;

struct shim {
	sqlite3_file base;
	char kind; /* d, w, or another file */
	char *path;
	sqlite3_file *real;
};

static sqlite3_vfs *unix_vfs, shim_vfs;

static bool
burn(enum where where)
{
	return fuse.where == where && fuse.left > 0 && --fuse.left == 0;
}

static void
burn_down(enum where where)
{
	if (burn(where))
		raise(SIGKILL);
}

#define REAL(f) (((struct shim *)(f))->real)
#define METHOD(f) REAL(f)->pMethods

static int
shim_close(sqlite3_file *f)
{
	int err = METHOD(f)->xClose(REAL(f));

	sqlite3_free(((struct shim *)f)->path);
	return err;
}

static int
shim_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
	int err = METHOD(f)->xRead(REAL(f), p, n, at);

	if (on_read && ((struct shim *)f)->kind)
		on_read();
	return err;
}

static int
shim_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	char kind = ((struct shim *)f)->kind;
	int err;

	if (kind == 'w' && burn(HALF)) {
		(void)METHOD(f)->xWrite(REAL(f), p, n / 2, at);
		raise(SIGKILL);
	}
	err = METHOD(f)->xWrite(REAL(f), p, n, at);
	if (kind)
		burn_down(kind == 'w' ? LOG : DB);
	return err;
}

static int
shim_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	int err = METHOD(f)->xTruncate(REAL(f), size);

	if (((struct shim *)f)->kind == 'w')
		burn_down(TRUNCATE);
	return err;
}

/* What a loss of power leaves at least. */
static void
shadow(sqlite3_file *f)
{
	char *name = sqlite3_mprintf("%s.synced", ((struct shim *)f)->path);
	sqlite3_int64 size = 0;
	char page[4096];
	FILE *out = fopen(name, "wb");

	(void)METHOD(f)->xFileSize(REAL(f), &size);
	for (sqlite3_int64 at = 0; out && at < size; at += 4096) {
		int n = size - at < 4096 ? (int)(size - at) : 4096;

		(void)METHOD(f)->xRead(REAL(f), page, n, at);
		(void)fwrite(page, 1, (size_t)n, out);
	}
	if (out)
		(void)fclose(out);
	sqlite3_free(name);
}

static int
shim_sync(sqlite3_file *f, int flags)
{
	burn_down(SYNC);
	if (shadowing && ((struct shim *)f)->kind)
		shadow(f);
	return METHOD(f)->xSync(REAL(f), flags);
}

static int
shim_size(sqlite3_file *f, sqlite3_int64 *size)
{
	return METHOD(f)->xFileSize(REAL(f), size);
}

static int
shim_lock(sqlite3_file *f, int level)
{
	return METHOD(f)->xLock(REAL(f), level);
}

static int
shim_unlock(sqlite3_file *f, int level)
{
	return METHOD(f)->xUnlock(REAL(f), level);
}

static int
shim_reserved(sqlite3_file *f, int *held)
{
	return METHOD(f)->xCheckReservedLock(REAL(f), held);
}

static int
shim_control(sqlite3_file *f, int op, void *arg)
{
	return METHOD(f)->xFileControl(REAL(f), op, arg);
}

static int
shim_sector(sqlite3_file *f)
{
	return METHOD(f)->xSectorSize(REAL(f));
}

static int
shim_device(sqlite3_file *f)
{
	return METHOD(f)->xDeviceCharacteristics(REAL(f));
}

static int
shim_shm_map(
    sqlite3_file *f, int region, int size, int extend, void volatile **p)
{
	return METHOD(f)->xShmMap(REAL(f), region, size, extend, p);
}

static int
shim_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
	return METHOD(f)->xShmLock(REAL(f), offset, n, flags);
}

static void
shim_shm_barrier(sqlite3_file *f)
{
	METHOD(f)->xShmBarrier(REAL(f));
	burn_down(INDEX);
}

static int
shim_shm_unmap(sqlite3_file *f, int delete)
{
	return METHOD(f)->xShmUnmap(REAL(f), delete);
}

static const sqlite3_io_methods shim_methods = {
    .iVersion = 2,
    .xClose = shim_close,
    .xRead = shim_read,
    .xWrite = shim_write,
    .xTruncate = shim_truncate,
    .xSync = shim_sync,
    .xFileSize = shim_size,
    .xLock = shim_lock,
    .xUnlock = shim_unlock,
    .xCheckReservedLock = shim_reserved,
    .xFileControl = shim_control,
    .xSectorSize = shim_sector,
    .xDeviceCharacteristics = shim_device,
    .xShmMap = shim_shm_map,
    .xShmLock = shim_shm_lock,
    .xShmBarrier = shim_shm_barrier,
    .xShmUnmap = shim_shm_unmap,
};

static int
shim_open(
    sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out)
{
	struct shim *s = (struct shim *)f;
	int err;

	(void)v;
	memset(s, 0, sizeof(*s));
	s->real = (sqlite3_file *)(s + 1);
	err = unix_vfs->xOpen(unix_vfs, name, s->real, flags, out);
	if (err)
		return err;
	s->base.pMethods = &shim_methods;
	s->kind = flags & SQLITE_OPEN_MAIN_DB ? 'd'
		  : flags & SQLITE_OPEN_WAL   ? 'w'
					      : '\0';
	s->path = sqlite3_mprintf("%s", name ? name : "");
	return SQLITE_OK;
}

static int
shim_delete(sqlite3_vfs *v, const char *name, int sync)
{
	char *synced = sqlite3_mprintf("%s.synced", name);

	(void)v;
	(void)unlink(synced);
	sqlite3_free(synced);
	return unix_vfs->xDelete(unix_vfs, name, sync);
}

/* Salts and randomblob() repeat with the seed. */
static int
shim_random(sqlite3_vfs *v, int n, char *p)
{
	(void)v;
	for (int i = 0; i < n; i++)
		p[i] = (char)below(&prng, 256);
	return n;
}

static void
shim_install(void)
{
	sqlite3_initialize();
	unix_vfs = sqlite3_vfs_find("unix");
	shim_vfs = *unix_vfs;
	/* Found in its place, by that name too. */
	shim_vfs.zName = "unix";
	shim_vfs.szOsFile += (int)sizeof(struct shim);
	shim_vfs.xOpen = shim_open;
	shim_vfs.xDelete = shim_delete;
	shim_vfs.xRandomness = shim_random;
	sqlite3_vfs_register(&shim_vfs, 1);
}

/* ---- processes with a connection ---- */

enum { ACTORS = 4, STEP_MAX = 1000 };

struct actor {
	pid_t pid; /* 0: none */
	int to, from;
};

static struct actor actors[ACTORS];
static unsigned spawned;

static int
act(sqlite3 **db, const char *step)
{
	char where[20];
	unsigned n;
	int err = SQLITE_OK;

	if (sscanf(step, "die %19s %u", where, &n) == 2) {
		for (size_t i = 1; i < sizeof(places) / sizeof(*places); i++)
			if (strcmp(where, places[i]) == 0)
				fuse.where = (enum where)i;
		fuse.left = n;
		return 0;
	}
	if (strcmp(step, "close") == 0) {
		err = sqlite3_close(*db);
		if (err == SQLITE_OK)
			*db = NULL;
		return err;
	}
	if (!*db)
		err = sqlite3_open("db", db);
	return err ? err : sqlite3_exec(*db, step, NULL, NULL, NULL);
}

static void
actor_run(int in, int out)
{
	char step[STEP_MAX];
	sqlite3 *db = NULL;
	int err;

	prng = prng * 31 + ++spawned;
	sqlite3_randomness(0, NULL); /* seeded anew, by the shim */
	while (read(in, step, sizeof(step)) == sizeof(step)) {
		err = act(&db, step);
		if (write(out, &err, sizeof(err)) != sizeof(err))
			break;
	}
	_exit(0); /* without closing: as killed */
}

static void
actor_spawn(struct actor *a)
{
	int to[2], from[2];

	if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0)
		die("pipe", strerror(errno));
	spawned++;
	a->pid = fork();
	if (a->pid < 0)
		die("fork", strerror(errno));
	if (a->pid == 0) {
		for (int i = 0; i < ACTORS; i++)
			if (&actors[i] != a && actors[i].pid) {
				close(actors[i].to);
				close(actors[i].from);
			}
		close(to[1]);
		close(from[0]);
		on_read = NULL;
		actor_run(to[0], from[1]);
	}
	close(to[0]);
	close(from[1]);
	a->to = to[1];
	a->from = from[0];
}

static void
actor_kill(struct actor *a)
{
	if (!a->pid)
		return;
	kill(a->pid, SIGKILL);
	waitpid(a->pid, NULL, 0);
	close(a->to);
	close(a->from);
	a->pid = 0;
}

static void
kill_all(void)
{
	for (int i = 0; i < ACTORS; i++)
		actor_kill(&actors[i]);
}

/* -1: it was killed. */
static int
actor_do(struct actor *a, const char *step)
{
	char text[STEP_MAX] = "";
	int err = -1;

	snprintf(text, sizeof(text), "%s", step);
	if (write(a->to, text, sizeof(text)) != sizeof(text) ||
	    read(a->from, &err, sizeof(err)) != sizeof(err)) {
		actor_kill(a);
		return -1;
	}
	return err;
}

/* ---- files beside SQLite ---- */

/* Only while no connection of this process is open. */
static void
copy(const char *from, const char *to, int flags)
{
	char buf[65536];
	int in = open(from, O_RDONLY | O_CLOEXEC), out;
	ssize_t n;

	if (in < 0) {
		if (flags & O_TRUNC)
			(void)unlink(to);
		return;
	}
	out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, (size_t)n) != n)
			die(to, "cannot be written");
	close(in);
	close(out);
}

static void
replace(const char *with, const char *path)
{
	copy(with, "new", O_TRUNC);
	if (rename("new", path) != 0)
		(void)unlink(path);
}

static void
put_back(const char *how)
{
	if (access("saved", F_OK) != 0)
		return;
	if (strcmp(how, "db") == 0) {
		replace("saved", "db");
		return;
	}
	if (strcmp(how, "log") == 0) {
		replace("saved-wal", "db-wal");
		return;
	}
	kill_all();
	if (strcmp(how, "new") == 0) {
		replace("saved", "db");
		replace("saved-wal", "db-wal");
		(void)unlink("db-shm");
		return;
	}
	copy("saved", "db", O_TRUNC);
	if (strcmp(how, "pair") == 0)
		copy("saved-wal", "db-wal", O_TRUNC);
	if (strcmp(how, "over") == 0)
		copy("saved-wal", "db-wal", 0);
}

/* Of each 512 bytes that were not synced, what is there or what was. */
static void
lose(const char *path, uint64_t *rng)
{
	char *synced = xasprintf("%s.synced", path), then[512], now[512];
	int f = open(path, O_RDWR | O_CLOEXEC);
	int s = open(synced, O_RDONLY | O_CLOEXEC);
	struct stat st, ss = {0};
	unsigned of = 1 + below(rng, 8);

	if (f >= 0 && fstat(f, &st) == 0) {
		if (s >= 0)
			(void)fstat(s, &ss);
		if (below(rng, 3) == 0 && ftruncate(f, ss.st_size) == 0)
			st.st_size = ss.st_size;
		for (off_t at = 0; at < st.st_size; at += 512) {
			ssize_t n = pread(f, now, 512, at);

			memset(then, 0, sizeof(then));
			if (s >= 0)
				(void)!pread(s, then, 512, at);
			if (n > 0 && memcmp(now, then, (size_t)n) != 0 &&
			    below(rng, of) == 0)
				(void)!pwrite(f, then, (size_t)n, at);
		}
	}
	if (f >= 0)
		close(f);
	if (s >= 0)
		close(s);
	free(synced);
}

static void
lose_power(uint64_t seed)
{
	kill_all();
	lose("db", &seed);
	lose("db-wal", &seed);
	copy("db", "db.synced", O_TRUNC);
	copy("db-wal", "db-wal.synced", O_TRUNC);
	boot_number++;
}

/* ---- cuts ---- */

struct image {
	uint8_t *data;
	size_t size;
};

enum way { NOTHING, OF_LOG, RESTART, DATABASE, FULL, WHOLE, FAILED, WAYS };
static const char *const way_names[] = {
    "nothing", "log", "restart", "database", "full", "whole", "failed"};

enum { VIEWS = 8 };

struct history {
	struct image cuts; /* all of them merged */
	struct image views[VIEWS];
	unsigned n_views;
	uint64_t rng;
	unsigned ways[WAYS];
	unsigned misses, others;
	char said[2000]; /* by the last cut */
	/* Page 1 may be of another time than the log, and say another size
	 * than it: which of the two is right, nobody can tell. */
	bool mixed;

	struct {
		unsigned at;
		int actor;
		char step[STEP_MAX];
	} during[VIEWS - 1];
	unsigned n_during, reads;
};

static struct history *the; /* for the hook */

static sqlite3 *
view_open(void)
{
	sqlite3 *db;
	int on = 1;

	if (sqlite3_open_v2("db", &db, SQLITE_OPEN_READWRITE, NULL) !=
	    SQLITE_OK) {
		sqlite3_close(db);
		return NULL;
	}
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_file_control(db, "main", SQLITE_FCNTL_PERSIST_WAL, &on);
	return db;
}

/* Within a read transaction, which stays open. */
static void
view_take(struct history *h, sqlite3 *db)
{
	sqlite3_int64 size = 0;

	if (!db || h->n_views == VIEWS ||
	    sqlite3_exec(db, "BEGIN; PRAGMA schema_version", NULL, NULL,
		NULL) != SQLITE_OK)
		return;
	h->views[h->n_views].data = sqlite3_serialize(db, "main", &size, 0);
	h->views[h->n_views].size = (size_t)size;
	h->n_views += h->views[h->n_views].data != NULL;
}

static void
views_drop(struct history *h)
{
	while (h->n_views > 0)
		sqlite3_free(h->views[--h->n_views].data);
}

/* In a read of the cut: what another process does just then. */
static void
hook(void)
{
	struct history *h = the;
	sqlite3 *db;

	h->reads++;
	for (unsigned i = 0; i < h->n_during; i++) {
		if (h->during[i].at != h->reads ||
		    !actors[h->during[i].actor].pid)
			continue;
		on_read = NULL;
		(void)actor_do(&actors[h->during[i].actor], h->during[i].step);
		db = view_open();
		view_take(h, db);
		sqlite3_close(db);
		on_read = hook;
	}
}

struct reading {
	struct history *h;
	FILE *f;
	uint32_t page_size;
	bool full;
};

static enum rc
on_page(void *arg, uint32_t page, uint32_t position)
{
	struct reading *r = arg;
	struct image *i = &r->h->cuts;
	size_t ps = r->page_size, end = page * ps;

	if (i->size < end) {
		i->data = xreallocarray(i->data, end, 1);
		memset(i->data + i->size, 0, end - i->size);
		i->size = end;
	}
	if (fseek(r->f,
		(long)(SEG_HEADER + position * (SEG_FRAME + ps) + SEG_FRAME),
		SEEK_SET) != 0 ||
	    fread(i->data + end - ps, 1, ps, r->f) != ps)
		die("segment", "cannot be read");
	return RC_OK;
}

/* A new segment: into the merged cuts; then nobody needs it. */
static enum rc
on_segment(void *arg, const struct rec *rec)
{
	struct reading r = {.h = arg, .f = fopen(rec->text, "rb")};
	uint8_t h[SEG_HEADER];
	struct seg_header header;
	struct file *file;
	char *idx;
	struct stat st;

	if (!r.f || fread(h, 1, sizeof(h), r.f) != sizeof(h) ||
	    fstat(fileno(r.f), &st) != 0 || file_open(&file, rec->text))
		die(rec->text, "cannot be read");
	if (seg_header_parse(&header, rec->text, h, sizeof(h),
		(uint64_t)st.st_size, &rec->name.key))
		exit(2);
	r.page_size = header.page_size;
	if (header.key.start == 1)
		r.h->cuts.size = 0;
	if (segstream_each_page(file, &rec->name.key, on_page, &r, &header))
		exit(2);
	r.h->cuts.size = (size_t)header.size_after * header.page_size;
	(void)fclose(r.f);
	file_close(&file);
	idx = xasprintf("%.*s.idx", (int)(strlen(rec->text) - 4), rec->text);
	(void)unlink(idx);
	(void)unlink(rec->text);
	free(idx);
	return RC_OK;
}

/* What the cut said on stderr, which is a file. */
static enum way
way_taken(enum rc rc, char *said, size_t size)
{
	ssize_t n = pread(STDERR_FILENO, said, size - 1, 0);

	said[n > 0 ? n : 0] = '\0';
	if (strstr(said, "a full cut"))
		return rc ? FAILED : FULL;
	if (rc)
		return FAILED;
	if (strstr(said, "a whole comparison"))
		return WHOLE;
	if (strstr(said, "reading the database"))
		return DATABASE;
	if (strstr(said, "restarted log"))
		return RESTART;
	return strstr(said, "log's new part") ? OF_LOG : NOTHING;
}

/* The size that a reader of the file believes in. */
static size_t
size_in_header(const struct image *i)
{
	const uint8_t *d = i->data;
	size_t ps = (size_t)d[16] << 8 | d[17];

	return ps * ((size_t)d[28] << 24 | (size_t)d[29] << 16 |
			(size_t)d[30] << 8 | d[31]);
}

static bool
same(const struct history *h)
{
	const struct image *c = &h->cuts, *v;

	for (unsigned i = 0; i < h->n_views; i++) {
		v = &h->views[i];
		if ((v->size == c->size || (h->mixed && v->size < c->size &&
					       v->size == size_in_header(c))) &&
		    memcmp(v->data, c->data, v->size) == 0)
			return true;
	}
	return h->n_views == 0;
}

static void
cut(struct history *h, const char *wanted)
{
	struct cut_opts o = {.dir = "work",
	    .namespace = "n",
	    .path = "db",
	    .emit = on_segment,
	    .arg = h};
	bool first = h->n_during > 0 || below(&h->rng, 2);
	sqlite3 *view = NULL;
	enum way way;
	enum rc rc;

	if (first) {
		view = view_open();
		view_take(h, view);
		if (h->n_during > 0) {
			/* It would hold up who is to do something. */
			sqlite3_close(view);
			view = NULL;
		}
	}
	(void)!ftruncate(STDERR_FILENO, 0);
	h->reads = 0;
	on_read = h->n_during > 0 ? hook : NULL;
	rc = cut_run(&o, NULL);
	on_read = NULL;
	way = way_taken(rc, h->said, sizeof(h->said));
	if (!first) {
		view = view_open();
		view_take(h, view);
	}
	h->ways[way]++;
	if (way != FAILED && !same(h)) {
		h->misses++;
		printf("a page differs, by the way %s\n%s", way_names[way],
		    h->said);
	}
	if (*wanted && strcmp(wanted, way_names[way]) != 0) {
		h->others++;
		printf("the way was %s, not %s\n%s", way_names[way], wanted,
		    h->said);
	}
	sqlite3_close(view);
	views_drop(h);
	h->n_during = 0;
}

/* What the memory says was long ago. */
static void
a_day(void)
{
	struct lastcut *m;
	struct lastcut_facts f;

	if (lastcut_open(&m, "work/n", 0, &(struct secrecy){0}, NULL))
		exit(2);
	f = *lastcut_facts(m);
	f.compared -= 24 * 3600 * 1000;
	if (lastcut_begin(m, false) || lastcut_next(m, &f, false) ||
	    lastcut_settle(m, true))
		exit(2);
	lastcut_free(m);
}

static void
harm(unsigned page, unsigned page_size)
{
	int f = open("db", O_WRONLY | O_CLOEXEC);

	if (pwrite(f, "harm", 4, (off_t)page * page_size - 4) != 4)
		die("db", "cannot be harmed");
	close(f);
}

/* ---- scripts ---- */

static void
step(struct history *h, const char *line)
{
	char word[20], letter;
	int at = 0;
	unsigned n;

	if (sscanf(line, "during %u %c %n", &n, &letter, &at) == 2 && at) {
		if (h->n_during < VIEWS - 1) {
			h->during[h->n_during].at = n;
			h->during[h->n_during].actor = letter - 'a';
			snprintf(h->during[h->n_during++].step, STEP_MAX, "%s",
			    line + at);
		}
	} else if (line[0] >= 'a' && line[0] < 'a' + ACTORS && line[1] == ' ') {
		if (!actors[line[0] - 'a'].pid)
			actor_spawn(&actors[line[0] - 'a']);
		(void)actor_do(&actors[line[0] - 'a'], line + 2);
	} else if (sscanf(line, "kill %19s", word) == 1) {
		if (strcmp(word, "all") == 0)
			kill_all();
		else
			actor_kill(&actors[word[0] - 'a']);
	} else if (strcmp(line, "save") == 0) {
		copy("db", "saved", O_TRUNC);
		copy("db-wal", "saved-wal", O_TRUNC);
	} else if (sscanf(line, "back %19s", word) == 1) {
		put_back(word);
		h->mixed |= strcmp(word, "file") == 0;
	} else if (sscanf(line, "power %u", &n) == 1) {
		lose_power(n);
		h->mixed = true;
	} else if (strcmp(line, "boot") == 0) {
		boot_number++;
	} else if (strcmp(line, "boot none") == 0) {
		boot_number = 0;
	} else if (strcmp(line, "day") == 0) {
		a_day();
	} else if (sscanf(line, "harm %u", &n) == 1) {
		harm(n, 1024);
	} else if (strncmp(line, "said ", 5) == 0) {
		if (!strstr(h->said, line + 5)) {
			h->others++;
			printf("it did not say: %s\n%s", line + 5, h->said);
		}
	} else if (strncmp(line, "cut", 3) == 0) {
		cut(h, line[3] ? line + 4 : "");
	} else if (*line && *line != '#') {
		die(line, "no such step");
	}
}

static void
history_run(struct history *h, FILE *script)
{
	char line[STEP_MAX];

	the = h;
	spawned = 0;
	boot_number = 1;
	h->mixed = false;
	while (fgets(line, sizeof(line), script)) {
		char *p = line + strspn(line, "\t ");

		p[strcspn(p, "\n")] = '\0';
		step(h, p);
	}
	kill_all();
	free(h->cuts.data);
	h->cuts = (struct image){0};
}

/* ---- random scripts ---- */

struct gen {
	FILE *f;
	uint64_t rng;
	uint32_t page_size;
	unsigned actors;
	bool crashes, powers, copies, limits, modes;
};

static unsigned
g(struct gen *s, unsigned n)
{
	return below(&s->rng, n);
}

static void
gen_change(struct gen *s, char a)
{
	FILE *f = s->f;

	switch (g(s, 14)) {
	case 0:
		fprintf(f, "%c DELETE FROM t WHERE id %% 3 = %u\n", a, g(s, 3));
		break;
	case 1:
		fprintf(f, "%c DELETE FROM t WHERE id > %u\n", a, g(s, 60));
		break;
	case 2:
		fprintf(f, "%c VACUUM\n", a);
		break;
	case 3:
		fprintf(
		    f, "%c PRAGMA incremental_vacuum(%u)\n", a, 1 + g(s, 20));
		break;
	case 4: /* spills, then is rolled back or not */
		fprintf(f,
		    "%c BEGIN IMMEDIATE; UPDATE t SET v = randomblob(%u); %s\n",
		    a, 100 + g(s, 900), g(s, 3) ? "ROLLBACK" : "COMMIT");
		break;
	case 5: /* shrinks and is back */
		fprintf(f,
		    "%c BEGIN IMMEDIATE; DELETE FROM t WHERE id > %u; "
		    "PRAGMA incremental_vacuum; COMMIT\n",
		    a, g(s, 40));
		/* fall through */
	case 6:
	case 7:
		fprintf(f,
		    "%c WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT "
		    "i + 1 FROM n WHERE i < %u) INSERT INTO t(v) SELECT "
		    "randomblob(%u) FROM n\n",
		    a, 1 + g(s, 30), 10 + g(s, s->page_size));
		break;
	default:
		fprintf(f,
		    "%c UPDATE t SET v = randomblob(length(v)) "
		    "WHERE id %% %u = %u\n",
		    a, 5 + g(s, 40), g(s, 5));
	}
}

static void
gen_checkpoint(struct gen *s, char a)
{
	static const char *const modes[] = {"PASSIVE", "PASSIVE", "FULL",
	    "FULL", "RESTART", "RESTART", "TRUNCATE"};

	fprintf(s->f, "%c PRAGMA wal_checkpoint(%s)\n", a, modes[g(s, 7)]);
}

/* On a frame's border, most of the time. */
static void
gen_limit(struct gen *s, char a)
{
	unsigned frame = s->page_size + 24, n = 1 + g(s, 50);

	switch (g(s, 5)) {
	case 0:
		fprintf(s->f, "%c PRAGMA journal_size_limit = -1\n", a);
		break;
	case 1:
		fprintf(s->f, "%c PRAGMA journal_size_limit = %u\n", a,
		    g(s, 100000));
		break;
	default:
		fprintf(s->f, "%c PRAGMA journal_size_limit = %u\n", a,
		    32 + n * frame);
	}
}

static void
gen_open(struct gen *s, char a)
{
	static const char *const syncs[] = {"off", "normal", "full"};
	static const unsigned auto_checkpoint[] = {0, 0, 10, 40};

	fprintf(s->f,
	    "%c PRAGMA synchronous = %s; PRAGMA cache_size = %u; "
	    "PRAGMA wal_autocheckpoint = %u\n",
	    a, syncs[g(s, 3)], g(s, 3) ? 5U : 100U, auto_checkpoint[g(s, 4)]);
	if (s->limits && g(s, 2))
		gen_limit(s, a);
}

static void
gen_crash(struct gen *s, char a)
{
	unsigned kind = 1 + g(s, 6);

	if (g(s, 4) == 0) {
		fprintf(s->f, "kill all\n");
		return;
	}
	if (g(s, 3) == 0) {
		fprintf(s->f, "kill %c\n", a);
		return;
	}
	fprintf(s->f, "%c die %s %u\n", a, places[kind], 1 + g(s, 12));
	gen_change(s, a);
	if (kind == DB || kind == SYNC || g(s, 3) == 0)
		gen_checkpoint(s, a);
}

/* The database alone, under its log: what a cut makes of that within one
 * generation is not the point, so the log is restarted at once. */
static void
gen_back(struct gen *s, char a)
{
	static const char *const how[] = {"pair", "over", "file", "new"};
	const char *h = how[g(s, 4)];

	fprintf(s->f, "back %s\n", h);
	gen_open(s, a);
	if (strcmp(h, "file") == 0) {
		for (unsigned i = g(s, 4); i > 0; i--)
			gen_change(s, a);
		fprintf(s->f, "%c PRAGMA wal_checkpoint(RESTART)\n", a);
		gen_change(s, a);
	}
}

static void
gen_rare(struct gen *s, char a)
{
	static const char *const modes[] = {"delete", "truncate", "persist"};

	switch (g(s, 8)) {
	case 0:
		fprintf(s->f, "%c close\n", a);
		break;
	case 1:
		if (s->limits)
			gen_limit(s, a);
		break;
	case 2:
		fprintf(s->f, "%c BEGIN; SELECT count(*) FROM t\n", a);
		break;
	case 3:
		fprintf(s->f, "%c BEGIN IMMEDIATE\n", a);
		break;
	case 4:
		if (s->copies)
			fprintf(s->f, "save\n");
		break;
	case 5:
		if (s->copies && g(s, 2))
			gen_back(s, a);
		break;
	case 6:
		if (s->powers && g(s, 2)) {
			fprintf(s->f, "power %u\n", g(s, 1000000));
			gen_open(s, a);
		}
		break;
	default:
		if (!s->modes)
			break;
		fprintf(
		    s->f, "%c PRAGMA journal_mode = %s\n", a, modes[g(s, 3)]);
		gen_change(s, a);
		if (g(s, 2))
			fprintf(s->f, "cut\n");
		fprintf(s->f, "%c PRAGMA journal_mode = wal\n", a);
	}
}

/* What a cut across a restart meets: changes, a checkpoint of all of them, and
 * a few changes more. */
static void
gen_restart(struct gen *s, char a)
{
	static const char *const modes[] = {"PASSIVE", "FULL", "RESTART"};

	for (unsigned i = 0; i < s->actors; i++)
		fprintf(s->f, "%c COMMIT\n", 'a' + (int)i);
	for (unsigned i = g(s, 4); i > 0; i--)
		gen_change(s, a);
	if (s->crashes && g(s, 6) == 0)
		gen_crash(s, (char)('a' + (int)g(s, s->actors)));
	fprintf(s->f, "%c PRAGMA wal_checkpoint(%s)\n", a, modes[g(s, 3)]);
	for (unsigned i = g(s, 4); i > 0; i--)
		fprintf(s->f,
		    "%c UPDATE t SET v = randomblob(length(v)) WHERE id = %u\n",
		    'a' + (int)g(s, s->actors), g(s, 60));
	fprintf(s->f, "cut\n");
}

static void
gen_cut(struct gen *s, char a)
{
	FILE *f = s->f;

	for (unsigned i = g(s, 8); i > 5; i--) {
		fprintf(f, "during %u ", 1 + g(s, 40));
		if (g(s, 3))
			gen_change(s, a);
		else
			gen_checkpoint(s, a);
	}
	fprintf(f, "cut\n");
}

static void
gen_step(struct gen *s)
{
	char a = (char)('a' + (int)g(s, s->actors));

	switch (g(s, 12)) {
	case 0:
		gen_checkpoint(s, a);
		break;
	case 1:
		gen_rare(s, a);
		break;
	case 2:
		fprintf(s->f, "%c %s\n", a, g(s, 3) ? "COMMIT" : "ROLLBACK");
		break;
	case 3:
		if (s->crashes) {
			gen_crash(s, a);
			gen_open(s, a);
		}
		break;
	case 4:
	case 5:
		gen_restart(s, a);
		break;
	case 6:
	case 7:
		gen_cut(s, a);
		break;
	default:
		gen_change(s, a);
	}
}

static FILE *
gen(unsigned seed)
{
	struct gen s = {.f = tmpfile(), .rng = seed};

	if (!s.f)
		die("tmpfile", strerror(errno));
	s.page_size = 512U << g(&s, 4);
	s.actors = 1 + g(&s, 3);
	s.crashes = g(&s, 2);
	s.powers = g(&s, 4) == 0;
	s.copies = g(&s, 4) == 0;
	s.limits = g(&s, 2);
	s.modes = g(&s, 6) == 0;
	fprintf(s.f,
	    "a PRAGMA page_size = %u; PRAGMA auto_vacuum = %u; "
	    "PRAGMA journal_mode = wal; CREATE TABLE t(id INTEGER PRIMARY KEY, "
	    "v BLOB)\n",
	    s.page_size, g(&s, 3));
	for (unsigned i = 0; i < s.actors; i++)
		gen_open(&s, (char)('a' + (int)i));
	for (unsigned i = 2 + g(&s, 6); i > 0; i--)
		gen_change(&s, 'a');
	for (unsigned i = 20 + g(&s, 30); i > 0; i--)
		gen_step(&s);
	fprintf(s.f, "cut\n");
	rewind(s.f);
	return s.f;
}

/* ---- the run ---- */

static void
sweep(void)
{
	static const char *const names[] = {"db", "db-wal", "db-shm",
	    "db-journal", "db.synced", "db-wal.synced", "saved", "saved-wal",
	    "work/n/cut.memory", "work/n/cut.next", "new"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		(void)unlink(names[i]);
}

static int
sum_up(const struct history *h, unsigned count)
{
	printf("%u histories:", count);
	for (int i = 0; i < WAYS; i++)
		printf(" %u %s%s", h->ways[i], way_names[i],
		    i + 1 < WAYS ? "," : "");
	printf("; %u missed\n", h->misses);
	return h->misses > 0 || h->others > 0;
}

static int
seeds(unsigned first, unsigned count)
{
	struct history h = {0};

	for (unsigned seed = first; seed < first + count; seed++) {
		unsigned before = h.misses;
		FILE *script = gen(seed);

		h.rng = prng = seed;
		sqlite3_randomness(0, NULL);
		shadowing = true;
		history_run(&h, script);
		(void)fclose(script);
		sweep();
		if (h.misses > before)
			printf("seed %u\n", seed);
	}
	return sum_up(&h, count);
}

static int
show(unsigned seed)
{
	char line[STEP_MAX];
	FILE *script = gen(seed);

	while (fgets(line, sizeof(line), script))
		fputs(line, stdout);
	(void)fclose(script);
	return 0;
}

int
main(int argc, char **argv)
{
	char dir[] = "walhistory.XXXXXX";
	struct history h = {0};
	FILE *said;
	int status = 2;

	if (argc == 3 && strcmp(argv[1], "show") == 0)
		return show((unsigned)strtoul(argv[2], NULL, 10));
	(void)signal(SIGPIPE, SIG_IGN);
	said = tmpfile();
	if (!said || !mkdtemp(dir) || chdir(dir) != 0)
		die(dir, strerror(errno));
	msg_init("walhistory");
	msg_verbosity(1);
	fflush(stdout);
	dup2(fileno(said), STDERR_FILENO);
	(void)fcntl(STDERR_FILENO, F_SETFL, O_APPEND);
	shim_install();
	if (argc == 4 && strcmp(argv[1], "seeds") == 0) {
		status = seeds((unsigned)strtoul(argv[2], NULL, 10),
		    (unsigned)strtoul(argv[3], NULL, 10));
	} else if (argc == 2 && strcmp(argv[1], "script") == 0) {
		history_run(&h, stdin);
		status = sum_up(&h, 1);
	}
	sweep();
	(void)rmdir("work/n");
	(void)rmdir("work");
	(void)!chdir("..");
	(void)rmdir(dir);
	return status;
}
