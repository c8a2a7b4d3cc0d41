/* output: see output.h. */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/output.h"

static enum rc
stdout_failed(void)
{
	static bool reported;

	if (reported)
		return RC_SYSTEM;
	reported = true;
	return msg_fail(RC_SYSTEM, "standard output: %s", strerror(errno));
}

void
output_begin(void)
{
	if (msg_has_status() && isatty(STDOUT_FILENO))
		msg_status(NULL);
}

enum rc
output_check(void)
{
	return ferror(stdout) ? stdout_failed() : RC_OK;
}

enum rc
output_close(void)
{
	bool bad = ferror(stdout) != 0;

	/* What an earlier write failed with is not known any more, unless the
	 * last one meets it again. */
	errno = EIO;
	if (fclose(stdout) != 0 || bad)
		return stdout_failed();
	return RC_OK;
}
