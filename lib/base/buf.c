/* buf: see buf.h. */

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/msg.h"
#include "base/number.h"

static void *
check(void *p)
{
	if (!p)
		exit(msg_fail(RC_SYSTEM, "out of memory"));
	return p;
}

void *
xmalloc(size_t size)
{
	return check(malloc(size ? size : 1));
}

void *
xcalloc(size_t n, size_t size)
{
	return check(calloc(n ? n : 1, size ? size : 1));
}

void *
xreallocarray(void *p, size_t n, size_t size)
{
	if (size && n > SIZE_MAX / size)
		return check(NULL);
	return check(realloc(p, n > 0 && size > 0 ? n * size : 1));
}

char *
xstrdup(const char *s)
{
	return check(strdup(s));
}

char *
xstrndup(const char *s, size_t n)
{
	return check(strndup(s, n));
}

char *
xasprintf(const char *fmt, ...)
{
	struct buf b = {0};
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return check(NULL);
	va_start(ap, fmt);
	vsnprintf(buf_reserve(&b, (size_t)n + 1), (size_t)n + 1, fmt, ap);
	va_end(ap);
	return b.data;
}

char *
buf_reserve(struct buf *b, size_t len)
{
	size_t cap = b->cap ? b->cap : 64;

	if (len > SIZE_MAX / 4 || b->len > SIZE_MAX / 4)
		check(NULL);
	while (cap < b->len + len + 1)
		cap *= 2;
	if (cap != b->cap) {
		b->data = xreallocarray(b->data, cap, 1);
		b->cap = cap;
	}
	return b->data + b->len;
}

void
buf_add(struct buf *b, const void *data, size_t len)
{
	char *p = buf_reserve(b, len);

	if (len)
		memcpy(p, data, len);
	b->len += len;
	b->data[b->len] = 0;
}

void
buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void
buf_addc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void
buf_addu(struct buf *b, uint64_t number)
{
	b->len += number_text(number, 1, buf_reserve(b, NUMBER_MAX));
	b->data[b->len] = 0;
}

void
buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		check(NULL);
	buf_reserve(b, (size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

void
buf_clear(struct buf *b)
{
	b->len = 0;
	if (b->data)
		b->data[0] = 0;
}

void
buf_release(struct buf *b)
{
	free(b->data);
	*b = (struct buf){0};
}
