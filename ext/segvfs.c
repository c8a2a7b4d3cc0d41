/*
 * segvfs: past states of databases as files of SQLite, for any program: an
 * extension that is loaded, a VFS of the name "seg"; segvfs(7).
 *
 *   file:NAMESPACE?vfs=seg&store=STORE&time=TIME
 */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3ext.h>
SQLITE_EXTENSION_INIT1

#include "base/number.h"
#include "base/time.h"
#include "plan/past.h"
#include "query/statevfs.h"

enum { CACHE = 64 << 20, PARALLEL = 16, RETRY_FOR = 60 };
#define DISK (UINT64_C(1) << 30)

/* A file: a namespace, at a moment or followed. */
struct past_file {
	struct state_source source; /* first: whose functions are given it */
	char *namespace, *cluster;
	struct past_moment moment;
	struct state_opts o;
	uint64_t
	    interval;   /* of asking the store, in ms, where it is followed */
	uint64_t asked; /* when that was last done */
	struct keyset keys;
	struct stored *stored; /* of those */
};

/* ---- the parameters of a URI ---- */

struct parameters {
	const char *store, *cluster, *time, *frame, *cachesize, *cachedir,
	    *follow;
};

static const struct known {
	const char *name;
	size_t at; /* in struct parameters; SIZE_MAX: SQLite's own */
} known[] = {
    {"store", offsetof(struct parameters, store)},
    {"cluster", offsetof(struct parameters, cluster)},
    {"time", offsetof(struct parameters, time)},
    {"frame", offsetof(struct parameters, frame)},
    {"cachesize", offsetof(struct parameters, cachesize)},
    {"cachedir", offsetof(struct parameters, cachedir)},
    {"follow", offsetof(struct parameters, follow)},
    {"vfs", SIZE_MAX},
    {"mode", SIZE_MAX},
    {"immutable", SIZE_MAX},
    {"nolock", SIZE_MAX},
};

static const struct known *
find_known(const char *key)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i].name, key) == 0)
			return &known[i];
	return NULL;
}

/* One that is not known, or is there twice, may be one that was mistyped: it
 * never gives another state than was meant. */
static enum rc
read_parameters(struct parameters *p, const char *name)
{
	const char *key;

	*p = (struct parameters){0};
	for (int i = 0; (key = sqlite3_uri_key(name, i)); i++) {
		const struct known *k = find_known(key);
		const char *value = sqlite3_uri_parameter(name, key), *was;

		if (!k)
			return msg_fail(
			    RC_USAGE, "%s: %s= is no parameter", name, key);
		if (k->at == SIZE_MAX)
			continue;
		memcpy(&was, (char *)p + k->at, sizeof(was));
		if (was)
			return msg_fail(RC_USAGE, "%s: %s= twice", name, key);
		memcpy((char *)p + k->at, &value, sizeof(value));
	}
	if (p->time && p->frame)
		return msg_fail(
		    RC_USAGE, "%s: time= and frame= do not go together", name);
	if (p->follow && (sqlite3_uri_boolean(name, "immutable", 0) ||
			     sqlite3_uri_boolean(name, "nolock", 0)))
		return msg_fail(RC_USAGE,
		    "%s: what is immutable or not locked cannot be followed",
		    name);
	return RC_OK;
}

static enum rc
bad_value(const char *name, const char *key, const char *value)
{
	return msg_fail(
	    RC_USAGE, "%s: %s=%s: not understood", name, key, value);
}

static enum rc
set_values(struct past_file *f, const struct parameters *p)
{
	const char *name = f->namespace;
	const char *s = p->frame;

	if (!namespace_valid(name, strlen(name)))
		return msg_fail(RC_USAGE, "%s: not a namespace", name);
	if (!namespace_valid(f->cluster, strlen(f->cluster)))
		return bad_value(name, "cluster", f->cluster);
	f->moment.by_frame = p->frame != NULL;
	if (s && (!number_u64(s, strlen(s), &f->moment.frame) ||
		     f->moment.frame == 0))
		return bad_value(name, "frame", s);
	f->moment.by_time = p->time != NULL;
	if (p->time && !time_moment(p->time, &f->moment.time))
		return bad_value(name, "time", p->time);
	f->o.cache = CACHE;
	s = p->cachesize;
	if (s && !number_u64(s, strlen(s), &f->o.cache))
		return bad_value(name, "cachesize", s);
	f->source.follows = p->follow != NULL;
	if (p->follow && !time_span(p->follow, &f->interval))
		return bad_value(name, "follow", p->follow);
	return RC_OK;
}

/* ---- a file ---- */

static bool
same_keys(const struct keyset *a, const struct keyset *b)
{
	for (size_t i = 0; i < a->n && i < b->n; i++)
		if (key_cmp(&a->key[i], &b->key[i]) != 0)
			return false;
	return a->n == b->n;
}

static void
free_stored(struct stored *stored)
{
	if (stored)
		stored_release(stored);
	free(stored);
}

/* The state of now, if it is another one than it was.  One that has the same END
 * may be made of other segments; what there was of it may be gone. */
static enum rc
choose_state(struct past_file *f)
{
	struct keyset keys = {0};
	struct stored *stored = xcalloc(1, sizeof(*stored));
	struct state_opts o = f->o;
	struct state *s = NULL;
	enum rc rc;

	o.stored = stored;
	stored->counts = true;
	rc = past_choose(
	    &keys, stored, f->o.store, f->o.cluster, f->namespace, &f->moment);
	f->asked = time_monotonic();
	if (rc == RC_OK && !(f->source.state && same_keys(&keys, &f->keys)))
		rc = state_open(&s, &o, f->namespace, &keys);
	if (!s) {
		keyset_release(&keys);
		free_stored(stored);
		return rc;
	}
	state_close(f->source.state);
	keyset_release(&f->keys);
	free_stored(f->stored);
	f->source.state = s;
	f->keys = keys;
	f->stored = stored;
	return RC_OK;
}

static enum rc
refresh(struct state_source *s)
{
	struct past_file *f = (struct past_file *)s;

	if (time_monotonic() - f->asked < f->interval)
		return RC_OK;
	return choose_state(f);
}

static void
past_file_free(struct state_source *s)
{
	struct past_file *f = (struct past_file *)s;

	state_close(f->source.state);
	disk_cache_close(f->o.disk);
	store_free(f->o.store);
	keyset_release(&f->keys);
	free_stored(f->stored);
	free(f->namespace);
	free(f->cluster);
	free(f);
}

static enum rc
open_store(struct past_file *f, const struct parameters *p)
{
	const struct store_opts opts = {
	    .parallel = PARALLEL, .retry_for = RETRY_FOR};
	const char *store = p->store ? p->store : getenv("SEG_STORE");
	enum rc rc;

	if (!store || !*store)
		return msg_fail(RC_USAGE,
		    "%s: no store: say which with store= or SEG_STORE",
		    f->namespace);
	rc = store_open(&f->o.store, store, &opts);
	if (rc == RC_OK && p->cachedir)
		rc = disk_cache_open(&f->o.disk, p->cachedir, DISK);
	return rc;
}

static enum rc
open_past(struct statevfs *vfs, const char *name, struct state_source **out)
{
	struct past_file *f;
	struct parameters p;
	const char *cluster;
	enum rc rc = read_parameters(&p, name);

	(void)vfs;
	if (rc)
		return rc;
	cluster = p.cluster ? p.cluster : getenv("SEG_CLUSTER");
	f = xcalloc(1, sizeof(*f));
	f->source.refresh = refresh;
	f->source.close = past_file_free;
	f->namespace = xstrdup(name);
	f->cluster = xstrdup(cluster && *cluster ? cluster : "default");
	f->o.cluster = f->cluster;
	rc = set_values(f, &p);
	if (rc == RC_OK)
		rc = open_store(f, &p);
	if (rc == RC_OK)
		rc = choose_state(f);
	if (rc) {
		past_file_free(&f->source);
		return rc;
	}
	*out = &f->source;
	return RC_OK;
}

/* ---- the extension ---- */

__attribute__((visibility("default"))) int sqlite3_segvfs_init(
    sqlite3 *db, char **message, const sqlite3_api_routines *api);

/* The VFS stays when the connection goes that loaded it. */
int
sqlite3_segvfs_init(
    sqlite3 *db, char **message, const sqlite3_api_routines *api)
{
	static struct statevfs vfs;
	int result;

	(void)db;
	(void)message;
	SQLITE_EXTENSION_INIT2(api);
	if (vfs.open)
		return SQLITE_OK_LOAD_PERMANENTLY;
	msg_init("segvfs");
	statevfs_init(&vfs, "seg", sqlite3_vfs_find(NULL));
	vfs.open = open_past;
	result = sqlite3_vfs_register(&vfs.vfs, 0);
	return result == SQLITE_OK ? SQLITE_OK_LOAD_PERMANENTLY : result;
}
