/* A claim that is anything at all; one that is read is written as it was. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "peers/claim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xstrndup((const char *)data, size);
	struct buf once = {0}, twice = {0};
	struct claim c, again;
	uint64_t end;
	bool removal;

	(void)claim_name_parse(text, &removal, &end);
	if (claim_decode(&c, text, size)) {
		claim_encode(&once, &c);
		if (!claim_decode(&again, (char *)once.data, once.len))
			abort();
		claim_encode(&twice, &again);
		if (once.len != twice.len ||
		    memcmp(once.data, twice.data, once.len) != 0)
			abort();
		free(claim_who(&c));
	}
	buf_release(&once);
	buf_release(&twice);
	free(text);
	return 0;
}
