/* json: see json.h. */

#include "base/buf.h"
#include "base/json.h"
#include "base/utf8.h"

void
json_string(struct buf *b, const char *text, size_t len)
{
	size_t n;
	uint32_t c;

	buf_addc(b, '"');
	for (; len > 0; text += n, len -= n) {
		n = utf8_next(text, len, &c);
		if (n == 0) {
			n = 1;
			buf_adds(b, "\\ufffd");
		} else if (c == '"' || c == '\\') {
			buf_addc(b, '\\');
			buf_addc(b, (char)c);
		} else if (utf8_is_control(c)) {
			buf_addf(b, "\\u%04x", c);
		} else {
			buf_add(b, text, n);
		}
	}
	buf_addc(b, '"');
}
