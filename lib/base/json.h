/*
 * json: text as a JSON string.
 */
#ifndef SEGTOOLS_JSON_H
#define SEGTOOLS_JSON_H

#include <stddef.h>

struct buf;

/* In quotes.  What is no UTF-8, which JSON has to be: U+FFFD for each byte. */
void json_string(struct buf *, const char *text, size_t len);

#endif
