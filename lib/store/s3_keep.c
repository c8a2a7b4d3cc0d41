/* s3_keep: see s3_keep.h. */

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/time.h"
#include "store/s3_keep.h"

static void
header(
    struct s3_request *r, unsigned option, const char *name, const char *value)
{
	if (!value)
		return;
	http_header(&r->http, "%s: %s", name, value);
	r->kept |= option;
}

void
s3_keep_headers(struct s3_request *r, enum store_kind kind)
{
	const struct store_keep *k = &r->s3->keep;
	char until[TIME_TEXT_MAX];

	if (kind == STORE_DATA)
		header(
		    r, S3_KEEP_CLASS, "x-amz-storage-class", k->storage_class);
	header(r, S3_KEEP_SSE, "x-amz-server-side-encryption", k->sse);
	header(r, S3_KEEP_KEY, "x-amz-server-side-encryption-aws-kms-key-id",
	    k->sse_key);
	if (kind == STORE_CLAIM || !k->lock)
		return;
	header(r, S3_KEEP_LOCK, "x-amz-object-lock-mode", "COMPLIANCE");
	header(r, S3_KEEP_LOCK, "x-amz-object-lock-retain-until-date",
	    time_text(time_now() + k->lock, until));
}

enum rc
s3_keep_check(const struct s3_request *r)
{
	const char *sse = r->s3->keep.sse;

	if (!(r->kept & S3_KEEP_SSE) || strcasecmp(r->http.sse, sse) == 0)
		return RC_OK;
	return msg_fail(RC_USAGE,
	    "%s: the service took --sse %s and answers with %s", r->http.name,
	    sse, r->http.sse[0] ? r->http.sse : "no encryption");
}

/* ---- what was refused ---- */

static bool
begins(const char *text, const char *with)
{
	return strncasecmp(text, with, strlen(with)) == 0;
}

/* 0: it does not say. */
static unsigned
blamed(const struct s3xml_error *e)
{
	if (strcmp(e->code, "InvalidStorageClass") == 0 ||
	    begins(e->header, "x-amz-storage-class"))
		return S3_KEEP_CLASS;
	if (begins(e->code, "KMS."))
		return S3_KEEP_KEY;
	if (begins(e->code, "InvalidEncryptionAlgorithm") ||
	    begins(e->header, "x-amz-server-side-encryption"))
		return S3_KEEP_SSE | S3_KEEP_KEY;
	if (begins(e->code, "InvalidRetentionPeriod") ||
	    begins(e->header, "x-amz-object-lock"))
		return S3_KEEP_LOCK;
	return 0;
}

bool
s3_keep_blamed(const struct s3_request *r)
{
	return blamed(&r->error) & r->kept;
}

void
s3_keep_text(const struct s3_request *r, char text[S3_KEEP_TEXT_MAX])
{
	static const char *const name[] = {
	    "--storage-class", "--sse", "--sse-key", "--lock"};
	unsigned which = blamed(&r->error) & r->kept;
	size_t n = 0;

	if (!which)
		which = r->kept;
	text[0] = 0;
	for (unsigned i = 0; i < 4; i++)
		if (which & 1U << i)
			n += (size_t)snprintf(text + n, S3_KEEP_TEXT_MAX - n,
			    "%s%s", n ? ", " : "; sent with ", name[i]);
}
