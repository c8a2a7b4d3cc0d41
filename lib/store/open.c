/* open: which kind of store a name means: store_open() of store.h. */

#include <string.h>

#include "store/dir.h"
#include "store/s3_store.h"

enum rc
store_open(struct store **out, const char *where, const struct store_opts *opts)
{
	const struct store_ops *ops = &store_dir_ops;
	const char *what = where;
	void *impl = NULL;
	enum rc rc;

	*out = NULL;
	if (strncmp(where, "s3://", 5) == 0) {
		ops = &store_s3_ops;
		what += 5;
	} else if (strncmp(where, "file://", 7) == 0 && where[7] == '/') {
		what += 7;
	} else if (strstr(where, "://")) {
		return msg_fail(RC_USAGE, "%s: no such kind of store", where);
	}
	rc = ops == &store_s3_ops ? store_s3_open(&impl, what, opts)
				  : store_dir_open(&impl, what, opts);
	if (rc == RC_OK)
		*out = store_new(where, opts, ops, impl);
	return rc;
}
