/* utf8: see utf8.h. */

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

size_t
utf8_next(const char *text, size_t len, uint32_t *code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *s = (const unsigned char *)text;
	uint32_t c;
	size_t n;

	if (len == 0)
		return 0;
	if (s[0] < 0x80) {
		*code = s[0];
		return 1;
	}
	n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (s[0] < 0xc2 || s[0] > 0xf4 || n > len)
		return 0;
	c = s[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*code = c;
	return n;
}

bool
utf8_is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

static bool
turns_around(uint32_t c)
{
	return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

size_t
utf8_show(char *text, size_t size, const char *s, size_t len)
{
	enum { LONGEST = sizeof("\\u202e") };
	size_t at = 0, n;
	uint32_t c;

	for (; len > 0 && size - at >= LONGEST; s += n, len -= n) {
		char *to = text + at;

		n = utf8_next(s, len, &c);
		if (n == 0) {
			n = 1;
			at += (size_t)snprintf(
			    to, LONGEST, "\\x%02x", (unsigned char)*s);
		} else if (c < 0x20 || c == 0x7f) {
			at += (size_t)snprintf(
			    to, LONGEST, "^%c", (int)(c ^ 0x40));
		} else if (utf8_is_control(c) || turns_around(c)) {
			at += (size_t)snprintf(to, LONGEST, "\\u%04x", c);
		} else {
			memcpy(to, s, n);
			at += n;
		}
	}
	text[at] = 0;
	return at;
}
