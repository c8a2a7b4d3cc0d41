/* A DB-seg that is anything at all, beside a file that it may fit; the checksum
 * of each line is put right. */

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/checksum.h"
#include "place.h"
#include "restore/standby.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The last field of each line is the CRC-32 of what is before it. */
static void
put_right(char *text)
{
	char crc[9], *end, *tab;

	for (char *line = text; (end = strchr(line, '\n')); line = end + 1) {
		*end = 0;
		tab = strrchr(line, '\t');
		if (tab && end - tab == 9) {
			snprintf(crc, sizeof(crc), "%08x",
			    checksum_crc32(0, line, (size_t)(tab + 1 - line)));
			memcpy(tab + 1, crc, 8);
		}
		*end = '\n';
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char *db;
	static struct standby now;
	struct standby s;
	struct buf text = {0};
	const char *why;
	int fd;

	if (!db) {
		db = place_file("db", "x", 1);
		fd = open(db, O_RDONLY);
		if (standby_stamp(&now, fd, db) != RC_OK)
			abort();
		close(fd);
	}
	buf_adds(&text, "segtools-standby 1\n");
	if (size > 0 && data[0] % 2) {
		/* A line of this file, for which the rest is made up. */
		buf_add(&text, data + 1, size - 1);
		buf_addf(&text, "\t%llu\t%llu\t%llu\t00000000\n",
		    (unsigned long long)now.inode,
		    (unsigned long long)now.bytes,
		    (unsigned long long)now.mtime);
	} else {
		buf_add(&text, data, size);
	}
	put_right((char *)text.data);
	free(place_file("db-seg", text.data, text.len));
	(void)standby_read(db, &s, &why);
	buf_release(&text);
	return 0;
}
