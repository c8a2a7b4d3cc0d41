/*
 * tarread: see tarread.h.
 *
 * libarchive pulls its input through give(), and is never given a byte beyond
 * the header, or the padded data, that it is at.  So between two members the
 * position is known to the byte, and the blocks there can be looked at before
 * libarchive sees them: it gets none of the zero blocks, at which it would stop,
 * and reads joined streams as one.
 *
 * No locale is ever set in this process, and none may be: in one with UTF-8
 * libarchive turns the names of pax headers into their composed form (NFC),
 * which is another name.  In "C" it cannot convert what is not ASCII, says so
 * with ARCHIVE_WARN, and gives the bytes as they are.
 */

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "base/buf.h"
#include "base/file.h"
#include "pack/tarread.h"

enum {
	BLOCK = 512,
	/* What is still in the cache when its CRC is computed and when it is
	 * written. */
	BUFFER = 256 << 10,
	/* pax records or a long name, their own header and the member's. */
	HEADERS_MAX = (64 << 10) + 4 * BLOCK
};

struct tarread {
	int fd;
	void (*idle)(void *);
	void *idle_arg;

	uint8_t *buffer;
	size_t at, have; /* of it: given to libarchive; read */
	bool at_eof;

	struct archive *tar;
	struct archive_entry *entry;
	bool opened, in_member;

	/* What give() is asked for: headers, block by block; the data of a plain
	 * file, of which left bytes are still to come; anything else, block by
	 * block. */
	enum { IN_HEADERS, IN_FILE, IN_OTHER } in;
	uint64_t left, headers;
	uint64_t given; /* bytes of the input */

	uint64_t size, told; /* of the file: announced, told to the caller */
	unsigned zeros;      /* zero blocks just before here; 2: or more */
	enum tar_event over; /* how it ended, or TAR_MEMBER */
};

/* The end of the stream, reported once, by the first who sees it. */
static enum tar_event
bad_stream(struct tarread *t, const char *how, const char *why)
{
	if (t->over == TAR_MEMBER) {
		msg_fail(RC_DATA, "standard input: %s%s", how, why);
		t->over = TAR_CUT;
	}
	return t->over;
}

static enum tar_event
cut_short(struct tarread *t, const char *where)
{
	return bad_stream(t, "cut short ", where);
}

static enum tar_event
damaged(struct tarread *t, const char *why)
{
	return bad_stream(t, "damaged: ", why);
}

/* By libarchive's judgement, if it has not asked for what was not there. */
static enum tar_event
refused(struct tarread *t)
{
	const char *why = archive_error_string(t->tar);

	return damaged(t, why ? why : "not a tar stream");
}

static enum tar_event
cannot_read(struct tarread *t)
{
	msg_errno("standard input");
	return t->over = TAR_ERROR;
}

/* ---- bytes ---- */

static ssize_t
read_some(struct tarread *t, void *p, size_t len)
{
	struct pollfd ready = {.fd = t->fd, .events = POLLIN};
	ssize_t n;

	if (t->idle && !fd_readable(t->fd))
		t->idle(t->idle_arg);
	for (;;) {
		n = read(t->fd, p, len);
		if (n >= 0 || (errno != EINTR && errno != EAGAIN))
			return n;
		if (errno == EAGAIN)
			(void)poll(&ready, 1, -1);
	}
}

/*
 * Have len bytes in the buffer, if so many come.  Only when all that was given
 * is used up: it moves.
 */
static enum rc
fill(struct tarread *t, size_t len)
{
	ssize_t n;

	if (t->have - t->at >= len)
		return RC_OK;
	memmove(t->buffer, t->buffer + t->at, t->have - t->at);
	t->have -= t->at;
	t->at = 0;
	while (t->have < len && !t->at_eof) {
		n = read_some(t, t->buffer + t->have, BUFFER - t->have);
		if (n < 0) {
			cannot_read(t);
			return RC_SYSTEM;
		}
		t->at_eof = n == 0;
		t->have += (size_t)n;
	}
	return RC_OK;
}

/* Is there room for what libarchive asks for? */
static bool
may_ask(struct tarread *t)
{
	if (t->in == IN_FILE && t->left == 0)
		damaged(t, "sizes that disagree");
	if (t->in == IN_HEADERS && (t->headers += BLOCK) > HEADERS_MAX)
		damaged(t, "a header above 64 KiB");
	return t->over == TAR_MEMBER;
}

static la_ssize_t
give(struct archive *a, void *arg, const void **p)
{
	struct tarread *t = arg;
	size_t least = t->in == IN_FILE ? 1 : BLOCK, n;

	(void)a;
	if (!may_ask(t) || fill(t, least) != RC_OK)
		return ARCHIVE_FATAL;
	n = t->have - t->at;
	if (n < least) {
		cut_short(t, t->in == IN_HEADERS ? "inside a header"
						 : "inside a member");
		return ARCHIVE_FATAL;
	}
	if (t->in != IN_FILE)
		n = BLOCK;
	else if (n > t->left)
		n = (size_t)t->left;
	*p = t->buffer + t->at;
	t->at += n;
	t->given += n;
	if (t->in == IN_FILE)
		t->left -= n;
	return (la_ssize_t)n;
}

/* ---- members ---- */

static bool
is_zero(const uint8_t *block)
{
	return block[0] == 0 && memcmp(block, block + 1, BLOCK - 1) == 0;
}

/*
 * Between two members: pass over zero blocks.  TAR_MEMBER: a header follows.
 * All that a tar stream has is whole blocks, so that one which was cut within
 * its last ones shows.
 */
static enum tar_event
pass_zeros(struct tarread *t)
{
	size_t have;

	for (;;) {
		if (fill(t, BLOCK) != RC_OK)
			return t->over;
		have = t->have - t->at;
		if (have == 0 && t->zeros == 2)
			return t->over = TAR_EOF;
		if (have < BLOCK)
			return cut_short(t, "between two members");
		if (!is_zero(t->buffer + t->at))
			break;
		t->at += BLOCK;
		if (t->zeros < 2 && ++t->zeros == 2)
			return TAR_ZEROS;
	}
	if (t->zeros == 1)
		return damaged(t, "a lone zero block");
	t->zeros = 0;
	return TAR_MEMBER;
}

/* What a member is, other than a plain file or a directory; or NULL. */
static const char *
what_else(struct archive_entry *e, bool warned)
{
	if (archive_entry_hardlink(e) || archive_entry_symlink(e))
		return "a link";
	if (archive_entry_sparse_count(e) > 0)
		return "a sparse file";
	if (warned)
		return "a malformed header";
	switch (archive_entry_filetype(e)) {
	case AE_IFREG:
	case AE_IFDIR:
		return NULL;
	case AE_IFCHR:
	case AE_IFBLK:
		return "a device";
	default:
		return "no file";
	}
}

static void
describe(struct tarread *t, struct tar_member *m, bool warned)
{
	struct archive_entry *e = t->entry;
	const char *path = archive_entry_pathname(e);
	size_t len;

	*m = (struct tar_member){.path = path ? path : "",
	    .what = what_else(e, warned),
	    .size = (uint64_t)archive_entry_size(e),
	    .mode = archive_entry_perm(e)};
	if (strncmp(m->path, "./", 2) == 0)
		m->path += 2;
	len = strlen(m->path);
	if (m->what)
		m->kind = TAR_OTHER;
	else if (archive_entry_filetype(e) == AE_IFDIR ||
		 (m->size == 0 && len > 0 && m->path[len - 1] == '/'))
		m->kind = TAR_DIRECTORY;
}

/* From one member to the next.  False: libarchive is elsewhere than it was led
 * to, since what a header says twice differs. */
static bool
leave_member(struct tarread *t)
{
	if (!t->in_member)
		return true;
	t->in_member = false;
	if (archive_read_data_skip(t->tar) != ARCHIVE_OK) {
		refused(t);
		return false;
	}
	if (t->left == 0 &&
	    archive_filter_bytes(t->tar, -1) == (la_int64_t)t->given)
		return true;
	damaged(t, "sizes that disagree");
	return false;
}

static int
read_header(struct tarread *t)
{
	int r = ARCHIVE_OK;

	t->in = IN_HEADERS;
	t->headers = 0;
	if (!t->opened)
		r = archive_read_open(t->tar, t, NULL, give, NULL);
	t->opened = true;
	return r == ARCHIVE_OK ? archive_read_next_header2(t->tar, t->entry)
			       : r;
}

enum tar_event
tarread_next(struct tarread *t, struct tar_member *m)
{
	enum tar_event event;
	bool warned;
	int r;

	if (t->over != TAR_MEMBER || !leave_member(t))
		return t->over;
	event = pass_zeros(t);
	if (event != TAR_MEMBER)
		return event;
	r = read_header(t);
	/* EILSEQ: a name that is not ASCII, as said above. */
	warned = r == ARCHIVE_WARN && archive_errno(t->tar) != EILSEQ;
	if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
		return refused(t);
	if (archive_entry_size(t->entry) < 0)
		return damaged(t, "a size below zero");
	t->in_member = true;
	describe(t, m, warned);
	t->in = m->kind == TAR_FILE ? IN_FILE : IN_OTHER;
	t->size = m->size;
	t->told = 0;
	t->left = 0;
	if (t->in == IN_FILE)
		t->left = (m->size + BLOCK - 1) / BLOCK * BLOCK;
	return TAR_MEMBER;
}

enum rc
tarread_data(struct tarread *t, const void **data, size_t *len)
{
	la_int64_t offset;
	int r;

	*len = 0;
	if (t->over != TAR_MEMBER)
		return t->over == TAR_ERROR ? RC_SYSTEM : RC_DATA;
	r = archive_read_data_block(t->tar, data, len, &offset);
	if (r == ARCHIVE_EOF && t->told == t->size) {
		*len = 0;
		return RC_OK;
	}
	if (r != ARCHIVE_OK && r != ARCHIVE_EOF)
		refused(t);
	else if (r == ARCHIVE_EOF || (uint64_t)offset != t->told ||
		 *len > t->size - t->told)
		damaged(t, "sizes that disagree");
	if (t->over != TAR_MEMBER) {
		*len = 0;
		return t->over == TAR_ERROR ? RC_SYSTEM : RC_DATA;
	}
	t->told += *len;
	return RC_OK;
}

struct tarread *
tarread_new(int fd, void (*idle)(void *arg), void *arg)
{
	struct tarread *t = xcalloc(1, sizeof(*t));

	t->fd = fd;
	t->idle = idle;
	t->idle_arg = arg;
	t->buffer = xmalloc(BUFFER);
	t->tar = archive_read_new();
	t->entry = archive_entry_new();
	if (!t->tar || !t->entry ||
	    archive_read_support_format_tar(t->tar) != ARCHIVE_OK)
		exit(msg_fail(RC_SYSTEM, "out of memory"));
	return t;
}

void
tarread_free(struct tarread *t)
{
	if (!t)
		return;
	archive_entry_free(t->entry);
	(void)archive_read_free(t->tar);
	free(t->buffer);
	free(t);
}
