/* s3_digest: see s3_digest.h. */

#include <stdlib.h>
#include <string.h>

#include <nettle/base16.h>
#include <nettle/base64.h>
#include <nettle/md5.h>
#include <nettle/sha2.h>
#include <nettle/version.h>

#include "base/buf.h"
#include "format/checksum.h"
#include "store/s3_digest.h"

/* Of nothing. */
#define EMPTY_SHA256 \
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void
crc_text(uint32_t crc, char text[S3_CRC_MAX])
{
	const uint8_t bytes[] = {(uint8_t)(crc >> 24), (uint8_t)(crc >> 16),
	    (uint8_t)(crc >> 8), (uint8_t)crc};

	base64_encode_raw(text, sizeof(bytes), bytes);
	text[BASE64_ENCODE_RAW_LENGTH(sizeof(bytes))] = 0;
}

struct digester {
	bool sum, sign, lock;
	const struct file_check *check;
	uint32_t crc;
	struct sha256_ctx sha256;
	struct md5_ctx md5;
};

static void
digester_feed(struct digester *d, const void *data, size_t len)
{
	if (d->sum)
		d->crc = checksum_crc32(d->crc, data, len);
	if (d->sign)
		sha256_update(&d->sha256, len, data);
	if (d->lock)
		md5_update(&d->md5, len, data);
}

static void
sha256_text(struct sha256_ctx *ctx, char text[S3_SHA256_MAX])
{
	uint8_t digest[SHA256_DIGEST_SIZE];

#if NETTLE_VERSION_MAJOR < 4
	sha256_digest(ctx, sizeof(digest), digest);
#else
	sha256_digest(ctx, digest);
#endif
	base16_encode_update(text, sizeof(digest), digest);
	text[BASE16_ENCODE_LENGTH(sizeof(digest))] = 0;
}

static void
md5_text(struct md5_ctx *ctx, char text[S3_MD5_MAX])
{
	uint8_t digest[MD5_DIGEST_SIZE];

#if NETTLE_VERSION_MAJOR < 4
	md5_digest(ctx, sizeof(digest), digest);
#else
	md5_digest(ctx, digest);
#endif
	base64_encode_raw(text, sizeof(digest), digest);
	text[BASE64_ENCODE_RAW_LENGTH(sizeof(digest))] = 0;
}

static enum rc
digest_piece(void *digester, const void *data, size_t len)
{
	const struct digester *d = digester;

	digester_feed(digester, data, len);
	return d->check ? d->check->feed(d->check->arg, data, len) : RC_OK;
}

bool
s3_digest_reads(const struct s3 *s, const uint32_t *crc)
{
	return (!crc && s3_takes_checksum(s)) ||
	       (s->sign_bodies && !s->checks_crc) || s->keep.lock > 0;
}

enum rc
s3_digest(const struct s3 *s, struct file *f, const char *bytes,
    uint64_t offset, uint64_t length, const uint32_t *crc,
    const struct file_check *check, struct s3_digest *out)
{
	struct digester d = {.sum = !crc && s3_takes_checksum(s),
	    .sign = s->sign_bodies && !(f && s->checks_crc),
	    .lock = s->keep.lock > 0,
	    .check = check,
	    .crc = crc ? *crc : 0};
	enum rc rc = RC_OK;

	sha256_init(&d.sha256);
	md5_init(&d.md5);
	if (bytes)
		rc = digest_piece(&d, bytes, (size_t)length);
	else if (check || s3_digest_reads(s, crc))
		rc = file_feed(f, offset, offset + length, digest_piece, &d);
	crc_text(d.crc, out->crc);
	out->sha256[0] = 0;
	if (d.sign)
		sha256_text(&d.sha256, out->sha256);
	out->md5[0] = 0;
	if (d.lock)
		md5_text(&d.md5, out->md5);
	return rc;
}

/* ---- headers ---- */

void
s3_header_sha256(struct s3_request *r, const struct s3_digest *d)
{
	const char *value = r->http.length == 0 ? EMPTY_SHA256
			    : d && d->sha256[0] ? d->sha256
						: "UNSIGNED-PAYLOAD";

	http_header(&r->http, "x-amz-content-sha256: %s", value);
}

void
s3_header_crc(struct s3_request *r, const struct s3_digest *d)
{
	if (s3_takes_checksum(r->s3))
		http_header(&r->http, "x-amz-checksum-crc32: %s", d->crc);
}

void
s3_header_md5(struct s3_request *r, const struct s3_digest *d)
{
	if (d->md5[0])
		http_header(&r->http, "Content-MD5: %s", d->md5);
}

bool
s3_confirmed(struct s3_request *r, const struct s3_digest *d)
{
	bool same =
	    s3_takes_checksum(r->s3) && strcmp(r->http.crc32, d->crc) == 0;

	r->s3->checks_crc = r->s3->checks_crc || same;
	return same;
}
