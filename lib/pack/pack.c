/*
 * pack: see pack.h.
 *
 * A member's size goes before its bytes, and the verdict on a segment comes with
 * its last byte.  So each piece is checked before it is written, and the last
 * one waits for the verdict: of a segment that fits into one piece nothing goes
 * out if it is bad.
 */

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>

#include "base/acl.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/output.h"
#include "pack/pack.h"
#include "segment/segstream.h"

enum { PIECE = 256 << 10 };

struct pack {
	struct archive *tar;
	struct archive_entry *entry;
	locale_t utf8;
	uint8_t *piece;
	void (*moved)(void *, uint64_t);
	void *moved_arg;
	bool over; /* nothing more is written */
};

/* ---- the stream ---- */

/*
 * A failed write is seen by status(); libarchive, told of it, would not free
 * all that it has.
 */
static la_ssize_t
write_out(struct archive *a, void *arg, const void *data, size_t len)
{
	struct pack *p = arg;

	(void)a;
	errno = 0;
	if (!p->over && fwrite(data, 1, len, stdout) != len)
		(void)output_check();
	return (la_ssize_t)len;
}

/* Of what libarchive has returned, and of stdout. */
static enum rc
status(struct pack *p, const char *path, long r)
{
	enum rc rc = output_check();

	if (rc == RC_OK && r < ARCHIVE_WARN)
		rc = msg_fail(
		    RC_SYSTEM, "%s: %s", path, archive_error_string(p->tar));
	return rc;
}

struct member {
	const char *path;
	uint64_t size;
	mode_t mode;
	uint64_t time; /* ms */
};

/*
 * libarchive writes a name that is not ASCII as what it is in the current
 * locale, and only in one with UTF-8 are these bytes UTF-8.  In "C" they would
 * be marked as of no character set, which other tars know nothing of.
 */
static enum rc
put_header(struct pack *p, const struct member *m)
{
	locale_t old = p->utf8 ? uselocale(p->utf8) : (locale_t)0;
	int r;

	archive_entry_clear(p->entry);
	archive_entry_set_pathname(p->entry, m->path);
	archive_entry_set_filetype(p->entry, AE_IFREG);
	archive_entry_set_perm(p->entry, m->mode);
	archive_entry_set_size(p->entry, (la_int64_t)m->size);
	archive_entry_set_mtime(p->entry, (time_t)(m->time / 1000), 0);
	r = archive_write_header(p->tar, p->entry);
	if (p->utf8)
		uselocale(old);
	return status(p, m->path, r);
}

static enum rc
put(struct pack *p, const char *path, const void *data, size_t len)
{
	enum rc rc = status(p, path, archive_write_data(p->tar, data, len));

	if (rc == RC_OK && p->moved)
		p->moved(p->moved_arg, len);
	return rc;
}

/* The rest of a member that turned out bad. */
static enum rc
fill_up(struct pack *p, const char *path, uint64_t len)
{
	enum rc rc = RC_OK;
	size_t n;

	memset(p->piece, 0, PIECE);
	for (; rc == RC_OK && len > 0; len -= n) {
		n = len < PIECE ? (size_t)len : PIECE;
		rc = put(p, path, p->piece, n);
	}
	return rc;
}

static enum rc
end_member(struct pack *p, const char *path)
{
	return status(p, path, archive_write_finish_entry(p->tar));
}

/* ---- one segment ---- */

struct source {
	struct file *seg, *idx;
	struct file_map map; /* of idx */
	struct segstream *check;
	struct member data, index;
	char *data_path, *index_path; /* in the stream */
	struct seg_header header;     /* once it is checked */
};

static enum rc
open_part(struct file **f, const char *path, struct member *m)
{
	struct stat st;
	enum rc rc = file_open(f, path);

	if (rc == RC_ABSENT)
		return msg_fail(RC_DATA, "%s: no such file", path);
	if (rc == RC_OK && fstat(file_fd(*f), &st) != 0)
		rc = msg_errno(path);
	if (rc)
		return rc;
	m->size = (uint64_t)st.st_size;
	m->mode = acl_mode(file_fd(*f), NULL, st.st_mode) & 0444;
	return RC_OK;
}

static enum rc
source_open(struct source *s, const char *path, const struct name *name)
{
	int stem = (int)(strlen(path) - strlen(".seg"));
	char *seg = xasprintf("%.*s.seg", stem, path);
	char *idx = xasprintf("%.*s.idx", stem, path);
	enum rc rc;

	/* In DIR "" the path would begin with a slash, which is not wanted. */
	s->data_path = name_path(".", name, PART_SEGMENT);
	s->index_path = name_path(".", name, PART_INDEX);
	s->data.path = s->data_path + strlen("./");
	s->index.path = s->index_path + strlen("./");
	s->data.time = s->index.time = name->key.time;
	rc = open_part(&s->seg, seg, &s->data);
	if (rc == RC_OK)
		rc = open_part(&s->idx, idx, &s->index);
	if (rc == RC_OK)
		rc = file_map(&s->map, s->idx, SIZE_MAX);
	if (rc == RC_OK) {
		s->index.size = s->map.len;
		s->check = segstream_new(seg, &name->key, s->data.size, idx,
		    s->map.data, s->map.len, true);
		file_sequential(s->seg);
	}
	free(seg);
	free(idx);
	return rc;
}

static void
source_release(struct source *s)
{
	segstream_free(s->check);
	file_unmap(&s->map);
	file_close(&s->seg);
	file_close(&s->idx);
	free(s->data_path);
	free(s->index_path);
}

/* The next piece, checked; the last one with all that was before it. */
static enum rc
next_piece(struct pack *p, struct source *s, size_t len, uint64_t at)
{
	enum rc rc = file_read(s->seg, p->piece, len, at);

	if (rc == RC_OK)
		rc = segstream_feed(s->check, p->piece, len);
	if (rc == RC_OK && at + len == s->data.size)
		rc = segstream_end(s->check, &s->header, NULL);
	return rc;
}

static enum rc
put_segment(struct pack *p, struct source *s)
{
	uint64_t size = s->data.size, at = 0;
	enum rc rc = RC_OK, fill;
	size_t n;

	if (size == 0) /* "too short" */
		return segstream_end(s->check, &s->header, NULL);
	for (; at < size; at += n) {
		n = size - at < PIECE ? (size_t)(size - at) : PIECE;
		rc = next_piece(p, s, n, at);
		if (rc == RC_OK && at == 0)
			rc = put_header(p, &s->data);
		if (rc)
			break;
		rc = put(p, s->data.path, p->piece, n);
		if (rc)
			return rc;
	}
	if (at > 0 && at < size) {
		fill = fill_up(p, s->data.path, size - at);
		rc = rc_max(rc, fill);
	}
	if (at > 0)
		rc = rc_max(rc, end_member(p, s->data.path));
	return rc;
}

static enum rc
put_index(struct pack *p, struct source *s)
{
	enum rc rc = put_header(p, &s->index);

	if (rc == RC_OK)
		rc = put(p, s->index.path, s->map.data, s->map.len);
	return rc ? rc : end_member(p, s->index.path);
}

enum rc
pack_add(struct pack *p, const char *path, const struct name *name,
    struct seg_header *header)
{
	struct source s = {0};
	enum rc rc;

	if (names_end_of_set(name->namespace, strlen(name->namespace)))
		return msg_fail(RC_DATA,
		    "%s: a namespace of this name cannot be packed", path);
	rc = source_open(&s, path, name);
	if (rc == RC_OK)
		rc = put_segment(p, &s);
	if (rc == RC_OK)
		rc = put_index(p, &s);
	*header = s.header;
	source_release(&s);
	return rc;
}

/* ---- sets and the whole ---- */

enum rc
pack_flush(struct pack *p)
{
	(void)p;
	errno = 0;
	(void)fflush(stdout);
	return output_check();
}

enum rc
pack_end_set(struct pack *p, bool failed)
{
	const struct member m = {
	    .path = failed ? SET_FAILED : SET_END,
	    .mode = 0444,
	};
	enum rc rc = put_header(p, &m);

	if (rc == RC_OK)
		rc = end_member(p, m.path);
	return rc ? rc : pack_flush(p);
}

enum rc
pack_finish(struct pack *p)
{
	int r = archive_write_close(p->tar);

	p->over = true;
	return status(p, "standard output", r);
}

struct pack *
pack_new(void (*moved)(void *arg, uint64_t bytes), void *arg)
{
	struct pack *p = xcalloc(1, sizeof(*p));

	p->moved = moved;
	p->moved_arg = arg;
	p->piece = xmalloc(PIECE);
	p->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	p->tar = archive_write_new();
	p->entry = archive_entry_new();
	/* Unblocked, so that what is buffered is stdout's alone. */
	if (!p->tar || !p->entry ||
	    archive_write_set_format_pax_restricted(p->tar) != ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(p->tar, 0) != ARCHIVE_OK ||
	    archive_write_open(p->tar, p, NULL, write_out, NULL) != ARCHIVE_OK)
		exit(msg_fail(RC_SYSTEM, "out of memory"));
	return p;
}

void
pack_free(struct pack *p)
{
	if (!p)
		return;
	/* libarchive writes the zero blocks by itself, if it has not yet. */
	p->over = true;
	(void)archive_write_free(p->tar);
	archive_entry_free(p->entry);
	if (p->utf8)
		freelocale(p->utf8);
	free(p->piece);
	free(p);
}
