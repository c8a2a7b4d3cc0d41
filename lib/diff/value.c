/* value: see value.h. */

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "diff/value.h"

struct value
value_of(sqlite3_stmt *stmt, int column, enum side_encoding encoding)
{
	struct value v = {.type = sqlite3_column_type(stmt, column)};

	switch (v.type) {
	case SQLITE_INTEGER:
		v.integer = sqlite3_column_int64(stmt, column);
		break;
	case SQLITE_FLOAT:
		v.real = sqlite3_column_double(stmt, column);
		break;
	case SQLITE_TEXT:
		if (encoding == SIDE_UTF8) {
			v.bytes = sqlite3_column_text(stmt, column);
			v.len = (size_t)sqlite3_column_bytes(stmt, column);
		} else { /* without a conversion */
			v.bytes = sqlite3_column_blob(stmt, column);
			v.len = (size_t)sqlite3_column_bytes16(stmt, column);
		}
		break;
	case SQLITE_BLOB:
		v.bytes = sqlite3_column_blob(stmt, column);
		v.len = (size_t)sqlite3_column_bytes(stmt, column);
		break;
	}
	return v;
}

/* As bytes: -0.0 is not 0.0. */
static bool
same_real(double a, double b)
{
	uint64_t x, y;

	memcpy(&x, &a, sizeof(x));
	memcpy(&y, &b, sizeof(y));
	return x == y;
}

bool
value_same(const struct value *a, const struct value *b)
{
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case SQLITE_INTEGER:
		return a->integer == b->integer;
	case SQLITE_FLOAT:
		return same_real(a->real, b->real);
	case SQLITE_NULL:
		return true;
	default:
		return a->len == b->len &&
		       (a->len == 0 || memcmp(a->bytes, b->bytes, a->len) == 0);
	}
}

/* ---- as SQL ---- */

void
value_name(struct buf *b, const char *name)
{
	buf_addc(b, '"');
	for (; *name; name++) {
		if (*name == '"')
			buf_addc(b, '"');
		buf_addc(b, *name);
	}
	buf_addc(b, '"');
}

static void
put_hex(struct buf *b, const uint8_t *p, size_t n)
{
	static const char digit[] = "0123456789abcdef";
	char *out;

	buf_adds(b, "x'");
	out = buf_reserve(b, 2 * n);
	for (size_t i = 0; i < n; i++) {
		*out++ = digit[p[i] >> 4];
		*out++ = digit[p[i] & 15];
	}
	b->len += 2 * n;
	buf_addc(b, '\'');
}

/* Numbers up to 2^53 and powers of two are read exactly by every SQLite, and so
 * is what these operations make of them. */
static void
put_exactly(struct buf *b, double v)
{
	int exponent;
	double mantissa = frexp(fabs(v), &exponent);

	for (exponent -= 53, mantissa = ldexp(mantissa, 53);
	     exponent < 0 && fmod(mantissa, 2) == 0; exponent++)
		mantissa /= 2;
	buf_adds(b, v < 0 ? "(-" : "(");
	buf_addf(b, "%.1f", mantissa);
	for (; exponent > 0; exponent -= exponent < 60 ? exponent : 60)
		buf_addf(b, "*%.1f", ldexp(1, exponent < 60 ? exponent : 60));
	for (; exponent<0; exponent += exponent> - 60 ? -exponent : 60)
		buf_addf(b, "/%.1f", ldexp(1, exponent > -60 ? -exponent : 60));
	buf_addc(b, ')');
}

/* What SQLite reads in a text; of the process, until value_close(). */
static sqlite3 *reader;
static sqlite3_stmt *reads;

static bool
reads_back(const char *text, double v)
{
	double got;

	if (!reads && (sqlite3_open(":memory:", &reader) != SQLITE_OK ||
			  sqlite3_prepare_v2(reader, "SELECT CAST(?1 AS REAL)",
			      -1, &reads, NULL) != SQLITE_OK))
		return false;
	sqlite3_bind_text(reads, 1, text, -1, SQLITE_STATIC);
	(void)sqlite3_step(reads);
	got = sqlite3_column_double(reads, 0);
	sqlite3_reset(reads);
	return same_real(got, v);
}

void
value_close(void)
{
	sqlite3_finalize(reads);
	sqlite3_close(reader);
	reads = NULL;
	reader = NULL;
}

static void
put_real(struct buf *b, double v)
{
	char text[48];

	if (isinf(v)) {
		buf_adds(b, v < 0 ? "-9e999" : "9e999");
		return;
	}
	snprintf(text, sizeof(text), "%.17g", v);
	if (!strpbrk(text, ".e"))
		strcat(text, ".0");
	if (v == 0 || reads_back(text, v))
		buf_adds(b, text);
	else
		put_exactly(b, v);
}

/* ---- text ---- */

/* A text that stands between quotes as it is, through any program's hands: no
 * NUL, no CR (which sqlite3 takes for the end of a line), valid, and nothing
 * that SQLite replaces when it makes UTF-16 of it. */
static bool
is_plain(const char *p, size_t n, bool wide)
{
	while (n > 0) {
		uint32_t code;
		size_t k = utf8_next(p, n, &code);

		if (k == 0 || code == 0 || code == '\r' || code == 0x1a ||
		    (wide && (code == 0xfffe || code == 0xffff)))
			return false;
		p += k;
		n -= k;
	}
	return true;
}

static void
put_quoted(struct buf *b, const char *p, size_t n)
{
	buf_addc(b, '\'');
	for (const char *at; n > 0 && (at = memchr(p, '\'', n));) {
		size_t k = (size_t)(at - p) + 1;

		buf_add(b, p, k);
		buf_addc(b, '\'');
		p += k;
		n -= k;
	}
	buf_add(b, p, n);
	buf_addc(b, '\'');
}

static void
add_utf8(struct buf *b, uint32_t c)
{
	if (c < 0x80) {
		buf_addc(b, (char)c);
	} else if (c < 0x800) {
		buf_addc(b, (char)(0xc0 | c >> 6));
		buf_addc(b, (char)(0x80 | (c & 63)));
	} else if (c < 0x10000) {
		buf_addc(b, (char)(0xe0 | c >> 12));
		buf_addc(b, (char)(0x80 | (c >> 6 & 63)));
		buf_addc(b, (char)(0x80 | (c & 63)));
	} else {
		buf_addc(b, (char)(0xf0 | c >> 18));
		buf_addc(b, (char)(0x80 | (c >> 12 & 63)));
		buf_addc(b, (char)(0x80 | (c >> 6 & 63)));
		buf_addc(b, (char)(0x80 | (c & 63)));
	}
}

static uint32_t
unit_at(const uint8_t *p, enum side_encoding in)
{
	return in == SIDE_UTF16LE ? (uint32_t)(p[0] | p[1] << 8)
				  : (uint32_t)(p[0] << 8 | p[1]);
}

static bool
is_low(uint32_t unit)
{
	return unit >= 0xdc00 && unit < 0xe000;
}

/* UTF-16 as UTF-8; half a character is made such bytes as are no UTF-8. */
static void
narrow(struct buf *b, const uint8_t *p, size_t n, enum side_encoding in)
{
	for (size_t i = 0; i + 1 < n; i += 2) {
		uint32_t c = unit_at(p + i, in);

		if (c >= 0xd800 && c < 0xdc00 && i + 3 < n &&
		    is_low(unit_at(p + i + 2, in))) {
			c = 0x10000 + ((c - 0xd800) << 10) +
			    (unit_at(p + i + 2, in) - 0xdc00);
			i += 2;
		}
		add_utf8(b, c);
	}
	if (n % 2)
		buf_addc(b, (char)0xff);
}

static void
swap(struct buf *b, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i + 1 < n; i += 2) {
		buf_addc(b, (char)p[i + 1]);
		buf_addc(b, (char)p[i]);
	}
}

/* UTF-8, of which every character is one, as UTF-16. */
static void
widen(struct buf *b, const char *p, size_t n, bool little)
{
	uint32_t code;

	for (size_t k; n > 0; p += k, n -= k) {
		uint32_t unit[2];
		int units = 1;

		k = utf8_next(p, n, &code);
		if (k == 0) {
			code = 0xfffd;
			k = 1;
		}
		unit[0] = code;
		if (code > 0xffff) {
			units = 2;
			unit[0] = 0xd800 + ((code - 0x10000) >> 10);
			unit[1] = 0xdc00 + ((code - 0x10000) & 0x3ff);
		}
		for (int i = 0; i < units; i++) {
			buf_addc(b, (char)(little ? unit[i] : unit[i] >> 8));
			buf_addc(b, (char)(little ? unit[i] >> 8 : unit[i]));
		}
	}
}

/* The bytes that a text has in that encoding. */
static void
put_cast(struct buf *b, const struct value *v, const struct buf *narrowed,
    enum side_encoding in, enum side_encoding encoding)
{
	struct buf bytes = {0};
	const char *p = v->bytes;
	size_t n = v->len;

	if (in != encoding) {
		if (encoding == SIDE_UTF8)
			buf_add(&bytes, narrowed->data, narrowed->len);
		else if (in == SIDE_UTF8)
			widen(&bytes, p, n, encoding == SIDE_UTF16LE);
		else
			swap(&bytes, v->bytes, n);
		p = bytes.data;
		n = bytes.len;
	}
	buf_adds(b, "CAST(");
	put_hex(b, (const uint8_t *)p, n);
	buf_adds(b, " AS TEXT)");
	buf_release(&bytes);
}

static void
put_text(struct buf *b, const struct value *v, enum side_encoding in,
    enum side_encoding encoding)
{
	struct buf narrowed = {0};
	const char *p = v->bytes;
	size_t n = v->len;

	if (in != SIDE_UTF8) {
		narrow(&narrowed, v->bytes, v->len, in);
		p = narrowed.data;
		n = narrowed.len;
	}
	if (is_plain(p, n, encoding != SIDE_UTF8))
		put_quoted(b, p, n);
	else
		put_cast(b, v, &narrowed, in, encoding);
	buf_release(&narrowed);
}

void
value_literal(struct buf *b, const struct value *v, enum side_encoding in,
    enum side_encoding encoding)
{
	switch (v->type) {
	case SQLITE_INTEGER:
		buf_addf(b, "%" PRId64, v->integer);
		break;
	case SQLITE_FLOAT:
		put_real(b, v->real);
		break;
	case SQLITE_TEXT:
		put_text(b, v, in, encoding);
		break;
	case SQLITE_BLOB:
		put_hex(b, v->bytes, v->len);
		break;
	default:
		buf_adds(b, "NULL");
	}
}
