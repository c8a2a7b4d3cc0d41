/* tap: what the unit tests share: TAP lines on stdout; what has failed, which is
 * for people, on stderr too. */
#ifndef SEGTOOLS_TESTS_TAP_H
#define SEGTOOLS_TESTS_TAP_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static unsigned tap_n, tap_failed;

/* One line for each call: for what a reader wants to see listed. */
static inline bool __attribute__((format(printf, 2, 3)))
ok(bool good, const char *fmt, ...)
{
	va_list ap;

	printf("%sok %u - ", good ? "" : "not ", ++tap_n);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	tap_failed += !good;
	if (!good) {
		(void)fprintf(stderr,
		    "# FAILED: %s %u: ", program_invocation_short_name, tap_n);
		va_start(ap, fmt);
		(void)vfprintf(stderr, fmt, ap);
		va_end(ap);
		(void)fputc('\n', stderr);
	}
	return good;
}

/* The last line, and what main returns. */
static inline int
tap_done(void)
{
	printf("1..%u\n", tap_n);
	return tap_failed ? 1 : 0;
}

#endif
