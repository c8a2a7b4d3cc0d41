/*
 * seg-dump: what is in a data file, an index file or the memory of seg-cut, as
 * text: one fact a line.  For debugging by hand, so that of a damaged file it
 * prints what can be read before it says what is wrong.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uuid/uuid.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/file.h"
#include "base/time.h"
#include "cli/cli.h"
#include "cut/lastcut.h"
#include "format/check.h"
#include "format/index.h"
#include "format/sum.h"
#include "format/zseek_decoder.h"
#include "segment/segstream.h"

static const char synopsis[] = "usage: seg-dump [-Hqv] FILE ...\n";

static const struct cli_option own[] = {
    {'H', "header", NULL, "the header alone"},
    {0},
};

/* What a frame of zstd's begins with. */
#define ZSTD_MAGIC UINT32_C(0xFD2FB528)

struct dump {
	struct cli cli;
	bool header_only;
};

static void
fact(const char *name, uint64_t value)
{
	printf("%s\t%" PRIu64 "\n", name, value);
}

static void
fact_time(uint64_t ms)
{
	char text[TIME_TEXT_MAX];

	fact("time-ms", ms);
	printf("time\t%s\n", time_text(ms, text));
}

static void
fact_hex(const char *name, const uint8_t *p, size_t n)
{
	printf("%s\t", name);
	for (size_t i = 0; i < n; i++)
		printf("%02x", p[i]);
	putchar('\n');
}

/* Of a random UUID, as libsql's are: its version and variant are where they
 * should be. */
static bool
is_uuid(const uint8_t id[SEG_ID])
{
	return id[6] >> 4 == 4 && id[8] >> 6 == 2;
}

/* libsql stores them in the order of their text or, where a log was sealed, the
 * other way round. */
static void
fact_uuid(const uint8_t id[SEG_ID])
{
	uint8_t turned[SEG_ID];
	char text[UUID_STR_LEN];

	for (size_t i = 0; i < SEG_ID; i++)
		turned[i] = id[SEG_ID - 1 - i];
	if (!is_uuid(id) && !is_uuid(turned))
		return;
	uuid_unparse_lower(is_uuid(id) ? id : turned, text);
	printf("uuid\t%s\n", text);
}

/* ---- data ---- */

static void
dump_header(const struct seg_header *h)
{
	bool sum = seg_id_has_sum(h->id);

	printf("layout\t%s\n", h->layout == SEG_OLD ? "old" : "later");
	fact("start", h->key.start);
	fact("end", h->key.end);
	fact_time(h->key.time);
	fact_hex(h->layout == SEG_OLD ? "segment-id" : "log-id", h->id, SEG_ID);
	if (!sum)
		fact_uuid(h->id);
	printf("database-checksum\t%s\n", sum ? "yes" : "no");
	fact("size-after", h->size_after);
	fact("page-size", h->page_size);
	fact("frames", h->frames);
}

static enum rc
dump_frame(void *arg, uint32_t position, uint32_t page, uint64_t frame_no)
{
	(void)arg;
	printf("frame\t%" PRIu32 "\tpage\t%" PRIu32 "\tnumber\t%" PRIu64 "\n",
	    position, page, frame_no);
	return RC_OK;
}

/* All of the file, by that reading of its header. */
static enum rc
check_frames(struct file *f, const char *name, const struct seg_header *h,
    uint64_t length, enum rc (*on_frame)(void *, uint32_t, uint32_t, uint64_t))
{
	struct seg_check *check;
	enum rc rc;

	check = seg_check_new(name, &h->key, length, on_frame, NULL);
	rc = segstream_feed_check(check, f, length);
	if (rc == RC_OK)
		rc = seg_check_end(check, NULL);
	seg_check_free(check);
	return rc;
}

/* Of two readings the one whose checksums are right; if none is, the first. */
static const struct seg_header *
choose(struct file *f, const char *name, const struct seg_header h[2], size_t n,
    uint64_t length)
{
	size_t right = 0;

	if (n < 2)
		return &h[0];
	msg_hush(true);
	while (right < n &&
	       check_frames(f, name, &h[right], length, NULL) != RC_OK)
		right++;
	msg_hush(false);
	return &h[right % n];
}

/* A key in the file's name need not be right: the header is shown as it is. */
static enum rc
dump_segment(struct dump *d, struct file *f, const char *name,
    const uint8_t *head, size_t have, uint64_t length)
{
	struct seg_header readings[2];
	const struct seg_header *h;
	size_t n;
	enum rc rc;

	rc = seg_header_guess(readings, &n, name, head, have, length);
	if (rc)
		return rc;
	h = choose(f, name, readings, n, length);
	printf("segment\t%s\n", name);
	dump_header(h);
	if (d->header_only)
		return RC_OK;
	rc = check_frames(f, name, h, length, dump_frame);
	printf("checksums\t%s\n", rc == RC_OK ? "good" : "BAD");
	return rc;
}

/* ---- compressed ones ---- */

static enum rc
decode_piece(void *decoder, const void *data, size_t len)
{
	return zseek_decoder_feed(decoder, data, len);
}

static enum rc
decode(struct file *f, uint64_t length, struct file_tail *plain)
{
	struct zseek_decoder *d =
	    zseek_decoder_new(file_name(f), file_append, plain);
	enum rc rc = file_feed(f, 0, length, decode_piece, d);

	if (rc == RC_OK)
		rc = zseek_decoder_end(d, NULL);
	zseek_decoder_free(d);
	return rc;
}

/* Its frames are looked at more than once: hence a scratch file. */
static enum rc
dump_compressed(struct dump *d, struct file *f, uint64_t length)
{
	struct file_tail plain = {0};
	uint8_t head[SEG_HEADER_MAX];
	size_t have;
	enum rc rc = file_scratch(&plain.file);

	if (rc == RC_OK)
		rc = decode(f, length, &plain);
	have = plain.at < sizeof(head) ? (size_t)plain.at : sizeof(head);
	if (rc == RC_OK)
		rc = file_read(plain.file, head, have, 0);
	if (rc == RC_OK)
		rc = dump_segment(
		    d, plain.file, file_name(f), head, have, plain.at);
	file_close(&plain.file);
	return rc;
}

/* ---- indexes ---- */

static enum rc
dump_entries(const struct fst *fst)
{
	struct fst_iter it;
	uint64_t value;
	uint32_t page;
	enum rc rc;

	fst_iter_init(&it, fst);
	while ((rc = fst_iter_next(&it, &page, &value)) == RC_OK)
		printf("entry\tpage\t%" PRIu32 "\tframe\t%" PRIu64 "\n", page,
		    value);
	return rc == RC_ABSENT ? RC_OK : rc;
}

static enum rc
dump_index(struct dump *d, struct file *f)
{
	struct file_map map;
	struct fst fst;
	enum rc rc;

	rc = file_map(&map, f, SIZE_MAX);
	if (rc)
		return rc;
	rc = index_open_any(&fst, file_name(f), map.data, map.len);
	if (rc == RC_OK) {
		printf("index\t%s\n", file_name(f));
		printf("header\t%s\n", fst.data == map.data ? "none" : "yes");
		fact("fst-bytes", fst.len);
		fact("keys", fst.count);
		fact("root", fst.root);
		if (!d->header_only)
			rc = dump_entries(&fst);
	}
	file_unmap(&map);
	return rc;
}

/* ---- the memory of seg-cut ---- */

static void
dump_memory(struct file *f, const struct lastcut_facts *m)
{
	printf("memory\t%s\n", file_name(f));
	fact("start", m->last.start);
	fact("end", m->last.end);
	fact_time(m->last.time);
	printf("database-checksum\t%016" PRIx64 "%016" PRIx64 "\n", m->sum.high,
	    m->sum.low);
	fact("page-size", m->db.page_size);
	fact("pages", m->db.size);
	fact("database-inode", m->db.db.ino);
	fact("database-bytes", m->db.db.size);
	fact("log-frame", m->db.wal.frame);
	fact_hex("log-salt", m->db.wal.salt, WAL_SALT);
	fact("log-commits", m->db.commits);
	fact("compared-ms", m->compared);
	fact("cuts-since", m->cuts);
	fact_hex("counters", m->db.counters, LIVEDB_COUNTERS);
	fact("stored-end", m->stored_end);
}

/* ---- which of them ---- */

static bool
ends_in(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

static enum rc
dump_file(struct dump *d, struct file *f)
{
	uint8_t head[LASTCUT_HEAD];
	struct lastcut_facts facts;
	uint64_t length;
	size_t have;
	enum rc rc;

	rc = file_size(f, &length);
	if (rc)
		return rc;
	have = length < sizeof(head) ? (size_t)length : sizeof(head);
	rc = file_read(f, head, have, 0);
	if (rc)
		return rc;
	if (have == sizeof(head) && lastcut_parse(head, &facts)) {
		dump_memory(f, &facts);
		return RC_OK;
	}
	if (index_is_index(head, have, length) || ends_in(file_name(f), ".idx"))
		return dump_index(d, f);
	if (have >= 4 && le32(head) == ZSTD_MAGIC)
		return dump_compressed(d, f, length);
	return dump_segment(d, f, file_name(f), head, have, length);
}

static enum rc
dump_path(struct dump *d, const char *path)
{
	struct file *f = NULL;
	enum rc rc = file_open_there(&f, path, "");

	if (rc == RC_OK)
		rc = dump_file(d, f);
	file_close(&f);
	return rc;
}

int
main(int argc, char **argv)
{
	struct dump d = {0};

	cli_init(&d.cli, argv, synopsis, "", own);
	while (cli_getopt(&d.cli, argc, argv) != -1)
		d.header_only = true;
	if (optind == argc)
		cli_usage(&d.cli, "no file");
	for (; optind < argc; optind++)
		d.cli.rc = rc_max(d.cli.rc, dump_path(&d, argv[optind]));
	return cli_exit(&d.cli);
}
