/* driver: see driver.h; what store.h promises, by a table of functions. */

#include <stdlib.h>
#include <string.h>

#include "store/driver.h"

struct store {
	const struct store_ops *ops;
	void *impl;
	char *name;
	unsigned parallel;
	void (*moved)(void *, uint64_t);
	void *moved_arg;
};

struct store *
store_new(const char *where, const struct store_opts *opts,
    const struct store_ops *ops, void *impl)
{
	struct store *s = xcalloc(1, sizeof(*s));

	s->ops = ops;
	s->impl = impl;
	s->name = xstrdup(where);
	s->parallel = opts->parallel ? opts->parallel : 1;
	return s;
}

void
store_free(struct store *s)
{
	if (!s)
		return;
	if (s->impl)
		s->ops->free(s->impl);
	free(s->name);
	free(s);
}

enum rc
store_too_short(struct store_xfer *x, const char *name)
{
	x->existed = true;
	return x->unsure ? RC_ABSENT : msg_fail(RC_DATA, "%s: too short", name);
}

bool
store_path_is_plain(const char *path)
{
	size_t n;

	for (; *path; path += n + (path[n] == '/')) {
		n = strcspn(path, "/");
		if (n == 0 || (n == 1 && path[0] == '.') ||
		    (n == 2 && path[0] == '.' && path[1] == '.'))
			return false;
	}
	return true;
}

bool
store_object_is_plain(const char *object)
{
	size_t n = strlen(object);

	return n > 0 && object[n - 1] != '/' && store_path_is_plain(object);
}

const char *
store_name(const struct store *s)
{
	return s->name;
}

bool
store_is_missing(const struct store *s)
{
	return s->ops->is_missing && s->ops->is_missing(s->impl);
}

bool
store_fails_in_part(const struct store *s)
{
	return s->ops->fails_in_part;
}

enum rc
store_retains(struct store *s, bool *may)
{
	*may = false;
	return s->ops->retains ? s->ops->retains(s->impl, may) : RC_OK;
}

enum rc
store_settle(struct store *s, const char *object)
{
	return s->ops->settle ? s->ops->settle(s->impl, object) : RC_OK;
}

bool
store_is_exclusive(const struct store *s)
{
	return !s->ops->is_exclusive || s->ops->is_exclusive(s->impl);
}

unsigned
store_parallel(const struct store *s)
{
	return s->parallel;
}

enum rc
store_list(struct store *s, const char *prefix, bool delimited, unsigned limit,
    enum rc (*entry)(void *, const struct store_entry *), void *arg)
{
	return s->ops->list(s->impl, prefix, delimited, limit, entry, arg);
}

enum rc
store_list_along(struct store *s, const char *root, const char *prefix,
    enum rc (*entry)(void *, const struct store_entry *), void *arg)
{
	if (!s->ops->list_along)
		return store_list(s, prefix, false, 0, entry, arg);
	return s->ops->list_along(s->impl, root, prefix, entry, arg);
}

void
store_start(struct store *s, struct store_xfer *x)
{
	x->store = s;
	s->ops->start(s->impl, x);
}

void
store_on_moved(struct store *s, void (*moved)(void *, uint64_t), void *arg)
{
	s->moved = moved;
	s->moved_arg = arg;
}

void
store_count(struct store *s, uint64_t bytes)
{
	if (s->moved)
		s->moved(s->moved_arg, bytes);
}

void
store_wait(struct store *s, unsigned max, int fd)
{
	s->ops->wait(s->impl, max, fd);
}

bool
store_step_or(struct store *s, int fd)
{
	unsigned n = s->ops->running(s->impl);

	if (n > 0)
		store_wait(s, n - 1, fd);
	return n > 0;
}

void
store_step(struct store *s)
{
	(void)store_step_or(s, -1);
}

struct single {
	bool done;
	enum rc rc;
	void *arg;
	enum rc (*sink)(void *, const void *, size_t);
};

static void
single_done(struct store_xfer *x, enum rc rc)
{
	struct single *one = x->arg;

	one->done = true;
	one->rc = rc;
}

static enum rc
single_sink(void *arg, const void *data, size_t len)
{
	struct single *one = arg;

	return one->sink(one->arg, data, len);
}

enum rc
store_do(struct store *s, struct store_xfer *x)
{
	struct single one = {.arg = x->arg, .sink = x->sink};

	x->arg = &one;
	x->done = single_done;
	if (x->sink)
		x->sink = single_sink;
	store_start(s, x);
	while (!one.done)
		store_step(s);
	x->arg = one.arg;
	x->sink = one.sink;
	return one.rc;
}
