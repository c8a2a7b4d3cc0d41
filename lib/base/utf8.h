/*
 * utf8: text as it comes, from names, paths and servers, which may be anything.
 */
#ifndef SEGTOOLS_UTF8_H
#define SEGTOOLS_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The character that s, of len bytes, begins with: how many bytes it has, and
 * its code point.  0: none.  No overlong forms, no surrogates, nothing beyond
 * U+10FFFF.
 */
size_t utf8_next(const char *s, size_t len, uint32_t *code);

/* What a terminal may obey: U+0000 to U+001F, U+007F, U+0080 to U+009F. */
bool utf8_is_control(uint32_t code);

/*
 * What is shown to a person in place of s: control characters as ^X and \u009b,
 * bytes that are no UTF-8 as \x9b, what changes the direction of writing as
 * \u202e.  Into text of size bytes, which holds as much as fits whole and ends
 * in a zero; returns its length.
 */
size_t utf8_show(char *text, size_t size, const char *s, size_t len);

#endif
