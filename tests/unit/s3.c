/* s3: what goes into requests; the sizes of parts. */

#include <stdlib.h>
#include <string.h>

#include "s3.h"
#include "s3_multipart.h"
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

/* Known CRCs: of "123456789", and of nothing. */
static void
test_crc(void)
{
	char text[S3_CRC_MAX];
	struct io_file *f = NULL;

	ok(s3_crc(NULL, "123456789", 0, 9, text) == RC_OK &&
		strcmp(text, "y/Q5Jg==") == 0,
	    "of bytes");
	ok(s3_crc(NULL, "", 0, 0, text) == RC_OK &&
		strcmp(text, "AAAAAA==") == 0,
	    "of nothing");
	ok(io_scratch(&f) == RC_OK &&
		io_write(f, "..123456789.", 12, 0) == RC_OK &&
		s3_crc(f, NULL, 2, 9, text) == RC_OK &&
		strcmp(text, "y/Q5Jg==") == 0,
	    "of part of a file");
	msg_verbosity(-2);
	ok(s3_crc(f, NULL, 2, 11, text) == RC_DATA, "of more than there is");
	msg_verbosity(2);
	io_close(&f);
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
	test_crc();
	test_parts();
	test_names();
	test_styles();
	return tap_done();
}
