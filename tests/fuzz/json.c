/* What services and commands say in JSON. */

#include <stdint.h>
#include <stdlib.h>

#include "aws/keys.h"
#include "base/json_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct keys_ask ask = {0};
	struct keys k = {0};
	struct buf b = {0};

	buf_add(&b, data, size);
	if (keys_json(&ask, &b, "fuzz", "Token", NULL, &k) == RC_OK &&
	    (!k.id || !k.secret || !k.source))
		abort();
	keys_release(&k);
	buf_release(&ask.why);
	buf_release(&b);
	return 0;
}
