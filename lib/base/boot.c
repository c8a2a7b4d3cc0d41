/* boot: see boot.h.  A file of its own, so that a test can have its own. */

#include <stdio.h>
#include <string.h>

#include "base/boot.h"

static const char path[] = "/proc/sys/kernel/random/boot_id";

static int
hex_digit(int c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

void
boot_id(uint8_t id[BOOT_ID])
{
	char text[64] = "";
	FILE *f = fopen(path, "re");
	size_t n = 0;

	memset(id, 0, BOOT_ID);
	if (!f)
		return;
	if (!fgets(text, sizeof(text), f))
		text[0] = '\0';
	(void)fclose(f);
	for (const char *p = text; *p && n < 2 * (size_t)BOOT_ID; p++) {
		int digit = hex_digit(*p);

		if (digit < 0)
			continue;
		id[n / 2] = (uint8_t)(id[n / 2] << 4 | digit);
		n++;
	}
	if (n < 2 * (size_t)BOOT_ID)
		memset(id, 0, BOOT_ID);
}
