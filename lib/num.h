/*
 * num: strict numbers and times in text.  "Strict": digits alone, no sign, no
 * space, no overflow, to the end of what was given.
 */
#ifndef SEGTOOLS_NUM_H
#define SEGTOOLS_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool num_u64(const char *s, size_t len, uint64_t *value);

/*
 * A moment, in milliseconds since 1970 UTC: RFC 3339 with any offset and any
 * number of decimals (cut to milliseconds), or a bare number of milliseconds.
 */
bool num_time(const char *s, uint64_t *ms);

/* "2026-11-22T19:35:00.123Z", or "-" beyond the year 9999. */
enum { NUM_TIME_MAX = 32 };
const char *num_time_text(uint64_t ms, char text[NUM_TIME_MAX]);

/* A number with s, m, h, d or w, in milliseconds. */
bool num_duration(const char *s, uint64_t *ms);

/* The clock, in milliseconds since 1970 UTC. */
uint64_t num_now(void);

#endif
