/*
 * zstd's seekable format that is anything at all: decoded whole in pieces, and
 * its table opened and used.  What comes out is bounded, as by who knows how
 * much there can be.
 */

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "format/zseek_decoder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 1 << 20 };

static enum rc
count(void *arg, const void *data, size_t len)
{
	size_t *n = arg;

	(void)data;
	*n += len;
	return *n > MOST ? RC_DATA : RC_OK;
}

static void
decode(struct zseek_decoder *d, const uint8_t *p, size_t size, size_t piece)
{
	enum rc rc = RC_OK;
	bool sought;

	for (size_t at = 0; rc == RC_OK && at < size; at += piece)
		rc = zseek_decoder_feed(
		    d, p + at, size - at < piece ? size - at : piece);
	if (rc == RC_OK)
		(void)zseek_decoder_end(d, &sought);
	zseek_decoder_free(d);
}

static void
use_table(const uint8_t *p, size_t size)
{
	struct zseek_table t;
	struct zseek_frame f;
	uint64_t len;
	size_t n = 0;
	uint32_t i;

	if (zseek_table_length("fuzz", p, size, size, &len) ||
	    zseek_table_open(&t, "fuzz", p + size - len, len, size))
		return;
	for (uint64_t at = 0; at < t.content; at += 1 + t.content / 16) {
		i = zseek_table_find(&t, at);
		zseek_table_frame(&t, i, &f);
		if (at < f.content_at || at >= f.content_at + f.content ||
		    f.at + f.size > size - len)
			abort();
		decode(zseek_decoder_at("fuzz", &t, i, count, &n), p + f.at,
		    f.size, 1000);
	}
	zseek_table_release(&t);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *p;
	size_t n = 0;

	msg_verbosity(-2);
	if (size < 1)
		return 0;
	p = xmalloc(size);
	memcpy(p, data, size);
	decode(zseek_decoder_new("fuzz", count, &n), p, size, 1 + data[0]);
	use_table(p, size);
	free(p);
	return 0;
}
