/* What an S3 service answers: an error, a listing, or anything at all. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "aws/s3xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
entry(void *arg, const struct s3xml_entry *e)
{
	uint64_t *sum = arg;

	if (e->len == 0 || e->key[e->len] != 0 || e->len > S3XML_TEXT_MAX)
		abort();
	if (e->is_dir && e->key[e->len - 1] != '/')
		abort();
	*sum += e->size;
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct s3xml_error error;
	struct s3xml_page page;
	struct buf b = {0}, escaped = {0};
	uint64_t sum = 0;

	buf_add(&b, data, size);
	if (s3xml_error(&error, &b))
		s3xml_escape(&escaped, error.message);
	if (s3xml_page(&page, &b))
		(void)s3xml_entries(&page, &b, entry, &sum);
	buf_release(&b);
	buf_release(&escaped);
	return 0;
}
