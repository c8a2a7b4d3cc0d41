/*
 * zseek: stdin in zstd's seekable format on stdout, and back.
 *
 *   zseek [LEVEL]     (3)
 *   zseek -d
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/zseek_decoder.h"
#include "format/zseek_writer.h"

static enum rc
put(void *arg, const void *data, size_t len)
{
	return fwrite(data, 1, len, arg) == len ? RC_OK : msg_errno("stdout");
}

static enum rc
decode(void)
{
	struct zseek_decoder *d = zseek_decoder_new("stdin", put, stdout);
	static char piece[256 << 10];
	enum rc rc = RC_OK;
	ssize_t n = 0;

	while (rc == RC_OK && (n = read(0, piece, sizeof(piece))) > 0)
		rc = zseek_decoder_feed(d, piece, (size_t)n);
	if (rc == RC_OK)
		rc = n < 0 ? msg_errno("stdin") : zseek_decoder_end(d, NULL);
	zseek_decoder_free(d);
	return rc;
}

static enum rc
encode(int level)
{
	struct zseek_writer *w = zseek_writer_new(level, put, stdout);
	static char piece[256 << 10];
	enum rc rc = RC_OK;
	uint64_t len;
	ssize_t n = 0;

	while (rc == RC_OK && (n = read(0, piece, sizeof(piece))) > 0)
		rc = zseek_writer_add(w, piece, (size_t)n);
	if (rc == RC_OK)
		rc = n < 0 ? msg_errno("stdin") : zseek_writer_finish(w, &len);
	zseek_writer_free(w);
	return rc;
}

int
main(int argc, char **argv)
{
	enum rc rc;

	msg_init(argv[0]);
	if (argc > 1 && strcmp(argv[1], "-d") == 0)
		rc = decode();
	else
		rc = encode(argc > 1 ? atoi(argv[1]) : 3);
	return fflush(stdout) == 0 ? (int)rc : (int)msg_errno("stdout");
}
