/*
 * boot: which start of the system this is.
 */
#ifndef SEGTOOLS_BOOT_H
#define SEGTOOLS_BOOT_H

#include <stdint.h>

enum { BOOT_ID = 16 };

/* Another one after each start; all zeros where it cannot be known. */
void boot_id(uint8_t id[BOOT_ID]);

#endif
