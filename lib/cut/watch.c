/* watch: see watch.h. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/buf.h"
#include "base/directory.h"
#include "base/msg.h"
#include "base/time.h"
#include "cut/watch.h"

enum {
	EVENTS = IN_MODIFY | IN_ATTRIB | IN_CREATE | IN_DELETE | IN_MOVED_FROM |
		 IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR,
	READS = 256,       /* of events, in one look */
	ALL_EVERY = 60000, /* ms: each is looked at by its stamps */
	COARSE = 2         /* s: as coarse as file systems' stamps are */
};

/* What stat() says of a file: zeros: there is none. */
struct stamp {
	uint64_t dev, ino, size;
	struct timespec mtime, ctime;
};

struct entry {
	char *path;     /* as it was given */
	char *real;     /* where it is, for its log; NULL: nowhere */
	int wd;         /* of its directory; -1: by stamps */
	uint64_t again; /* ms, monotonic: when another write would show; or 0 */
	struct stamp db, log;
};

struct watch {
	int fd; /* inotify's; -1: none */
	struct entry *e;
	size_t n, cap;
	size_t next; /* to be looked at by stamps */
	bool begun, full;
	bool overflowed; /* events were lost since the last look */
	/* By directory and name: number + 1; 0: free.  Open addressing; there
	 * may be several of one name. */
	uint32_t *slot;
	size_t room; /* a power of two */
};

struct watch *
watch_new(void)
{
	struct watch *w = xcalloc(1, sizeof(*w));

	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	return w;
}

void
watch_free(struct watch *w)
{
	if (!w)
		return;
	if (w->fd >= 0)
		close(w->fd);
	for (size_t i = 0; i < w->n; i++) {
		free(w->e[i].path);
		free(w->e[i].real);
	}
	free(w->e);
	free(w->slot);
	free(w);
}

void
watch_add(struct watch *w, const char *path)
{
	if (w->n == w->cap) {
		w->cap = w->cap ? 2 * w->cap : 16;
		w->e = xreallocarray(w->e, w->cap, sizeof(*w->e));
	}
	w->e[w->n++] = (struct entry){.path = xstrdup(path), .wd = -1};
}

/* ---- stamps ---- */

static struct stamp
stamp_of(const char *path)
{
	struct stamp s;
	struct stat st;

	memset(&s, 0, sizeof(s)); /* they are compared as bytes */
	if (path && stat(path, &st) == 0) {
		s.dev = st.st_dev;
		s.ino = st.st_ino;
		s.size = (uint64_t)st.st_size;
		s.mtime = st.st_mtim;
		s.ctime = st.st_ctim;
	}
	return s;
}

/* Could another write have the same stamp? */
static bool
is_young(const struct stamp *s, const struct timespec *now)
{
	return s->mtime.tv_sec + COARSE >= now->tv_sec ||
	       s->ctime.tv_sec + COARSE >= now->tv_sec;
}

static void
take_stamps(struct entry *e)
{
	char *wal = e->real ? xasprintf("%s-wal", e->real) : NULL;

	e->db = stamp_of(e->path);
	e->log = stamp_of(wal);
	/* As with its events: see take_event(). */
	memset(&e->log.ctime, 0, sizeof(e->log.ctime));
	if (e->log.size == 0)
		memset(&e->log, 0, sizeof(e->log));
	free(wal);
}

static bool
stamps_are_young(const struct entry *e)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return is_young(&e->db, &now) || is_young(&e->log, &now);
}

/* A write soon after one that was seen may have its stamps: once more when that
 * cannot be any longer. */
static bool
stamps_changed(struct entry *e)
{
	const struct stamp db = e->db, log = e->log;
	uint64_t now;

	take_stamps(e);
	now = time_monotonic();
	if (memcmp(&db, &e->db, sizeof(db)) != 0 ||
	    memcmp(&log, &e->log, sizeof(log)) != 0) {
		e->again = now + COARSE * 1000;
		return true;
	}
	if (!e->again || now < e->again)
		return false;
	e->again = 0;
	return true;
}

/* ---- inotify ---- */

static uint64_t
hash_of(int wd, const char *name, size_t len)
{
	return XXH3_64bits_withSeed(name, len, (XXH64_hash_t)wd);
}

static void
slot_add(struct watch *w, size_t i)
{
	const char *name = path_base(w->e[i].real);
	size_t at = hash_of(w->e[i].wd, name, strlen(name)) & (w->room - 1);

	while (w->slot[at])
		at = (at + 1) & (w->room - 1);
	w->slot[at] = (uint32_t)i + 1;
}

/* Twice as many slots as databases, so that some are always free. */
static void
make_slots(struct watch *w)
{
	for (w->room = 16; w->room < 2 * w->n; w->room *= 2)
		;
	free(w->slot);
	w->slot = xcalloc(w->room, sizeof(*w->slot));
	for (size_t i = 0; i < w->n; i++)
		if (w->e[i].wd >= 0)
			slot_add(w, i);
}

/* Whether every write there is told of: not where others than this kernel
 * write, or a program does. */
static bool
tells(const char *dir)
{
	static const unsigned long blind[] = {0x6969 /* NFS */,
	    0x65735546 /* FUSE */, 0x517b /* SMB */, 0xff534d42 /* CIFS */,
	    0xfe534d42 /* SMB2 */, 0x01021997 /* 9P */, 0x5346414f /* AFS */,
	    0x00c36400 /* Ceph */, 0x01161970 /* GFS2 */,
	    0x7461636f /* OCFS2 */, 0x0bd00bd0 /* Lustre */};
	struct statfs fs;

	if (statfs(dir, &fs) != 0)
		return false;
	for (size_t i = 0; i < sizeof(blind) / sizeof(blind[0]); i++)
		if (((unsigned long)fs.f_type & 0xffffffffUL) == blind[i])
			return false;
	return true;
}

static int
watch_dir(struct watch *w, const char *dir)
{
	int wd = -1;

	if (w->fd >= 0 && tells(dir)) {
		wd = inotify_add_watch(w->fd, dir, EVENTS);
		if (wd < 0 && !w->full && errno == ENOSPC) {
			w->full = true;
			msg_info(
			    "%s: no inotify watch is left: by stamps", dir);
		}
	}
	return wd;
}

/* Watch its directory, if that can be.  What is changed from here on will be
 * told, or is seen by the stamps of now.  True if it is to be found elsewhere
 * than before. */
static bool
arm(struct watch *w, struct entry *e)
{
	char *was = e->real, *dir;
	int wd = e->wd;
	bool moved;

	e->real = realpath(e->path, NULL);
	e->wd = -1;
	if (e->real) {
		dir = path_dir(e->real);
		e->wd = watch_dir(w, dir);
		free(dir);
	}
	take_stamps(e);
	if (e->again)
		e->again = e->wd < 0 ? time_monotonic() + COARSE * 1000 : 0;
	moved = e->wd != wd || !e->real != !was ||
		(was && strcmp(was, e->real) != 0);
	free(was);
	return moved;
}

static void
mark(struct watch *w, int wd, const char *name, size_t len, bool *changed)
{
	size_t at = hash_of(wd, name, len) & (w->room - 1);

	for (; w->slot[at]; at = (at + 1) & (w->room - 1)) {
		const struct entry *e = &w->e[w->slot[at] - 1];
		const char *base = path_base(e->real);

		if (e->wd == wd && strlen(base) == len &&
		    memcmp(base, name, len) == 0)
			changed[w->slot[at] - 1] = true;
	}
}

/* A directory that has gone or moved: those in it by stamps, until they are
 * found again. */
static bool
forget_directory(struct watch *w, int wd, bool *changed)
{
	bool any = false;

	for (size_t i = 0; i < w->n; i++) {
		if (w->e[i].wd == wd) {
			w->e[i].wd = -1;
			any = changed[i] = true;
		}
	}
	return any;
}

static void
take_event(struct watch *w, const struct inotify_event *ev, bool *changed)
{
	size_t len = ev->len ? strlen(ev->name) : 0;

	if (ev->mask & IN_Q_OVERFLOW) {
		w->overflowed = true;
	} else if (ev->mask &
		   (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)) {
		if (ev->mask & IN_MOVE_SELF)
			(void)inotify_rm_watch(w->fd, ev->wd);
		if (forget_directory(w, ev->wd, changed))
			make_slots(w);
	} else if (len > 0) {
		mark(w, ev->wd, ev->name, len, changed);
		/* Whoever opens a database may make an empty log, and as root
		 * SQLite gives it to its owner each time: no changes. */
		if (ev->mask & (IN_ATTRIB | IN_CREATE))
			return;
		if (len > 4 && strcmp(ev->name + len - 4, "-wal") == 0)
			mark(w, ev->wd, ev->name, len - 4, changed);
	}
}

static void
read_events(struct watch *w, bool *changed)
{
	union {
		struct inotify_event ev;
		char bytes[64 << 10];
	} buf;
	const struct inotify_event *ev;
	ssize_t n;

	/* Who writes faster than this is read does not hold it up. */
	for (int i = 0; i < READS; i++) {
		n = read(w->fd, &buf, sizeof(buf));
		for (ssize_t at = 0; at < n;
		     at += (ssize_t)(sizeof(*ev) + ev->len)) {
			ev = (const void *)(buf.bytes + at);
			take_event(w, ev, changed);
		}
		if (n <= 0)
			return;
	}
}

/* ---- the look ---- */

/* Some of those that inotify tells of, so that all are seen in a minute; all, if
 * events were lost, as they are when thousands of databases are cut: opening one
 * brings some itself. */
static bool
look_at_some(struct watch *w, size_t n, bool *changed)
{
	bool moved = false;

	for (; n > 0; n--, w->next = (w->next + 1) % w->n) {
		struct entry *e = &w->e[w->next];

		if (e->wd < 0)
			continue;
		if (!stamps_changed(e) &&
		    !(w->overflowed && stamps_are_young(e)))
			continue;
		/* Its events said so too, or it is another file. */
		changed[w->next] = true;
		moved = arm(w, e) || moved;
	}
	return moved;
}

void
watch_look(struct watch *w, unsigned long long interval, bool *changed)
{
	unsigned long long some;
	bool moved = !w->begun;

	if (w->begun && w->fd >= 0)
		read_events(w, changed);
	some = w->overflowed ? w->n : w->n * interval / ALL_EVERY + 1;
	for (size_t i = 0; i < w->n; i++) {
		struct entry *e = &w->e[i];

		if (e->wd >= 0 || (!stamps_changed(e) && w->begun))
			continue;
		changed[i] = true;
		moved = arm(w, e) || moved;
	}
	if (w->begun)
		moved = look_at_some(
			    w, some < w->n ? (size_t)some : w->n, changed) ||
			moved;
	w->begun = true;
	w->overflowed = false;
	if (moved)
		make_slots(w);
}
