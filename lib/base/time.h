/*
 * time: moments and spans, in text and in milliseconds.
 */
#ifndef SEGTOOLS_TIME_H
#define SEGTOOLS_TIME_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A moment, in milliseconds since 1970 UTC: RFC 3339 with any offset and any
 * number of decimals (cut to milliseconds), or a bare number of milliseconds.
 */
bool time_parse(const char *s, uint64_t *ms);

/* "2026-11-22T19:35:00.123Z", or "-" beyond the year 9999. */
enum { TIME_TEXT_MAX = 32 };
const char *time_text(uint64_t ms, char text[TIME_TEXT_MAX]);

/* A number with s, m, h, d or w, in milliseconds. */
bool time_span(const char *s, uint64_t *ms);

/* A moment as above; or "-" and a span: so long ago. */
bool time_moment(const char *s, uint64_t *ms);

/* A span for people: "350 ms", "12.5 s", "90 min", "30 h", "3650 d". */
const char *time_span_text(uint64_t ms, char text[TIME_TEXT_MAX]);

/* The clock, in milliseconds since 1970 UTC. */
uint64_t time_now(void);
/* Milliseconds since some moment, for spans: it never goes back. */
uint64_t time_monotonic(void);

#endif
