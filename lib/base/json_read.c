/* json_read: see json_read.h. */

#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/json_read.h"
#include "base/utf8.h"

enum { DEPTH_MAX = 16 };

struct reader {
	const char *p, *end;
};

static bool value(
    struct reader *r, unsigned depth, struct buf *text, struct json_member *m);

static void
space(struct reader *r)
{
	while (r->p < r->end && strchr(" \t\r\n", *r->p) && *r->p)
		r->p++;
}

static bool
is_next(struct reader *r, char c)
{
	space(r);
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

/* ---- strings ---- */

static bool
hex4(struct reader *r, uint32_t *c)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";

	*c = 0;
	if (r->end - r->p < 4)
		return false;
	for (int i = 0; i < 4; i++, r->p++) {
		const char *at = *r->p ? strchr(digits, *r->p) : NULL;

		if (!at)
			return false;
		*c = *c << 4 | (uint32_t)((at - digits) & 15);
	}
	return true;
}

static void
add_utf8(struct buf *b, uint32_t c)
{
	if (c < 0x80) {
		buf_addc(b, (char)c);
		return;
	}
	if (c < 0x800) {
		buf_addc(b, (char)(0xc0 | c >> 6));
	} else {
		if (c < 0x10000) {
			buf_addc(b, (char)(0xe0 | c >> 12));
		} else {
			buf_addc(b, (char)(0xf0 | c >> 18));
			buf_addc(b, (char)(0x80 | (c >> 12 & 63)));
		}
		buf_addc(b, (char)(0x80 | (c >> 6 & 63)));
	}
	buf_addc(b, (char)(0x80 | (c & 63)));
}

/* Behind "\u"; what is beyond U+FFFF comes as two. */
static bool
escaped_unit(struct reader *r, struct buf *b)
{
	uint32_t c, low;

	if (!hex4(r, &c) || c == 0 || (c >= 0xdc00 && c < 0xe000))
		return false;
	if (c >= 0xd800 && c < 0xdc00) {
		if (r->end - r->p < 2 || r->p[0] != '\\' || r->p[1] != 'u')
			return false;
		r->p += 2;
		if (!hex4(r, &low) || low < 0xdc00 || low >= 0xe000)
			return false;
		c = 0x10000 + ((c - 0xd800) << 10 | (low - 0xdc00));
	}
	add_utf8(b, c);
	return true;
}

static bool
escaped(struct reader *r, struct buf *b)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at;

	if (r->p == r->end || !*r->p)
		return false;
	if (*r->p == 'u') {
		r->p++;
		return escaped_unit(r, b);
	}
	at = strchr(from, *r->p++);
	if (at)
		buf_addc(b, to[at - from]);
	return at;
}

static bool
string(struct reader *r, struct buf *b)
{
	uint32_t c;
	size_t n;

	buf_clear(b);
	buf_adds(b, "");
	if (!is_next(r, '"'))
		return false;
	while (r->p < r->end && *r->p != '"') {
		if (*r->p == '\\') {
			r->p++;
			if (!escaped(r, b))
				return false;
			continue;
		}
		n = utf8_next(r->p, (size_t)(r->end - r->p), &c);
		if (n == 0 || c < 0x20)
			return false;
		buf_add(b, r->p, n);
		r->p += n;
	}
	if (r->p == r->end)
		return false;
	r->p++;
	return true;
}

/* ---- the other values ---- */

static size_t
digits(struct reader *r)
{
	const char *from = r->p;

	while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
		r->p++;
	return (size_t)(r->p - from);
}

static bool
number(struct reader *r, struct buf *b)
{
	const char *from = r->p;

	if (r->p < r->end && *r->p == '-')
		r->p++;
	if (r->p < r->end && *r->p == '0')
		r->p++;
	else if (digits(r) == 0)
		return false;
	if (r->p < r->end && *r->p == '.') {
		r->p++;
		if (digits(r) == 0)
			return false;
	}
	if (r->p < r->end && (*r->p == 'e' || *r->p == 'E')) {
		r->p++;
		if (r->p < r->end && (*r->p == '+' || *r->p == '-'))
			r->p++;
		if (digits(r) == 0)
			return false;
	}
	buf_clear(b);
	buf_add(b, from, (size_t)(r->p - from));
	return true;
}

static bool
word(struct reader *r, const char *text)
{
	size_t n = strlen(text);

	if ((size_t)(r->end - r->p) < n || memcmp(r->p, text, n) != 0)
		return false;
	r->p += n;
	return true;
}

/* What stands between brackets, passed over. */
static bool
nested(struct reader *r, unsigned depth, char close)
{
	struct buf text = {0};
	struct json_member m = {0};
	bool good = depth < DEPTH_MAX;

	if (good && is_next(r, close))
		return true;
	while (good) {
		if (close == '}')
			good = string(r, &text) && is_next(r, ':');
		good = good && value(r, depth + 1, &text, &m);
		if (good && is_next(r, close))
			break;
		good = good && is_next(r, ',');
	}
	buf_release(&text);
	return good;
}

static bool
value(struct reader *r, unsigned depth, struct buf *text, struct json_member *m)
{
	m->value = NULL;
	m->is_string = false;
	space(r);
	if (r->p == r->end)
		return false;
	switch (*r->p) {
	case '{':
		r->p++;
		return nested(r, depth, '}');
	case '[':
		r->p++;
		return nested(r, depth, ']');
	case 't':
		return word(r, "true");
	case 'f':
		return word(r, "false");
	case 'n':
		return word(r, "null");
	case '"':
		if (!string(r, text))
			return false;
		m->is_string = true;
		break;
	default:
		if (!number(r, text))
			return false;
	}
	m->value = text->data;
	return true;
}

/* ---- the object ---- */

bool
json_object(const char *text, size_t len,
    bool (*take)(void *, const struct json_member *), void *arg)
{
	struct reader r = {.p = text, .end = len ? text + len : text};
	struct buf name = {0}, b = {0};
	struct json_member m = {0};
	bool good = is_next(&r, '{'), ended = good && is_next(&r, '}');

	while (good && !ended) {
		good = string(&r, &name) && is_next(&r, ':') &&
		       value(&r, 1, &b, &m);
		m.name = name.data;
		good = good && take(arg, &m);
		ended = good && is_next(&r, '}');
		good = good && (ended || is_next(&r, ','));
	}
	space(&r);
	buf_release(&name);
	buf_release(&b);
	return good && r.p == r.end;
}
