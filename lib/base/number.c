/* number: see number.h. */

#include <string.h>

#include "base/number.h"

bool
number_u64(const char *s, size_t len, uint64_t *value)
{
	uint64_t v = 0;

	if (len == 0)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned d = (unsigned)((unsigned char)s[i] - '0');

		if (d > 9 || v > UINT64_MAX / 10 || v * 10 > UINT64_MAX - d)
			return false;
		v = v * 10 + d;
	}
	*value = v;
	return true;
}

size_t
number_text(uint64_t value, size_t width, char *text)
{
	char digits[NUMBER_MAX];
	size_t n = NUMBER_MAX;

	for (; value > 0 || n == NUMBER_MAX; value /= 10)
		digits[--n] = (char)('0' + value % 10);
	while (NUMBER_MAX - n < width)
		digits[--n] = '0';
	memcpy(text, digits + n, NUMBER_MAX - n);
	return NUMBER_MAX - n;
}

const char *
number_s(uint64_t value)
{
	return value == 1 ? "" : "s";
}
