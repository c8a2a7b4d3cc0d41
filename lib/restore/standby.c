/* standby: see standby.h. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/number.h"
#include "format/checksum.h"
#include "restore/standby.h"

static const char first_line[] = "segtools-standby 1\n";

enum { FIELDS = 10, FILE_MAX = 4096 };

/* ---- one line ---- */

static uint64_t
mtime_of(const struct stat *st)
{
	return (uint64_t)st->st_mtim.tv_sec * 1000000000 +
	       (uint64_t)st->st_mtim.tv_nsec;
}

static bool
hex64(const char *s, size_t len, uint64_t *value)
{
	*value = 0;
	for (size_t i = 0; i < len; i++) {
		const char *digits = "0123456789abcdef", *d;

		if (!s[i] || !(d = strchr(digits, s[i])))
			return false;
		*value = *value << 4 | (uint64_t)(d - digits);
	}
	return true;
}

static bool
parse_sum(struct standby *s, const char *text, size_t len)
{
	s->has_sum = len == 32;
	if (!s->has_sum)
		return len == 1 && *text == '-';
	return hex64(text, 16, &s->sum.high) &&
	       hex64(text + 16, 16, &s->sum.low);
}

/* The fields of a line, TABs between them; false if there are not FIELDS. */
static bool
split(const char *line, size_t len, const char *at[FIELDS], size_t n[FIELDS])
{
	for (int i = 0; i < FIELDS; i++) {
		const char *tab = memchr(line, '\t', len);

		if ((tab == NULL) != (i == FIELDS - 1))
			return false;
		at[i] = line;
		n[i] = tab ? (size_t)(tab - line) : len;
		line += n[i] + 1;
		len -= tab ? n[i] + 1 : n[i];
	}
	return true;
}

static bool
parse_line(struct standby *s, const char *line, size_t len)
{
	const char *at[FIELDS];
	size_t n[FIELDS];
	uint64_t crc, page_size, size;

	*s = (struct standby){0};
	if (!split(line, len, at, n) || n[9] != 8 || !hex64(at[9], 8, &crc) ||
	    crc != checksum_crc32(0, line, (size_t)(at[9] - line)))
		return false;
	if (!namespace_valid(at[0], n[0]) ||
	    !number_u64(at[1], n[1], &s->end) ||
	    !number_u64(at[2], n[2], &s->time) || !parse_sum(s, at[3], n[3]) ||
	    !number_u64(at[4], n[4], &page_size) ||
	    !number_u64(at[5], n[5], &size) ||
	    !number_u64(at[6], n[6], &s->inode) ||
	    !number_u64(at[7], n[7], &s->bytes) ||
	    !number_u64(at[8], n[8], &s->mtime))
		return false;
	if (page_size > SEG_PAGE_MAX ||
	    !seg_page_size_valid((uint32_t)page_size) || size > UINT32_MAX ||
	    s->bytes != page_size * size || s->end == 0)
		return false;
	memcpy(s->namespace, at[0], n[0]);
	s->page_size = (uint32_t)page_size;
	s->size = (uint32_t)size;
	return true;
}

static void
add_line(struct buf *b, const struct standby *s)
{
	size_t from = b->len;

	buf_addf(
	    b, "%s\t%" PRIu64 "\t%" PRIu64 "\t", s->namespace, s->end, s->time);
	if (s->has_sum)
		buf_addf(
		    b, "%016" PRIx64 "%016" PRIx64, s->sum.high, s->sum.low);
	else
		buf_addc(b, '-');
	buf_addf(b,
	    "\t%" PRIu32 "\t%" PRIu32 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64
	    "\t",
	    s->page_size, s->size, s->inode, s->bytes, s->mtime);
	buf_addf(b, "%08" PRIx32 "\n",
	    checksum_crc32(0, b->data + from, b->len - from));
}

/* ---- the file ---- */

/* The line that fits the stamps. */
static bool
find(struct standby *s, const char *text, const struct stat *st, bool *damaged)
{
	const char *end;

	*damaged = strncmp(text, first_line, sizeof(first_line) - 1) != 0;
	if (*damaged)
		return false;
	for (text += sizeof(first_line) - 1; *text; text = end + 1) {
		end = strchr(text, '\n');
		*damaged = !end || !parse_line(s, text, (size_t)(end - text));
		if (*damaged)
			return false;
		if (s->inode == (uint64_t)st->st_ino &&
		    s->bytes == (uint64_t)st->st_size &&
		    s->mtime == mtime_of(st))
			return true;
	}
	return false;
}

static enum rc
read_text(const char *path, char text[FILE_MAX + 1])
{
	struct file *f = NULL;
	uint64_t size;
	enum rc rc = file_open(&f, path);

	if (rc == RC_OK)
		rc = file_size(f, &size);
	if (rc == RC_OK && size > FILE_MAX)
		size = 0;
	if (rc == RC_OK)
		rc = file_read(f, text, (size_t)size, 0);
	if (rc == RC_OK)
		text[size] = 0;
	file_close(&f);
	return rc;
}

static bool
has_bytes(const char *db, const char *suffix)
{
	char *path = xasprintf("%s%s", db, suffix);
	struct stat st;
	bool has = stat(path, &st) == 0 && st.st_size > 0;

	free(path);
	return has;
}

/* Was it replaced since? */
static bool
is_other(const char *db, const struct stat *was)
{
	struct stat st;

	return stat(db, &st) == 0 && st.st_ino != was->st_ino;
}

/* db: where it is. */
static enum rc
read_beside(const char *db, struct standby *s, const char **why)
{
	char text[FILE_MAX + 1], *path = xasprintf("%s-seg", db);
	bool damaged = false, found;
	struct stat st;
	enum rc rc;

	do {
		if (stat(db, &st) != 0) {
			rc = errno == ENOENT ? RC_ABSENT : msg_errno(db);
			free(path);
			return rc;
		}
		rc = read_text(path, text);
		found = rc == RC_OK && find(s, text, &st, &damaged);
	} while (rc == RC_OK && !found && !damaged && is_other(db, &st));
	free(path);
	if (rc == RC_ABSENT) {
		*why = "it has no DB-seg: seg-restore -u did not make it";
		return RC_OK;
	}
	if (rc)
		return rc;
	if (!found)
		*why = damaged ? "its DB-seg is damaged"
			       : "it was changed, or moved, since seg-restore "
				 "-u made it";
	else if (has_bytes(db, "-wal") || has_bytes(db, "-journal"))
		*why = "somebody has written to it: there is a -wal or "
		       "-journal";
	return RC_OK;
}

enum rc
standby_read(const char *db, struct standby *s, const char **why)
{
	char *real = realpath(db, NULL);
	enum rc rc;

	*why = NULL;
	if (!real)
		return errno == ENOENT ? RC_ABSENT : msg_errno(db);
	rc = read_beside(real, s, why);
	free(real);
	return rc;
}

enum rc
standby_stamp(struct standby *s, int fd, const char *name)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return msg_errno(name);
	s->inode = (uint64_t)st.st_ino;
	s->bytes = (uint64_t)st.st_size;
	s->mtime = mtime_of(&st);
	return RC_OK;
}

/* It is for whom the copy is for: what root has brought up to date others go on
 * with.  (An owner that cannot be given is one that nobody has there.) */
static enum rc
give(struct file *f, const char *db)
{
	struct stat st;

	if (stat(db, &st) != 0)
		return errno == ENOENT ? RC_OK : msg_errno(db);
	if (geteuid() == 0 && fchown(file_fd(f), st.st_uid, st.st_gid) != 0)
		msg_info("%s: its owner cannot be kept", file_path(f));
	return file_chmod_as(f, st.st_mode & 0666);
}

enum rc
standby_write(
    const char *db, const struct standby *is, const struct standby *comes)
{
	struct buf text = {0};
	struct file *f = NULL;
	char *path = xasprintf("%s-seg", db);
	enum rc rc;

	buf_adds(&text, first_line);
	if (is)
		add_line(&text, is);
	add_line(&text, comes);
	rc = file_create(&f, path, FILE_REPLACE);
	if (rc == RC_OK)
		rc = give(f, db);
	if (rc == RC_OK)
		rc = file_write(f, text.data, text.len, 0);
	if (rc == RC_OK)
		rc = file_commit(&f);
	file_close(&f);
	free(path);
	buf_release(&text);
	return rc;
}
