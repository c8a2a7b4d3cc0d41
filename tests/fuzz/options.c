/* Arguments that are anything at all: they are taken, or the process ends with
 * a documented status. */

#include <getopt.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/cli.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* What is left where a process would have ended is no leak. */
int __lsan_is_turned_off(void);
void __real_exit(int status) __attribute__((noreturn));
void __wrap_exit(int status) __attribute__((noreturn));

static jmp_buf end;
static bool running, quiet;

int
__lsan_is_turned_off(void)
{
	return 1;
}

void
__wrap_exit(int status)
{
	if (!running)
		__real_exit(status);
	if (status < 0 || status > RC_SYSTEM)
		abort();
	longjmp(end, 1);
}

static void
take(int argc, char **argv)
{
	static const struct cli_option own[] = {
	    {.letter = 't', .name = "time", .arg = "TIME", .help = "a moment"},
	    {0}};
	static struct cli cli;
	int c;

	memset(&cli, 0, sizeof(cli));
	optind = 0;
	cli_init(&cli, argv, "usage: seg-fuzz [-t TIME]", "sCdkjeJnFMr", own);
	while ((c = cli_getopt(&cli, argc, argv)) != -1)
		if (c != 't')
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xstrndup((const char *)data, size);
	char *argv[34] = {"seg-fuzz"}, *at = text, *word;
	int argc = 1;

	/* What -h says is of no interest. */
	if (!quiet) {
		msg_verbosity(-2);
		quiet = freopen("/dev/null", "w", stdout) != NULL;
	}
	while (argc < 33 && (word = strsep(&at, "\n")))
		argv[argc++] = word;
	argv[argc] = NULL;
	running = true;
	if (setjmp(end) == 0)
		take(argc, argv);
	running = false;
	free(text);
	return 0;
}
