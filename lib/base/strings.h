/*
 * strings: texts that come again and again (namespaces, directories), each kept
 * once and known by a number.
 */
#ifndef SEGTOOLS_STRINGS_H
#define SEGTOOLS_STRINGS_H

#include <stddef.h>
#include <stdint.h>

/* All-zero is empty.  text[number]: 0, 1, 2, ... as they came. */
struct strings {
	char **text;
	size_t n, cap;
	uint32_t *slot; /* open addressing: number + 1; 0: free */
	size_t room;    /* a power of two */
};

/* The number of a text, which is added if it is new. */
uint32_t strings_add(struct strings *, const char *text);
void strings_release(struct strings *);

#endif
