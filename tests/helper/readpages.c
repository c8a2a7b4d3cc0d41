/*
 * readpages FILE PAGE_SIZE <NUMBERS: reads these pages, numbered from 1, one
 * after another: the least that it takes to look at what has changed.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	static char page[65536];
	size_t size = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	int fd = argc == 3 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
	unsigned long n;

	if (fd < 0 || size == 0 || size > sizeof(page))
		return 2;
	while (scanf("%lu", &n) == 1)
		if (pread(fd, page, size, (off_t)((n - 1) * size)) !=
		    (ssize_t)size)
			return 1;
	return 0;
}
