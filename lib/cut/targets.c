/* targets: see targets.h. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "cut/targets.h"
#include "format/key.h"

/* A longer line has neither a namespace nor a path that can be. */
enum { LINE_MAX_LEN = NAMESPACE_MAX + 1 + PATH_MAX };

/* where: what is to be named if it is wrong. */
static enum rc
add(struct targets *to, const char *where, const char *namespace, size_t len,
    const char *path)
{
	if (!namespace_valid(namespace, len))
		return msg_fail(RC_USAGE, "%s%.*s: not a valid namespace",
		    where, (int)(len < 300 ? len : 300), namespace);
	if (names_end_of_set(namespace, len))
		return msg_fail(RC_USAGE,
		    "%s%.*s: no namespace may have this name, which ends a set "
		    "in a tar stream",
		    where, (int)len, namespace);
	if (!*path)
		return msg_fail(
		    RC_USAGE, "%sthe database's name is empty", where);
	if (to->n == to->cap) {
		to->cap = to->cap ? 2 * to->cap : 8;
		to->t = xreallocarray(to->t, to->cap, sizeof(*to->t));
	}
	to->t[to->n].namespace = xstrndup(namespace, len);
	to->t[to->n++].path = xstrdup(path);
	return RC_OK;
}

static int
cmp_namespace(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/* All of them are there: each once, and one at least. */
static enum rc
check(const struct targets *to, const char *what)
{
	const char **names = xcalloc(to->n + 1, sizeof(*names));
	enum rc rc = RC_OK;

	for (size_t i = 0; i < to->n; i++)
		names[i] = to->t[i].namespace;
	qsort(names, to->n, sizeof(*names), cmp_namespace);
	for (size_t i = 1; i < to->n && rc == RC_OK; i++)
		if (strcmp(names[i - 1], names[i]) == 0)
			rc = msg_fail(RC_USAGE, "%s: the namespace %s twice",
			    what, names[i]);
	if (rc == RC_OK && to->n == 0)
		rc = msg_fail(RC_USAGE, "%s: no database", what);
	free(names);
	return rc;
}

enum rc
targets_of_operands(struct targets *to, char *const *operands)
{
	enum rc rc = RC_OK;

	for (; rc == RC_OK && operands[0] && operands[1]; operands += 2)
		rc = add(to, "", operands[0], strlen(operands[0]), operands[1]);
	if (rc == RC_OK && operands[0])
		rc = msg_fail(RC_USAGE, "%s: a namespace without a database",
		    operands[0]);
	return rc ? rc : check(to, "the operands");
}

static enum rc
add_line(struct targets *to, const char *where, const struct buf *line)
{
	const char *tab = memchr(line->data, '\t', line->len);

	if (!tab || strlen(line->data) != line->len)
		return msg_fail(
		    RC_USAGE, "%snot NAMESPACE, a TAB and a database", where);
	return add(to, where, line->data, (size_t)(tab - line->data), tab + 1);
}

/* Without its newline; false: there is none any more, or it cannot be read.
 * Of one that is too long so much is kept that this can be seen; it may have no
 * end. */
static bool
next_line(FILE *f, struct buf *line)
{
	int c;

	buf_clear(line);
	while ((c = getc(f)) != EOF && c != '\n') {
		if (line->len <= (size_t)LINE_MAX_LEN)
			buf_addc(line, (char)c);
		else if (line->data[0] != '#')
			break;
	}
	return !ferror(f) && (c != EOF || line->len > 0);
}

static enum rc
read_lines(struct targets *to, FILE *f, const char *what)
{
	unsigned long long n = 0;
	struct buf line = {0};
	char *where;
	enum rc rc = RC_OK;

	errno = 0;
	while (rc == RC_OK && next_line(f, &line)) {
		n++;
		if (line.len == 0 || line.data[0] == '#')
			continue;
		where = xasprintf("%s, line %llu: ", what, n);
		rc = line.len > (size_t)LINE_MAX_LEN
			 ? msg_fail(RC_USAGE, "%stoo long", where)
			 : add_line(to, where, &line);
		free(where);
		errno = 0;
	}
	if (rc == RC_OK && ferror(f))
		rc = msg_errno(what);
	buf_release(&line);
	return rc;
}

static enum rc
read_list(struct targets *to, FILE *f, const char *what)
{
	enum rc rc;

	if (!f) {
		rc = msg_errno(what);
		return rc == RC_DATA ? RC_USAGE : rc;
	}
	rc = read_lines(to, f, what);
	if (f != stdin)
		fclose(f);
	return rc ? rc : check(to, what);
}

enum rc
targets_of_list(struct targets *to, const char *file)
{
	return strcmp(file, "-") == 0 ? read_list(to, stdin, "standard input")
				      : read_list(to, fopen(file, "re"), file);
}

enum rc
targets_of_list_again(struct targets *to, const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
		close(fd);
		return msg_fail(RC_USAGE, "%s: not a regular file", file);
	}
	return read_list(to, fd < 0 ? NULL : fdopen(fd, "r"), file);
}

static int
cmp_place(const void *a, const void *b, void *targets)
{
	const size_t *x = a, *y = b;
	const struct target *t = targets;

	return strcmp(t[*x].namespace, t[*y].namespace);
}

/* Their places by namespace; malloced. */
static size_t *
by_namespace(const struct targets *t)
{
	size_t *at = xcalloc(t->n + 1, sizeof(*at));

	for (size_t i = 0; i < t->n; i++)
		at[i] = i;
	qsort_r(at, t->n, sizeof(*at), cmp_place, t->t);
	return at;
}

size_t *
targets_match(const struct targets *new, const struct targets *old)
{
	size_t *a = by_namespace(old), *b = by_namespace(new), i = 0;
	size_t *from = xcalloc(new->n + 1, sizeof(*from));
	int cmp = -1;

	for (size_t k = 0; k < new->n; k++) {
		const struct target *t = &new->t[b[k]];

		for (; i < old->n; i++) {
			cmp = strcmp(old->t[a[i]].namespace, t->namespace);
			if (cmp >= 0)
				break;
		}
		from[b[k]] = i < old->n && cmp == 0 &&
				     strcmp(old->t[a[i]].path, t->path) == 0
				 ? a[i]
				 : SIZE_MAX;
	}
	free(a);
	free(b);
	return from;
}

void
targets_release(struct targets *to)
{
	for (size_t i = 0; i < to->n; i++) {
		free(to->t[i].namespace);
		free(to->t[i].path);
	}
	free(to->t);
	*to = (struct targets){0};
}
