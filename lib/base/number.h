/*
 * number: numbers in text.  Read, they are strict: digits alone, no sign, no
 * space, no overflow, to the end of what was given.
 */
#ifndef SEGTOOLS_NUMBER_H
#define SEGTOOLS_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NUMBER_MAX = 20 }; /* digits */

bool number_u64(const char *s, size_t len, uint64_t *value);

/*
 * In decimal, without a NUL; with zeros before it up to width digits, at most
 * NUMBER_MAX.  Returns how many characters that is.  What printf would take for
 * a line of numbers is most of the time of who prints a million.
 */
size_t number_text(uint64_t value, size_t width, char *text);

/* What the word behind a number ends in: "s", but behind 1. */
const char *number_s(uint64_t value);

#endif
