/* side: see side.h. */

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/sqlite.h"
#include "diff/side.h"

#define VFS_NAME "seg-diff"

/* What the VFS is asked to open. */
static const char from_name[] = "from", to_name[] = "to";

/* In page 1. */
enum { RESERVED = 20, LARGEST_ROOT = 52, ENCODING = 56 };

enum rc
side_damaged(const struct side *s, uint32_t page, const char *what)
{
	return msg_fail(RC_DATA, "%s: page %u: %s", s->name, page, what);
}

enum rc
side_fail(const struct side *s)
{
	bool lacks;
	enum rc rc;

	/* A page that is not to be had was reported. */
	if (s->source.rc && (sqlite3_errcode(s->db) & 0xff) == SQLITE_IOERR)
		return s->source.rc;
	rc = guard_fail(&s->guard, s->db, s->name, &lacks);
	return lacks ? RC_DATA : rc;
}

enum rc
side_page(struct side *s, uint32_t page, const uint8_t **bytes)
{
	if (page == 0 || page > s->pages) {
		(void)side_damaged(s, page, "there is no such page");
		return RC_DATA;
	}
	return state_page(s->source.state, page, bytes);
}

enum rc
side_prepare(const struct side *s, sqlite3_stmt **stmt, const char *format, ...)
{
	va_list ap;
	char *sql;
	int result;

	*stmt = NULL;
	va_start(ap, format);
	sql = sqlite3_vmprintf(format, ap);
	va_end(ap);
	result =
	    sql ? sqlite3_prepare_v2(s->db, sql, -1, stmt, NULL) : SQLITE_NOMEM;
	sqlite3_free(sql);
	return result == SQLITE_OK ? RC_OK : side_fail(s);
}

enum rc
side_step(const struct side *s, sqlite3_stmt *stmt)
{
	switch (sqlite3_step(stmt)) {
	case SQLITE_ROW:
		return RC_OK;
	case SQLITE_DONE:
		return RC_ABSENT;
	default:
		return side_fail(s);
	}
}

/* ---- opening ---- */

static enum rc
open_file(struct statevfs *vfs, const char *name, struct state_source **out)
{
	struct pair *p = (struct pair *)vfs;

	*out = strcmp(name, from_name) == 0 ? &p->from.source : &p->to.source;
	return RC_OK;
}

/* The state is closed with the side. */
static void
close_file(struct state_source *s)
{
	(void)s;
}

static enum rc
read_header(struct side *s)
{
	static const char magic[16] = "SQLite format 3";
	const uint8_t *bytes;
	enum rc rc;

	s->page_size = state_page_size(s->source.state);
	s->pages = state_pages(s->source.state);
	rc = side_page(s, 1, &bytes);
	if (rc)
		return rc;
	if (memcmp(bytes, magic, sizeof(magic)) != 0)
		return msg_fail(RC_DATA, "%s: not a database", s->name);
	s->usable = s->page_size - bytes[RESERVED];
	s->has_map = be32(bytes + LARGEST_ROOT) != 0;
	s->encoding = (enum side_encoding)be32(bytes + ENCODING);
	if (be32(bytes + ENCODING) == 0)
		s->encoding = SIDE_UTF8; /* nothing was ever in it */
	if (s->encoding > SIDE_UTF16BE || s->usable < 480)
		return side_damaged(s, 1, "not a header of a database");
	return RC_OK;
}

static enum rc
side_open(
    struct side *s, const struct state_opts *o, const struct side_plan *plan)
{
	struct state_opts mine = *o;
	enum rc rc;

	mine.stored = plan->stored;
	s->source.close = close_file;
	rc = state_open(&s->source.state, &mine, plan->namespace, plan->keys);
	if (rc)
		return rc;
	s->name = xasprintf("%s, frame %llu", plan->namespace,
	    (unsigned long long)state_end(s->source.state));
	return read_header(s);
}

static enum rc
side_connect(struct side *s, const char *name)
{
	if (sqlite3_open_v2(name, &s->db, SQLITE_OPEN_READWRITE, VFS_NAME) ||
	    guard_connection(&s->guard, s->db))
		return side_fail(s);
	return RC_OK;
}

static void
side_close(struct side *s)
{
	sqlite3_close(s->db);
	state_close(s->source.state);
	free(s->name);
}

enum rc
pair_open(struct pair *p, const struct state_opts *o,
    const struct side_plan *from, const struct side_plan *to)
{
	struct state_opts half = *o;
	enum rc rc;

	memset(p, 0, sizeof(*p));
	half.cache /= 2;
	statevfs_init(&p->vfs, VFS_NAME, sqlite3_vfs_find(NULL));
	p->vfs.open = open_file;
	sqlite3_vfs_register(&p->vfs.vfs, 0);
	rc = side_open(&p->from, &half, from);
	if (rc == RC_OK)
		rc = side_open(&p->to, &half, to);
	if (rc)
		return rc;
	p->alike = strcmp(from->namespace, to->namespace) == 0 &&
		   p->from.page_size == p->to.page_size &&
		   p->from.usable == p->to.usable;
	p->text =
	    p->from.encoding == p->to.encoding ? p->from.encoding : SIDE_UTF8;
	if (p->alike)
		state_share(p->to.source.state, p->from.source.state);
	rc = side_connect(&p->from, from_name);
	if (rc == RC_OK)
		rc = side_connect(&p->to, to_name);
	return rc;
}

void
pair_close(struct pair *p)
{
	side_close(&p->to);
	side_close(&p->from);
	if (p->vfs.base)
		sqlite3_vfs_unregister(&p->vfs.vfs);
}
