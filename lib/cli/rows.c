/* rows: see rows.h. */

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/output.h"
#include "cli/rows.h"

enum { FLUSH_AT = 64 << 10 };

/* ---- the end of the process ---- */

enum { PATIENCE = 1 }; /* s: with who does not read the end of a line */

static volatile sig_atomic_t writing, interrupted;

static void
end_now(void)
{
	static const char text[] = ": interrupted\n";
	const char *name = msg_name();

	if (write(STDERR_FILENO, name, strlen(name)) >= 0 &&
	    write(STDERR_FILENO, text, sizeof(text) - 1) >= 0)
		_exit(RC_SYSTEM);
	_exit(RC_SYSTEM);
}

static void
on_alarm(int sig)
{
	(void)sig;
	end_now();
}

static void
on_interrupt(int sig)
{
	(void)sig;
	if (!writing)
		end_now();
	if (!interrupted)
		(void)alarm(PATIENCE);
	interrupted = 1;
}

void
rows_end_at_interrupt(void)
{
	struct sigaction sa = {.sa_handler = on_interrupt}, old;
	struct sigaction at_alarm = {.sa_handler = on_alarm};

	if (sigaction(SIGINT, NULL, &old) != 0 || old.sa_handler == SIG_IGN)
		return;
	(void)sigaction(SIGALRM, &at_alarm, NULL);
	(void)sigaction(SIGINT, &sa, NULL);
}

/*
 * How much to write at once: of lines, if one ends there, what a pipe takes
 * whole or not at all, so that who waits for its reader waits between two.
 */
static size_t
piece(const char *p, size_t n)
{
	const char *end;

	if (n > PIPE_BUF)
		n = PIPE_BUF;
	end = memrchr(p, '\n', n);
	return end ? (size_t)(end - p) + 1 : n;
}

/* All of it.  After SIGINT no more than the line that it came in. */
static bool
write_lines(const char *p, size_t n)
{
	bool whole = true;

	while (n > 0) {
		ssize_t k;

		if (interrupted && whole)
			end_now();
		k = write(STDOUT_FILENO, p, piece(p, n));
		if (k < 0 && errno != EINTR)
			return false;
		if (k > 0) {
			p += k;
			n -= (size_t)k;
			whole = p[-1] == '\n';
		}
	}
	return true;
}

enum rc
rows_flush(struct rows *r)
{
	bool good;

	if (r->line.len == 0)
		return RC_OK;
	output_begin();
	writing = 1;
	good = write_lines(r->line.data, r->line.len);
	writing = 0;
	if (interrupted)
		end_now();
	buf_clear(&r->line);
	if (good)
		return RC_OK;
	(void)msg_errno("standard output");
	return RC_SYSTEM;
}

/* ---- values ---- */

/* A text column's bytes on one line. */
static void
put_escaped(struct buf *b, const char *p, size_t n)
{
	static const char special[] = "\t\n\r\\", letter[] = "tnr\\";

	for (size_t i = 0; i < n; i++) {
		const char *at = p[i] ? strchr(special, p[i]) : NULL;

		if (at)
			buf_addc(b, '\\');
		buf_addc(b, at ? letter[at - special] : p[i]);
	}
}

/* The shortest that is read back as the same number. */
static void
put_real(struct buf *b, double v)
{
	char text[40];
	int digits = 15;

	do
		snprintf(text, sizeof(text), "%.*g", digits, v);
	while (strtod(text, NULL) != v && ++digits <= 17);
	buf_adds(b, text);
	if (!strpbrk(text, ".e"))
		buf_adds(b, ".0");
}

static void
put_base64(struct buf *b, const uint8_t *p, size_t n)
{
	static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz0123456789+/";

	for (; n > 0; p += 3, n -= n < 3 ? n : 3) {
		uint32_t v = (uint32_t)p[0] << 16 |
			     (n > 1 ? (uint32_t)p[1] << 8 : 0) |
			     (n > 2 ? p[2] : 0);

		buf_addc(b, digit[v >> 18]);
		buf_addc(b, digit[v >> 12 & 63]);
		buf_addc(b, n > 1 ? digit[v >> 6 & 63] : '=');
		buf_addc(b, n > 2 ? digit[v & 63] : '=');
	}
}

static void
put_json(struct buf *b, sqlite3_stmt *stmt, int i)
{
	const void *blob;

	switch (sqlite3_column_type(stmt, i)) {
	case SQLITE_INTEGER:
		buf_addf(b, "%" PRId64, (int64_t)sqlite3_column_int64(stmt, i));
		break;
	case SQLITE_FLOAT:
		if (isfinite(sqlite3_column_double(stmt, i)))
			put_real(b, sqlite3_column_double(stmt, i));
		else
			buf_adds(b, "null");
		break;
	case SQLITE_TEXT:
		blob = sqlite3_column_text(stmt, i);
		json_string(b, blob, (size_t)sqlite3_column_bytes(stmt, i));
		break;
	case SQLITE_BLOB:
		blob = sqlite3_column_blob(stmt, i);
		buf_adds(b, "{\"base64\":\"");
		put_base64(b, blob, (size_t)sqlite3_column_bytes(stmt, i));
		buf_adds(b, "\"}");
		break;
	default:
		buf_adds(b, "null");
	}
}

static void
put_text(struct buf *b, sqlite3_stmt *stmt, int i)
{
	bool is_blob = sqlite3_column_type(stmt, i) == SQLITE_BLOB;
	const void *p;

	if (sqlite3_column_type(stmt, i) == SQLITE_NULL) {
		buf_adds(b, "\\N");
		return;
	}
	p = is_blob ? sqlite3_column_blob(stmt, i)
		    : (const void *)sqlite3_column_text(stmt, i);
	put_escaped(b, p, (size_t)sqlite3_column_bytes(stmt, i));
}

/* ---- names of columns ---- */

static bool
has_name(const struct rows *r, const char *name)
{
	const char *p = r->names.data;

	for (; p && p < r->names.data + r->names.len; p += strlen(p) + 1)
		if (strcmp(p, name) == 0)
			return true;
	return false;
}

/* A second column of one name gets ":1".  before: how many columns of its name
 * were there, so that those numbers are taken. */
static void
add_name(struct rows *r, const char *name, unsigned before)
{
	char *other =
	    before > 0 ? xasprintf("%s:%u", name, before) : xstrdup(name);

	for (unsigned k = before + 1; has_name(r, other); k++) {
		free(other);
		other = xasprintf("%s:%u", name, k);
	}
	buf_add(&r->names, other, strlen(other) + 1);
	free(other);
}

static void
put_header(struct rows *r)
{
	const char *p = r->names.data;

	for (int i = 0; i < r->columns; i++, p += strlen(p) + 1) {
		if (i > 0)
			buf_addc(&r->line, '\t');
		put_escaped(&r->line, p, strlen(p));
	}
	buf_addc(&r->line, '\n');
}

static const char *
name_of(sqlite3_stmt *stmt, int column)
{
	const char *name = sqlite3_column_name(stmt, column);

	return name ? name : "";
}

void
rows_begin(struct rows *r, sqlite3_stmt *stmt)
{
	static const char namespace[] = "namespace";
	int n = sqlite3_column_count(stmt);

	buf_clear(&r->names);
	r->columns = n + (r->namespaces ? 1 : 0);
	if (r->namespaces)
		add_name(r, namespace, 0);
	for (int i = 0; i < n; i++) {
		const char *name = name_of(stmt, i);
		unsigned before =
		    r->namespaces && strcmp(name, namespace) == 0 ? 1 : 0;

		for (int j = 0; j < i; j++)
			before += strcmp(name_of(stmt, j), name) == 0;
		add_name(r, name, before);
	}
	if (r->header && !r->json)
		put_header(r);
}

/* ---- rows ---- */

static void
add_json(struct rows *r, sqlite3_stmt *stmt, const char *namespace)
{
	const char *p = r->names.data;
	int own = r->namespaces ? 1 : 0;

	buf_addc(&r->line, '{');
	for (int i = 0; i < r->columns; i++, p += strlen(p) + 1) {
		if (i > 0)
			buf_addc(&r->line, ',');
		json_string(&r->line, p, strlen(p));
		buf_addc(&r->line, ':');
		if (i < own)
			json_string(&r->line, namespace, strlen(namespace));
		else
			put_json(&r->line, stmt, i - own);
	}
	buf_adds(&r->line, "}\n");
}

static void
add_text(struct rows *r, sqlite3_stmt *stmt, const char *namespace)
{
	int own = r->namespaces ? 1 : 0;

	for (int i = 0; i < r->columns; i++) {
		if (i > 0)
			buf_addc(&r->line, '\t');
		if (i < own)
			put_escaped(&r->line, namespace, strlen(namespace));
		else
			put_text(&r->line, stmt, i - own);
	}
	buf_addc(&r->line, '\n');
}

enum rc
rows_add(struct rows *r, sqlite3_stmt *stmt, const char *namespace)
{
	if (r->json)
		add_json(r, stmt, namespace);
	else
		add_text(r, stmt, namespace);
	return r->line.len >= FLUSH_AT ? rows_flush(r) : RC_OK;
}

void
rows_release(struct rows *r)
{
	buf_release(&r->line);
	buf_release(&r->names);
}
