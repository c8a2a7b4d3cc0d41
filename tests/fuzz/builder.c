/* A map is made of any pages and values, and what is read of it is what went
 * in: from front to back, each by itself, and from any page on. */

#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "format/fst_builder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ENTRY = 6, MOST = 4096 };

struct entry {
	uint32_t page;
	uint64_t value;
};

static enum rc
sink(void *arg, const void *data, size_t len)
{
	buf_add(arg, data, len);
	return RC_OK;
}

/* Steps between pages, and values, of all sizes. */
static size_t
entries(struct entry *e, const uint8_t *data, size_t size)
{
	uint64_t page = 0;
	size_t n = 0;

	for (; size >= ENTRY && n < MOST; data += ENTRY, size -= ENTRY) {
		page += 1 + ((uint64_t)le32(data) >> (data[4] & 31));
		if (page > UINT32_MAX)
			break;
		e[n++] = (struct entry){
		    (uint32_t)page, (uint64_t)data[5] << (data[4] >> 5 << 3)};
	}
	return n;
}

static void
compare(const struct fst *f, const struct entry *e, size_t n)
{
	struct fst_iter all, from;
	uint64_t value;
	uint32_t page;

	fst_iter_init(&all, f);
	for (size_t i = 0; i < n; i++) {
		if (fst_iter_next(&all, &page, &value) != RC_OK ||
		    page != e[i].page || value != e[i].value)
			abort();
		if (fst_get(f, e[i].page, &value) != RC_OK ||
		    value != e[i].value)
			abort();
		if (e[i].page + 1 != (i + 1 < n ? e[i + 1].page : 0) &&
		    fst_get(f, e[i].page + 1, &value) != RC_ABSENT)
			abort();
		fst_iter_init(&from, f);
		if (fst_iter_seek(&from, i ? e[i - 1].page + 1 : 0) != RC_OK ||
		    fst_iter_next(&from, &page, &value) != RC_OK ||
		    page != e[i].page || value != e[i].value)
			abort();
	}
	if (fst_iter_next(&all, &page, &value) != RC_ABSENT)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct entry e[MOST];
	size_t n = entries(e, data, size);
	struct buf out = {0};
	struct fst_builder *b = fst_builder_new(sink, &out);
	struct fst f;
	uint64_t len;

	msg_verbosity(-2);
	for (size_t i = 0; i < n; i++)
		if (fst_builder_add(b, e[i].page, e[i].value) != RC_OK)
			abort();
	if (n > 0 && fst_builder_add(b, e[n - 1].page, 1) != RC_DATA)
		abort();
	if (fst_builder_finish(b, &len) != RC_OK || len != out.len ||
	    fst_open(&f, "fuzz", out.data, out.len) != RC_OK || f.count != n)
		abort();
	compare(&f, e, n);
	fst_builder_free(b);
	buf_release(&out);
	return 0;
}
