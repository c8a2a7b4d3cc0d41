/*
 * counting: comes before all that "make coverage" compiles, so that a process
 * which ends in the middle of something is counted too.
 */
#ifndef SEGTOOLS_TESTS_COUNTING_H
#define SEGTOOLS_TESTS_COUNTING_H

#include <signal.h>
#include <unistd.h>

void __gcov_dump(void);

/* tests/preload/fs.c calls it before it kills a process. */
void counting_dump(void);
__attribute__((weak, visibility("default"))) void
counting_dump(void)
{
	__gcov_dump();
}

#define _exit(status) (counting_dump(), _exit(status))
#define raise(sig) (counting_dump(), raise(sig))

#endif
