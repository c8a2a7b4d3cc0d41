/* A stream of records that is anything at all, and the text of keys, names,
 * objects, numbers and times in it. */

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/time.h"
#include "format/rec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_stream(int fd, enum rec_form form, bool eof_ends_set)
{
	struct rec_reader *r;
	enum rec_event e;
	struct rec rec;

	if (lseek(fd, 0, SEEK_SET) != 0)
		return;
	r = rec_reader_new(fd, form, eof_ends_set);
	do
		e = rec_next(r, &rec);
	while (e != REC_EOF && e != REC_CUT);
	rec_reader_free(r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("stream", 0);
	char *text = xstrndup((const char *)data, size);
	struct name name;
	enum part part;
	struct key key;
	uint64_t n;

	msg_verbosity(-2);
	(void)time_parse(text, &n);
	(void)time_span(text, &n);
	(void)key_parse(&key, text, strlen(text));
	(void)name_parse(&name, text);
	(void)name_parse_path(&name, text);
	(void)object_parse(&key, &part, text);
	free(text);
	if (write(fd, data, size) == (ssize_t)size) {
		read_stream(fd, REC_NAMES, false);
		read_stream(fd, REC_EITHER, true);
	}
	close(fd);
	return 0;
}
