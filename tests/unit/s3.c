/* s3: what goes into requests; the sizes of parts. */

#include <stdlib.h>
#include <string.h>

#include "store/s3.h"
#include "store/s3_digest.h"
#include "store/s3_multipart.h"
#include "tap.h"

#define MIB (UINT64_C(1) << 20)

static void
test_query(void)
{
	struct buf b = {0};

	s3_query(&b, "a", "v-_.~/=&+ %");
	s3_query(&b, "uploads", "");
	s3_query(&b, "z", "\xC3\xA9");
	ok(strcmp(b.data, "a=v-_.~%2F%3D%26%2B%20%25&uploads=&z=%C3%A9") == 0,
	    "what libcurl and servers read alike");
	buf_release(&b);
}

static bool
digest_is(const struct s3 *s, struct file *f, const char *bytes,
    uint64_t offset, uint64_t length, const char *crc, const char *sha256)
{
	struct s3_digest d;

	return s3_digest(s, f, bytes, offset, length, NULL, NULL, &d) ==
		   RC_OK &&
	       strcmp(d.crc, crc) == 0 && strcmp(d.sha256, sha256) == 0;
}

/* Known ones: of "123456789", and of nothing. */
static void
test_digest(void)
{
	static const char nine[] = "15e2b0d3c33891ebb0f1ef609ec41942"
				   "0c20e320ce94c65fbc8c3312448eb225";
	static const char none[] = "e3b0c44298fc1c149afbf4c8996fb924"
				   "27ae41e4649b934ca495991b7852b855";
	const struct s3 sign = {.sign_bodies = true}, tls = {0};
	const uint32_t known = 1;
	struct s3_digest d;
	struct file *f = NULL;

	ok(digest_is(&sign, NULL, "123456789", 0, 9, "y/Q5Jg==", nine),
	    "of bytes");
	ok(digest_is(&tls, NULL, "123456789", 0, 9, "y/Q5Jg==", ""),
	    "TLS has its own");
	ok(digest_is(&sign, NULL, "", 0, 0, "AAAAAA==", none), "of nothing");
	ok(file_scratch(&f) == RC_OK &&
		file_write(f, "..123456789.", 12, 0) == RC_OK &&
		digest_is(&sign, f, NULL, 2, 9, "y/Q5Jg==", nine) &&
		digest_is(&tls, f, NULL, 2, 9, "y/Q5Jg==", ""),
	    "of part of a file");
	ok(s3_digest(&sign, f, NULL, 2, 9, &known, NULL, &d) == RC_OK &&
		strcmp(d.crc, "AAAAAQ==") == 0 && strcmp(d.sha256, nine) == 0,
	    "the CRC is known");
	ok(s3_digest(&tls, f, NULL, 0, 99, &known, NULL, &d) == RC_OK &&
		strcmp(d.crc, "AAAAAQ==") == 0 && !d.sha256[0],
	    "nothing to be read");
	msg_verbosity(-2);
	ok(s3_digest(&tls, f, NULL, 2, 11, NULL, NULL, &d) == RC_DATA,
	    "of more than there is");
	msg_verbosity(2);
	file_close(&f);
}

static void
test_parts(void)
{
	static const uint64_t size[] = {1, 64 * MIB + 1, 160000 * MIB,
	    160000 * MIB + 1, 5 * MIB * MIB, UINT64_C(50) << 40};

	for (size_t i = 0; i < sizeof(size) / sizeof(size[0]); i++) {
		uint64_t part = s3_part_size(size[i]);

		ok(part >= 16 * MIB && part % MIB == 0 &&
			(size[i] + part - 1) / part <= 10000 &&
			(part == 16 * MIB ||
			    (size[i] + part - MIB - 1) / (part - MIB) > 10000),
		    "%llu bytes in parts of %llu MiB",
		    (unsigned long long)size[i],
		    (unsigned long long)(part / MIB));
	}
}

/* Names that a URL or a host name cannot be made of, or that mean another. */
static void
test_names(void)
{
	static const char *const bad[] = {"", "/x", "bucket/../x",
	    "bucket/a//b", "bucket/./x", "a b", "a@b", "a%62", "..",
	    "b\xC3\xA9"};
	static const char *const good[][3] = {{"bucket", "bucket", ""},
	    {"bucket/", "bucket", ""}, {"bucket//a/b//", "bucket", "a/b/"},
	    {"my.bucket/a b+c", "my.bucket", "a b+c/"}};
	const struct store_opts opts = {.parallel = 4};
	struct s3 *s = NULL;

	setenv("AWS_ACCESS_KEY_ID", "i", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "s", 1);
	setenv("HOME", "/none", 1);
	unsetenv("AWS_PROFILE");
	unsetenv("AWS_CA_BUNDLE");
	msg_verbosity(-2);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(s3_open(&s, bad[i], &opts) == RC_USAGE && !s, "s3://%s",
		    bad[i]);
	msg_verbosity(2);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ok(s3_open(&s, good[i][0], &opts) == RC_OK &&
			strcmp(s->bucket, good[i][1]) == 0 &&
			strcmp(s->prefix, good[i][2]) == 0,
		    "s3://%s", good[i][0]);
		s3_close(s);
	}
}

/* Virtual-host style without an endpoint, path style with one. */
static void
test_styles(void)
{
	static const char *const cases[][4] = {
	    {"b", "eu-west-1", NULL, "https://b.s3.eu-west-1.amazonaws.com"},
	    {"b", "cn-north-1", NULL,
		"https://b.s3.cn-north-1.amazonaws.com.cn"},
	    {"b.c", "us-east-1", NULL,
		"https://s3.us-east-1.amazonaws.com/b.c"},
	    {"b", "r", "http://127.0.0.1:9/base/", "http://127.0.0.1:9/base/b"},
	};
	const struct store_opts opts = {.parallel = 4};
	struct s3 *s;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		setenv("AWS_REGION", cases[i][1], 1);
		if (cases[i][2])
			setenv("AWS_ENDPOINT_URL", cases[i][2], 1);
		ok(s3_open(&s, cases[i][0], &opts) == RC_OK &&
			strcmp(s->base, cases[i][3]) == 0,
		    "%s", cases[i][3]);
		s3_close(s);
	}
}

int
main(int argc, char **argv)
{
	(void)argc;
	msg_init(argv[0]);
	test_query();
	test_digest();
	test_parts();
	test_names();
	test_styles();
	return tap_done();
}
