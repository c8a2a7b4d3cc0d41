/* s3_sign: see s3_sign.h. */

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <nettle/base16.h>
#include <nettle/hmac.h>
#include <nettle/version.h>

#include "base/time.h"
#include "http/curl.h"
#include "store/s3_sign.h"

enum {
	HEADERS_MAX = 24,
	HEX_MAX = BASE16_ENCODE_LENGTH(SHA256_DIGEST_SIZE) + 1
};

struct header {
	char *name; /* lower case */
	const char *value;
};

struct canon {
	struct header header[HEADERS_MAX];
	size_t n;
	const char *body; /* its hash */
};

static void
hmac(const void *key, size_t key_len, const char *text,
    uint8_t out[SHA256_DIGEST_SIZE])
{
	struct hmac_sha256_ctx ctx;

	hmac_sha256_set_key(&ctx, key_len, key);
	hmac_sha256_update(&ctx, strlen(text), (const uint8_t *)text);
#if NETTLE_VERSION_MAJOR < 4
	hmac_sha256_digest(&ctx, SHA256_DIGEST_SIZE, out);
#else
	hmac_sha256_digest(&ctx, out);
#endif
}

static void
hex(const uint8_t digest[SHA256_DIGEST_SIZE], char text[HEX_MAX])
{
	base16_encode_update(text, SHA256_DIGEST_SIZE, digest);
	text[HEX_MAX - 1] = 0;
}

static void
sha256_hex(const struct buf *b, char text[HEX_MAX])
{
	struct sha256_ctx ctx;
	uint8_t digest[SHA256_DIGEST_SIZE];

	sha256_init(&ctx);
	sha256_update(&ctx, b->len, (const uint8_t *)b->data);
#if NETTLE_VERSION_MAJOR < 4
	sha256_digest(&ctx, sizeof(digest), digest);
#else
	sha256_digest(&ctx, digest);
#endif
	hex(digest, text);
}

/* ---- headers ---- */

static int
header_cmp(const void *a, const void *b)
{
	return strcmp(
	    ((const struct header *)a)->name, ((const struct header *)b)->name);
}

static void
add(struct canon *c, const char *name, size_t len, const char *value)
{
	struct header *h = &c->header[c->n++];

	if (c->n > HEADERS_MAX)
		abort();
	h->name = xstrndup(name, len);
	for (char *p = h->name; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	h->value = value;
	if (strcmp(h->name, "x-amz-content-sha256") == 0)
		c->body = value;
}

/* Host and all of AWS's own have to be signed, the others need not. */
static void
collect(struct canon *c, const struct s3_request *r, const char *host)
{
	add(c, "host", 4, host);
	for (const struct curl_slist *l = r->http.headers; l; l = l->next) {
		size_t n = strcspn(l->data, ":");
		const char *value = l->data + n;

		if (!*value || strncasecmp(l->data, "x-amz-", 6) != 0)
			continue;
		value += 1 + strspn(value + 1, " ");
		add(c, l->data, n, value);
	}
	qsort(c->header, c->n, sizeof(c->header[0]), header_cmp);
}

/* ---- the request ---- */

/* As libcurl says it: without a port that is the scheme's. */
static char *
host_of(const char *url, const char **path)
{
	bool tls = strncmp(url, "https:", 6) == 0;
	const char *at = strstr(url, "://") + 3, *port = tls ? ":443" : ":80";
	size_t n = strcspn(at, "/"), m = strlen(port);

	*path = at + n;
	if (n > m && strncmp(at + n - m, port, m) == 0)
		n -= m;
	return xstrndup(at, n);
}

static void
canonical(struct buf *b, const struct s3_request *r, const struct canon *c,
    const char *path, const char *names)
{
	size_t n = strcspn(path, "?");

	buf_addf(b, "%s\n%.*s\n%s\n", r->http.method, (int)n, path,
	    path[n] ? path + n + 1 : "");
	for (size_t i = 0; i < c->n; i++)
		buf_addf(b, "%s:%s\n", c->header[i].name, c->header[i].value);
	buf_addf(b, "\n%s\n%s", names, c->body);
}

static void
signature(const struct s3_request *r, const char day[9], const char *text,
    char out[HEX_MAX])
{
	const char *secret = credentials_keys(r->s3->credentials)->secret;
	char *first = xasprintf("AWS4%s", secret);
	uint8_t key[SHA256_DIGEST_SIZE];

	hmac(first, strlen(first), day, key);
	hmac(key, sizeof(key), r->s3->aws.region, key);
	hmac(key, sizeof(key), "s3", key);
	hmac(key, sizeof(key), "aws4_request", key);
	hmac(key, sizeof(key), text, key);
	hex(key, out);
	free(first);
}

void
s3_sign(struct s3_request *r)
{
	time_t now = (time_t)(time_now() / 1000);
	char stamp[17], day[9], hash[HEX_MAX], sign[HEX_MAX];
	struct canon c = {.body = ""};
	struct buf names = {0}, b = {0};
	const char *path;
	char *host = host_of(r->url, &path);
	char *scope;
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	memcpy(day, stamp, 8);
	day[8] = 0;
	http_header(&r->http, "x-amz-date: %s", stamp);
	collect(&c, r, host);
	for (size_t i = 0; i < c.n; i++)
		buf_addf(&names, "%s%s", i ? ";" : "", c.header[i].name);
	canonical(&b, r, &c, path, names.data);
	sha256_hex(&b, hash);
	scope = xasprintf("%s/%s/s3/aws4_request", day, r->s3->aws.region);
	buf_clear(&b);
	buf_addf(&b, "AWS4-HMAC-SHA256\n%s\n%s\n%s", stamp, scope, hash);
	signature(r, day, b.data, sign);
	http_header(&r->http,
	    "Authorization: AWS4-HMAC-SHA256 Credential=%s/%s, "
	    "SignedHeaders=%s, Signature=%s",
	    credentials_keys(r->s3->credentials)->id, scope, names.data, sign);
	r->http.is_signed = true;
	for (size_t i = 0; i < c.n; i++)
		free(c.header[i].name);
	buf_release(&names);
	buf_release(&b);
	free(scope);
	free(host);
}
