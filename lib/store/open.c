/* open: which kind of store a name means: store_open() of store.h. */

#include <string.h>

#include "store/dir.h"
#include "store/s3_store.h"

/* What a bucket alone can do, by the name of the option that asks for it. */
static const char *
of_buckets(const struct store_opts *o)
{
	return o->keep.storage_class ? "--storage-class"
	       : o->keep.sse         ? "--sse"
	       : o->keep.sse_key     ? "--sse-key"
	       : o->keep.lock        ? "--lock"
	       : o->hidden           ? "--hidden"
				     : NULL;
}

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
	if (ops == &store_dir_ops && of_buckets(opts))
		return msg_fail(RC_USAGE,
		    "%s: %s is for buckets, not for a directory", where,
		    of_buckets(opts));
	rc = ops == &store_s3_ops ? store_s3_open(&impl, what, opts)
				  : store_dir_open(&impl, what, opts);
	if (rc == RC_OK)
		*out = store_new(where, opts, ops, impl);
	return rc;
}
