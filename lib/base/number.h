/*
 * number: strict numbers in text: digits alone, no sign, no space, no overflow,
 * to the end of what was given.
 */
#ifndef SEGTOOLS_NUMBER_H
#define SEGTOOLS_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool number_u64(const char *s, size_t len, uint64_t *value);

#endif
