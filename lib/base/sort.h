/*
 * sort: an external sort of records of one fixed size, in bounded memory:
 * sorted runs are spilled to a scratch file (file_scratch()) when SORT_MEMORY is
 * full and merged when they are read back.
 */
#ifndef SEGTOOLS_SORT_H
#define SEGTOOLS_SORT_H

#include <stddef.h>

#include "base/msg.h"

enum { SORT_MEMORY = 16 << 20 };

struct sort;

/* cmp as in qsort(). */
struct sort *sort_new(size_t size, int (*cmp)(const void *, const void *));
enum rc sort_add(struct sort *, const void *record);
/* After the last sort_add(): the records in order, equal ones in any order;
 * RC_ABSENT after the last. */
enum rc sort_next(struct sort *, void *record);
void sort_free(struct sort *);

#endif
