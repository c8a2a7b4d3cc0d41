/* metrics: see metrics.h. */

#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/directory.h"
#include "base/file.h"
#include "base/number.h"
#include "base/time.h"
#include "cli/metrics.h"
#include "format/rec.h"
#include "store/store.h"

enum {
	OLD_MAX = 1 << 24, /* of an older file, what is looked at */
	APART = 1000       /* ms: between two writings after sets */
};

/* What is known of a namespace. */
struct space {
	char *name;
	uint64_t end, time; /* of the newest segment; 0: none */
	uint64_t pending;
	bool has_pending;
};

struct metrics {
	char *path, *command;
	bool is_output;          /* path is */
	uint64_t began, written; /* ms */
	/* Sets have ended since it was written, with this status. */
	bool due;
	enum rc since;
	bool failing; /* it could not be written, as was said */
	uint64_t segments, pages, bytes;
	struct request_counts counts;
	struct space *space; /* in byte order */
	size_t n, cap;
};

/* To be replaced it would be taken away from who reads it. */
static bool
is_output(const char *path)
{
	struct stat st, out;

	if (stat(path, &st) != 0)
		return false;
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
		if (fstat(fd, &out) == 0 && out.st_dev == st.st_dev &&
		    out.st_ino == st.st_ino)
			return true;
	return false;
}

struct metrics *
metrics_new(const char *path, const char *command)
{
	struct metrics *m = xcalloc(1, sizeof(*m));

	m->path = xstrdup(path);
	m->is_output = is_output(path);
	m->command = xstrdup(command);
	m->began = m->written = time_monotonic();
	return m;
}

void
metrics_free(struct metrics *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n; i++)
		free(m->space[i].name);
	free(m->space);
	free(m->path);
	free(m->command);
	free(m);
}

/* ---- what happened ---- */

static struct space *
space_of(struct metrics *m, const char *name)
{
	size_t lo = 0, hi = m->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = strcmp(m->space[mid].name, name);

		if (c == 0)
			return &m->space[mid];
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (m->n == m->cap) {
		m->cap = m->cap ? 2 * m->cap : 8;
		m->space = xreallocarray(m->space, m->cap, sizeof(*m->space));
	}
	memmove(&m->space[lo + 1], &m->space[lo],
	    (m->n++ - lo) * sizeof(*m->space));
	m->space[lo] = (struct space){.name = xstrdup(name)};
	return &m->space[lo];
}

void
metrics_segments(struct metrics *m, const struct name *name, uint64_t n,
    uint64_t pages, uint64_t bytes)
{
	struct space *s;

	if (!m)
		return;
	m->segments += n;
	m->pages += pages == REC_UNKNOWN ? 0 : pages;
	m->bytes += bytes == REC_UNKNOWN ? 0 : bytes;
	s = space_of(m, name->namespace);
	if (name->key.end >= s->end) {
		s->end = name->key.end;
		s->time = name->key.time;
	}
}

void
metrics_pending(struct metrics *m, const char *namespace, uint64_t n)
{
	struct space *s;

	if (!m)
		return;
	s = space_of(m, namespace);
	s->pending = n;
	s->has_pending = true;
}

struct request_counts *
metrics_counts(struct metrics *m)
{
	return m ? &m->counts : NULL;
}

/* ---- the file ---- */

/* HELP, TYPE, and the beginning of a line without a namespace. */
static void
head(struct buf *b, const char *name, const char *type, const char *help)
{
	buf_addf(b, "# HELP segtools_%s %s\n# TYPE segtools_%s %s\n", name,
	    help, name, type);
}

static void
one(struct buf *b, const struct metrics *m, const char *name, const char *type,
    const char *help, uint64_t value)
{
	head(b, name, type, help);
	buf_addf(b, "segtools_%s{command=\"%s\"} %" PRIu64 "\n", name,
	    m->command, value);
}

static void
seconds(struct buf *b, const struct metrics *m, const char *name,
    const char *help, uint64_t ms)
{
	head(b, name, "gauge", help);
	buf_addf(b, "segtools_%s{command=\"%s\"} %" PRIu64 ".%03u\n", name,
	    m->command, ms / 1000, (unsigned)(ms % 1000));
}

/* A label's value: backslash, quote and newline are escaped. */
static void
add_label(struct buf *b, const char *text)
{
	for (; *text; text++) {
		if (*text == '\\' || *text == '"')
			buf_addc(b, '\\');
		buf_addc(b, *text);
	}
}

enum which { END_FRAME, END_TIME, PENDING };

static void
of_spaces(struct buf *b, const struct metrics *m, const char *name,
    const char *help, enum which which)
{
	bool any = false;

	for (size_t i = 0; i < m->n; i++) {
		const struct space *s = &m->space[i];

		if (which == PENDING ? !s->has_pending : s->end == 0)
			continue;
		if (!any)
			head(b, name, "gauge", help);
		any = true;
		buf_addf(b, "segtools_%s{command=\"%s\",namespace=\"", name,
		    m->command);
		add_label(b, s->name);
		buf_adds(b, "\"} ");
		if (which == END_TIME)
			buf_addf(b, "%" PRIu64 ".%03u\n", s->time / 1000,
			    (unsigned)(s->time % 1000));
		else
			buf_addf(b, "%" PRIu64 "\n",
			    which == PENDING ? s->pending : s->end);
	}
}

/* The value behind a line's beginning, "SECONDS.MMM", in ms; 0: there is none. */
static uint64_t
value_of(const struct file_map *map, const struct buf *line)
{
	const char *at = memmem(map->data, map->len, line->data, line->len);
	const char *end = (const char *)map->data + map->len;
	uint64_t s, ms;
	size_t n = 0;

	if (!at)
		return 0;
	at += line->len;
	while (at + n < end && at[n] >= '0' && at[n] <= '9')
		n++;
	if (end - at < (ptrdiff_t)n + 4 || at[n] != '.' ||
	    !number_u64(at, n, &s) || !number_u64(at + n + 1, 3, &ms) ||
	    s > UINT64_MAX / 1000 - 1)
		return 0;
	return s * 1000 + ms;
}

/* When a run last ended well, in ms, as the file that is there says; 0: it does
 * not. */
static enum rc
last_success(const struct metrics *m, const char *path, uint64_t *ms)
{
	struct file *f = NULL;
	struct file_map map = {0};
	struct buf line = {0};
	enum rc rc = file_open(&f, path);

	*ms = 0;
	if (rc == RC_ABSENT)
		return RC_OK;
	if (rc == RC_OK)
		rc = file_map(&map, f, OLD_MAX);
	if (rc == RC_OK && map.len > 0) {
		buf_addf(&line,
		    "\nsegtools_last_success_timestamp_seconds{command=\"%s\"}"
		    " ",
		    m->command);
		*ms = value_of(&map, &line);
	}
	buf_release(&line);
	file_unmap(&map);
	file_close(&f);
	return rc;
}

static void
write_text(
    struct buf *b, const struct metrics *m, enum rc status, uint64_t success)
{
	uint64_t now = time_now();

	if (status == RC_OK)
		success = now;
	seconds(b, m, "last_run_timestamp_seconds", "When the last run ended.",
	    now);
	if (success)
		seconds(b, m, "last_success_timestamp_seconds",
		    "When a run last ended with status 0.", success);
	one(b, m, "status", "gauge", "Exit status of the last run.",
	    (uint64_t)status);
	seconds(b, m, "duration_seconds", "How long the last run took.",
	    time_monotonic() - m->began);
	one(b, m, "bytes_total", "counter",
	    "Bytes of the data objects of the last run's segments.", m->bytes);
	one(b, m, "pages_total", "counter", "Pages of the last run's segments.",
	    m->pages);
	one(b, m, "segments_total", "counter",
	    "Segments that the last run dealt with.", m->segments);
	one(b, m, "requests_total", "counter",
	    "Requests of the last run to the store.", m->counts.requests);
	one(b, m, "retries_total", "counter",
	    "Requests of the last run that were tried again.",
	    m->counts.retries);
	of_spaces(b, m, "end_frame", "END of the newest segment.", END_FRAME);
	of_spaces(
	    b, m, "end_time_seconds", "TIME of the newest segment.", END_TIME);
	of_spaces(b, m, "pending_segments",
	    "Segments that wait to be published.", PENDING);
}

/* The file that is meant: a symbolic link stays one. */
static enum rc
file_meant(const struct metrics *m, char **path)
{
	*path = NULL;
	if (m->is_output)
		return msg_fail(RC_SYSTEM,
		    "%s: standard output or error, not a file of its own",
		    m->path);
	return path_followed(path, m->path);
}

enum rc
metrics_write(struct metrics *m, enum rc status)
{
	struct buf text = {0};
	uint64_t success = 0;
	char *path;
	enum rc rc;

	if (!m)
		return RC_OK;
	rc = file_meant(m, &path);
	if (rc == RC_OK)
		rc = last_success(m, path, &success);
	write_text(&text, m, status, success);
	if (rc == RC_OK)
		rc = file_put(
		    path, FILE_REPLACE | FILE_SAME_MODE, text.data, text.len);
	free(path);
	buf_release(&text);
	m->written = time_monotonic();
	m->due = false;
	m->since = RC_OK;
	return rc == RC_OK ? RC_OK : RC_SYSTEM;
}

/* ---- while the run goes on ---- */

void
metrics_round(struct metrics *m, enum rc status)
{
	if (!m)
		return;
	if (!m->failing) {
		m->failing = metrics_write(m, status) != RC_OK;
		return;
	}
	msg_mute(true);
	m->failing = metrics_write(m, status) != RC_OK;
	msg_mute(false);
}

static uint64_t
is_due_in(const struct metrics *m)
{
	uint64_t since = time_monotonic() - m->written;

	return since < APART ? APART - since : 0;
}

void
metrics_set(struct metrics *m, enum rc status)
{
	if (!m)
		return;
	m->due = true;
	m->since = rc_max(m->since, status);
	if (is_due_in(m) == 0)
		metrics_round(m, m->since);
}

void
metrics_idle(struct metrics *m, int fd)
{
	struct pollfd in = {.fd = fd, .events = POLLIN};

	/* An interruption is the reader's to see. */
	if (m && m->due && poll(&in, 1, (int)is_due_in(m)) == 0)
		metrics_round(m, m->since);
}
