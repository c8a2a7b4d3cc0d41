/* rec: see rec.h. */

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/number.h"
#include "base/output.h"
#include "base/time.h"
#include "base/utf8.h"
#include "format/rec.h"

enum {
	READ_SIZE = 64 << 10,
	/* A longer line is no record: PATH_MAX and some columns. */
	LINE_MAX_LEN = 16 << 10,
	NAME_LEN = NAMESPACE_MAX + 1 + KEY_LEN + 4
};

#define CLAIM "claim-"
#define SPARE ".zst"

/* What the last read found: more, the end, or that it can't be read: EBADF, a
 * stream that there never was, is cut short before its first set. */
enum source { MORE, ENDED, CLOSED, BROKEN };

struct rec_reader {
	int fd;
	enum rec_form form;
	bool eof_ends_set;
	char *const *operands; /* or NULL */
	void (*idle)(void *, int);
	void *idle_arg;
	char buf[READ_SIZE];
	size_t pos, have;
	enum source source;
	struct buf line;
	uint64_t line_no;
	uint64_t failed_at; /* the line of the last "!" */
	bool in_set;        /* something of a set was read */
	bool any_set;       /* a set has ended */
	bool over;
};

struct rec_reader *
rec_reader_new(int fd, enum rec_form form, bool eof_ends_set)
{
	struct rec_reader *r = xcalloc(1, sizeof(*r));

	r->fd = fd;
	r->form = form;
	r->eof_ends_set = eof_ends_set;
	return r;
}

struct rec_reader *
rec_reader_operands(char *const *operands, enum rec_form form)
{
	struct rec_reader *r = rec_reader_new(-1, form, false);

	r->operands = operands;
	return r;
}

void
rec_reader_idle(struct rec_reader *r, void (*idle)(void *, int), void *arg)
{
	r->idle = idle;
	r->idle_arg = arg;
}

uint64_t
rec_reader_failed_at(const struct rec_reader *r)
{
	return r->failed_at;
}

void
rec_reader_free(struct rec_reader *r)
{
	if (!r)
		return;
	buf_release(&r->line);
	free(r);
}

static bool
ends_in(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

/* NAMESPACE/claim-CLAIM: digits or small letters. */
static bool
parse_claim(struct rec *rec, const char *text)
{
	const char *slash = strrchr(text, '/'), *claim;
	size_t len = slash ? (size_t)(slash - text) : 0;

	if (!slash || strncmp(slash + 1, CLAIM, strlen(CLAIM)) != 0 ||
	    !namespace_valid(text, len))
		return false;
	claim = slash + 1 + strlen(CLAIM);
	if (!*claim || strlen(claim) > REC_CLAIM_MAX ||
	    claim[strspn(claim, "0123456789abcdefghijklmnopqrstuvwxyz")])
		return false;
	memcpy(rec->name.namespace, text, len);
	rec->name.namespace[len] = 0;
	rec->name.key = (struct key){0};
	rec->claim = claim;
	return true;
}

/* NAMESPACE/KEY.zst */
static bool
parse_spare(struct rec *rec, const char *text)
{
	size_t len = strlen(text) - strlen(SPARE);
	char name[NAME_LEN + 1];

	if (!ends_in(text, SPARE) || len >= sizeof(name))
		return false;
	memcpy(name, text, len);
	name[len] = 0;
	return rec->spare = name_parse(&rec->name, name);
}

bool
rec_is_compressed(const struct rec *rec)
{
	return rec->bytes != REC_UNKNOWN && rec->bytes > 0 &&
	       rec->pages == REC_UNKNOWN && !rec->claim;
}

bool
rec_parse_text(struct rec *rec, const char *text, enum rec_form form)
{
	rec->text = text;
	rec->claim = NULL;
	rec->spare = false;
	rec->pages = rec->bytes = REC_UNKNOWN;
	rec->is_path = form == REC_PATHS ||
		       (form == REC_EITHER &&
			   (ends_in(text, ".seg") || ends_in(text, ".idx")));
	if (form == REC_ANYTHING &&
	    (parse_claim(rec, text) || parse_spare(rec, text)))
		return true;
	return rec->is_path ? name_parse_path(&rec->name, text)
			    : name_parse(&rec->name, text);
}

/* "-" or a number, in column *s up to the next TAB; moves on.  A column that
 * is not there is unknown. */
static bool
column(char **s, uint64_t *value)
{
	size_t n;
	bool ok = true;

	*value = REC_UNKNOWN;
	if (!*s)
		return true;
	n = strcspn(*s, "\t");
	if (n != 1 || **s != '-')
		ok = number_u64(*s, n, value);
	*s = (*s)[n] ? *s + n + 1 : NULL;
	return ok;
}

static void
skip_column(char **s)
{
	if (*s)
		*s = strchr(*s, '\t');
	if (*s)
		(*s)++;
}

static bool
parse_line(struct rec *rec, char *line, size_t len, enum rec_form form)
{
	char *rest = strchr(line, '\t');
	uint64_t pages, bytes;

	if (len > LINE_MAX_LEN || strlen(line) != len)
		return false;
	if (rest)
		*rest++ = 0;
	for (int i = 0; i < 3; i++) /* START END TIME: the key says them */
		skip_column(&rest);
	if (!column(&rest, &pages) || !column(&rest, &bytes) ||
	    !rec_parse_text(rec, line, form))
		return false;
	rec->pages = pages;
	rec->bytes = bytes;
	return true;
}

/* One read; a descriptor that others made non-blocking is waited for. */
static ssize_t
read_some(struct rec_reader *r)
{
	struct pollfd p = {.fd = r->fd, .events = POLLIN};
	ssize_t n;

	for (;;) {
		n = read(r->fd, r->buf, sizeof(r->buf));
		if (n >= 0 || (errno != EINTR && errno != EAGAIN))
			return n;
		if (errno == EAGAIN)
			(void)poll(&p, 1, -1);
	}
}

static bool
fill(struct rec_reader *r)
{
	ssize_t n;

	if (r->idle)
		r->idle(r->idle_arg, r->fd);
	n = read_some(r);
	r->pos = 0;
	r->have = n > 0 ? (size_t)n : 0;
	if (n == 0) {
		r->source = ENDED;
	} else if (n < 0 && errno == EBADF) {
		r->source = CLOSED;
	} else if (n < 0) {
		msg_fail(RC_SYSTEM, "standard input: %s", strerror(errno));
		r->source = BROKEN;
	}
	return n > 0;
}

/*
 * The next line without its newline in r->line; false where nothing more comes.
 * *whole tells whether there was a newline.  Of a line that is too long only
 * enough to know that is kept.
 */
static bool
next_line(struct rec_reader *r, bool *whole)
{
	bool any = false;

	buf_clear(&r->line);
	*whole = false;
	for (;;) {
		char *nl;
		size_t n;

		if (r->pos == r->have && (r->source != MORE || !fill(r)))
			return any;
		nl = memchr(r->buf + r->pos, '\n', r->have - r->pos);
		n = nl ? (size_t)(nl - r->buf) - r->pos : r->have - r->pos;
		if (r->line.len <= LINE_MAX_LEN)
			buf_add(&r->line, r->buf + r->pos, n);
		r->pos += n + (nl != NULL);
		r->line_no += !any;
		any = true;
		if (nl) {
			*whole = true;
			return true;
		}
	}
}

static enum rec_event
end_of_set(struct rec_reader *r, bool failed)
{
	r->in_set = false;
	r->any_set = true;
	return failed ? REC_FAILED : REC_END;
}

static enum rec_event
cut_short(struct rec_reader *r)
{
	r->over = true;
	msg_fail(RC_DATA, "standard input: %s",
	    r->source == CLOSED ? "not open for reading"
	    : r->line.len       ? "cut short inside a line"
	    : r->in_set         ? "cut short inside a set"
				: "cut short before the first set");
	return REC_CUT;
}

static enum rec_event
at_end(struct rec_reader *r)
{
	r->over = true;
	if (r->source == BROKEN)
		return REC_BROKEN;
	if (r->eof_ends_set && r->source != CLOSED)
		return end_of_set(r, r->failed_at > 0);
	if (r->line.len || r->in_set || !r->any_set)
		return cut_short(r);
	return REC_EOF;
}

static enum rec_event
next_operand(struct rec_reader *r, struct rec *rec)
{
	if (!*r->operands) {
		r->over = true;
		return end_of_set(r, false);
	}
	if (!rec_parse_text(rec, *r->operands, r->form)) {
		msg_fail(
		    RC_USAGE, "%s: not the name of a segment", *r->operands++);
		return REC_BAD;
	}
	r->operands++;
	return REC_RECORD;
}

enum rec_event
rec_next(struct rec_reader *r, struct rec *rec)
{
	bool whole;

	if (r->over)
		return REC_EOF;
	if (r->operands)
		return next_operand(r, rec);
	while (next_line(r, &whole)) {
		if (!whole && (!r->eof_ends_set || r->source == BROKEN))
			break;
		if (r->line.len == 0) {
			if (r->eof_ends_set)
				continue;
			return end_of_set(r, false);
		}
		if (r->line.len == 1 && r->line.data[0] == '!') {
			r->failed_at = r->line_no;
			if (!r->eof_ends_set)
				return end_of_set(r, true);
			continue;
		}
		r->in_set = true;
		if (parse_line(rec, r->line.data, r->line.len, r->form))
			return REC_RECORD;
		msg_fail(RC_DATA,
		    "standard input, line %llu: not a record: "
		    "%.200s",
		    (unsigned long long)r->line_no, r->line.data);
		return REC_BAD;
	}
	return at_end(r);
}

/* ---- the writer ---- */

static enum rc
wrote(struct rec_writer *w)
{
	w->begun = true;
	if (w->rc == RC_OK)
		w->rc = output_check();
	return w->rc;
}

static void
add_json_string(struct buf *b, const char *key, const char *s)
{
	buf_addf(b, "\"%s\":", key);
	json_string(b, s, strlen(s));
}

static void
add_json_number(struct buf *b, const char *key, uint64_t v)
{
	if (v == REC_UNKNOWN)
		buf_addf(b, ",\"%s\":null", key);
	else
		buf_addf(b, ",\"%s\":%llu", key, (unsigned long long)v);
}

static void
add_json(
    struct buf *b, const struct rec *rec, const char *text, const char *time)
{
	const struct key *k = &rec->name.key;

	buf_addc(b, '{');
	add_json_string(b, rec->is_path ? "path" : "name", text);
	buf_addc(b, ',');
	add_json_string(b, "namespace", rec->name.namespace);
	add_json_number(b, "start", rec->claim ? REC_UNKNOWN : k->start);
	if (rec->claim)
		add_json_number(b, "end", k->end);
	else
		buf_addf(b, ",\"end\":%llu", (unsigned long long)k->end);
	if (strcmp(time, "-") == 0)
		buf_adds(b, ",\"time\":null");
	else
		buf_addf(b, ",\"time\":\"%s\"", time);
	add_json_number(b, "pages", rec->pages);
	add_json_number(b, "bytes", rec->bytes);
	buf_adds(b, "}\n");
}

static void
add_column(struct buf *b, uint64_t v)
{
	buf_addc(b, '\t');
	buf_addu(b, v);
}

static void
add_number(struct buf *b, uint64_t v)
{
	if (v == REC_UNKNOWN)
		buf_adds(b, "\t-");
	else
		add_column(b, v);
}

/* START and END.  REC_UNKNOWN is also the last frame number that there can be:
 * only of a claim does it mean "-". */
static void
add_numbers(struct buf *b, const struct rec *rec)
{
	const struct key *k = &rec->name.key;

	if (!rec->claim) {
		add_column(b, k->start);
		add_column(b, k->end);
		return;
	}
	add_number(b, REC_UNKNOWN);
	add_number(b, k->end);
}

/* NAMESPACE/KEY, NAMESPACE/claim-CLAIM, or NAMESPACE/KEY.zst. */
static const char *
name_text(const struct rec *rec, char text[NAME_LEN + 1])
{
	char *p = stpcpy(text, rec->name.namespace);

	*p++ = '/';
	if (rec->claim)
		snprintf(p, KEY_LEN + 1, "%s%s", CLAIM, rec->claim);
	else
		key_text(&rec->name.key, p);
	if (rec->spare)
		strcat(p, SPARE);
	return text;
}

enum rc
rec_format(struct buf *b, const struct rec *rec, bool json)
{
	char time[TIME_TEXT_MAX], name[NAME_LEN + 1];
	const char *text = rec->text;

	if (!text)
		text = name_text(rec, name);
	else if (!json && strpbrk(text, "\t\n"))
		return msg_fail(RC_USAGE,
		    "%s: a TAB or newline in a path has no place in a record",
		    text);
	time_text(rec->name.key.time, time);
	if (json) {
		add_json(b, rec, text, time);
		return RC_OK;
	}
	buf_adds(b, text);
	add_numbers(b, rec);
	buf_addc(b, '\t');
	buf_adds(b, time);
	add_number(b, rec->pages);
	add_number(b, rec->bytes);
	buf_addc(b, '\n');
	return RC_OK;
}

const char *
rec_end_line(bool json, bool failed)
{
	if (!failed)
		return "\n";
	return json ? "{\"failed\":true}\n" : "!\n";
}

enum rc
rec_write(struct rec_writer *w, const struct rec *rec)
{
	struct buf line = {0};
	enum rc rc;

	if (w->rc)
		return w->rc;
	rc = rec_format(&line, rec, w->json);
	output_begin();
	errno = 0;
	if (rc == RC_OK)
		fwrite(line.data, 1, line.len, stdout);
	buf_release(&line);
	if (rc)
		return rc;
	if (w->wrote)
		w->wrote(w->arg, rec);
	return wrote(w);
}

enum rc
rec_write_namespace(struct rec_writer *w, const char *namespace)
{
	struct buf line = {0};

	if (w->rc)
		return w->rc;
	if (w->json) {
		buf_addc(&line, '{');
		add_json_string(&line, "namespace", namespace);
		buf_adds(&line, "}\n");
	} else {
		buf_addf(&line, "%s\n", namespace);
	}
	output_begin();
	errno = 0;
	fwrite(line.data, 1, line.len, stdout);
	buf_release(&line);
	return wrote(w);
}

enum rc
rec_end(struct rec_writer *w, bool failed)
{
	if (w->rc)
		return w->rc;
	output_begin();
	errno = 0;
	fputs(rec_end_line(w->json, failed), stdout);
	w->begun = true;
	return rec_flush(w);
}

enum rc
rec_flush(struct rec_writer *w)
{
	if (w->rc)
		return w->rc;
	errno = 0;
	(void)fflush(stdout);
	w->rc = output_check();
	return w->rc;
}
