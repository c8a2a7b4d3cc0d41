/*
 * fetch: see fetch.h.
 *
 * Jobs stand in a queue in the order in which they came, which is the order in
 * which they are told to done().
 */

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/temporary.h"
#include "fetch/fetch.h"
#include "plan/nameset.h"

enum {
	/* Jobs at a time, which each hold two open files: so many for each
	 * transfer, since small files are made durable together. */
	WINDOW_STEP = 4,
	WINDOW_MAX = 256
};

struct fetch {
	struct fetch_opts o;
	struct fetch_shared shared;
	struct fetch_job *head, **tail;
	unsigned jobs, window;
	char **spaces; /* namespaces fetched to, for the sweep */
	size_t n_spaces;
	struct nameset known_spaces;
};

/* The key is the same for all. */
static void
remember_space(struct fetch *f, const char *namespace)
{
	const struct key none = {0};
	struct name name;

	name_set(&name, namespace, &none);
	if (!nameset_add(&f->known_spaces, &name))
		return;
	f->spaces =
	    xreallocarray(f->spaces, f->n_spaces + 1, sizeof(*f->spaces));
	f->spaces[f->n_spaces++] = xstrdup(namespace);
}

/* What another run has moved into the store meanwhile is done. */
static void
rebuild(struct fetch_job *j)
{
	enum rc rc = fetch_job_rebuild(j);

	j->rc = rc == RC_ABSENT ? RC_OK : rc;
}

/* Give all that is verified its names, data first. */
static void
commit_ready(struct fetch *f)
{
	struct file_commit commit[2 * WINDOW_MAX] = {0};
	size_t n = 0;

	for (struct fetch_job *j = f->head; j; j = j->next) {
		if (j->state != FETCH_READY)
			continue;
		if (j->data.file)
			commit[n++].file = j->data.file;
		if (j->rebuild)
			file_discard(&j->index.file);
		else
			commit[n++].file = j->index.file;
		j->data.file = j->index.file = NULL;
	}
	(void)file_commit_many(commit, n);
	n = 0;
	for (struct fetch_job *j = f->head; j; j = j->next) {
		if (j->state != FETCH_READY)
			continue;
		j->state = FETCH_DONE;
		if (!f->o.index_only)
			j->rc = commit[n++].rc;
		if (!j->rebuild)
			j->rc = rc_max(j->rc, commit[n++].rc);
		else if (j->rc == RC_OK)
			rebuild(j);
	}
	f->shared.ready = 0;
}

/* Tell what is done, up to the first that is not. */
static enum rc
tell_done(struct fetch *f)
{
	struct rec rec = {.is_path = true};
	struct fetch_job *j;
	enum rc rc = RC_OK;

	while ((j = f->head) && j->state == FETCH_DONE) {
		rec.text = f->o.index_only ? j->index.path : j->data.path;
		rec.name = j->name;
		rec.pages = j->pages;
		rec.bytes = j->bytes;
		rc = rc_max(rc, f->o.done(f->o.arg, &rec, j->rc));
		f->head = j->next;
		if (!f->head)
			f->tail = &f->head;
		f->jobs--;
		fetch_job_free(j);
	}
	return rc;
}

/*
 * One step on: names for what is verified, if it is many (each fsync stops the
 * transfers) or all there is; then a transfer more.
 */
static enum rc
step(struct fetch *f)
{
	enum rc rc;

	if (f->shared.ready > 0 &&
	    (f->shared.running == 0 || f->shared.ready >= f->window / 2))
		commit_ready(f);
	rc = tell_done(f);
	if (f->shared.running > 0)
		store_wait(f->o.store, f->shared.running - 1, -1);
	return rc;
}

enum rc
fetch_add(struct fetch *f, const struct name *name, bool zstd_first)
{
	struct fetch_job *j = fetch_job_new(&f->shared, name, zstd_first);
	enum rc rc = RC_OK;

	*f->tail = j;
	f->tail = &j->next;
	f->jobs++;
	fetch_job_begin(j);
	if (j->wrote)
		remember_space(f, name->namespace);
	while (f->jobs >= f->window)
		rc = rc_max(rc, step(f));
	return rc_max(rc, tell_done(f));
}

enum rc
fetch_poll(struct fetch *f, int fd)
{
	enum rc rc = RC_OK;

	while (f->jobs > 0 && !fd_readable(fd)) {
		if (f->shared.running > 0)
			store_wait(f->o.store, f->shared.running - 1, fd);
		if (f->shared.ready > 0 && !fd_readable(fd))
			commit_ready(f);
		rc = rc_max(rc, tell_done(f));
	}
	return rc;
}

enum rc
fetch_finish(struct fetch *f)
{
	enum rc rc = RC_OK;

	while (f->jobs > 0)
		rc = rc_max(rc, step(f));
	return rc;
}

/* In step with -j, as far as the limit of open files goes, beside
 * connections. */
static unsigned
window_of(unsigned parallel)
{
	size_t most = fd_room(2, parallel);
	size_t window = (size_t)WINDOW_STEP * parallel;

	if (window > WINDOW_MAX)
		window = WINDOW_MAX;
	return (unsigned)(window < most ? window : most);
}

struct fetch *
fetch_new(const struct fetch_opts *o)
{
	struct fetch *f = xcalloc(1, sizeof(*f));

	f->o = *o;
	f->shared.o = &f->o;
	f->tail = &f->head;
	f->window = window_of(store_parallel(o->store));
	return f;
}

void
fetch_free(struct fetch *f)
{
	char *dir;

	if (!f)
		return;
	for (struct fetch_job *j = f->head, *next; j; j = next) {
		next = j->next;
		fetch_job_free(j);
	}
	for (size_t i = 0; i < f->n_spaces; i++) {
		dir = xasprintf("%s/%s", f->o.dir, f->spaces[i]);
		temporary_sweep(dir);
		free(dir);
		free(f->spaces[i]);
	}
	free(f->spaces);
	nameset_release(&f->known_spaces);
	free(f);
}
