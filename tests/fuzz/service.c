/*
 * What services answer (answers.h), whatever is asked of them: a bucket as a
 * store, the metadata of a machine, a container's agent, the token service.
 * Nothing goes on for ever; what is taken for good is as long, and has the
 * name, that it must.
 */

#include <stdint.h>
#include <unistd.h>

#include "answers.h"
#include "aws/keys.h"
#include "place.h"
#include "store/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OBJECTS = 5, WHOLE = 65 << 20 };

static const char *const object[OBJECTS] = {"a/1", "a/b+2", "a/b/3", "c", "d"};

/* ---- a store ---- */

static enum rc
entry(void *arg, const struct store_entry *e)
{
	bool *delimited = arg;

	if (!*e->name || *e->name == '/' ||
	    (*delimited && strchr(e->name, '/')))
		abort();
	return RC_OK;
}

static void
list(struct store *s, unsigned how)
{
	bool delimited = how == 1;

	if (how < 2)
		(void)store_list(s, "a/", delimited, how, entry, &delimited);
	else
		for (int i = 0; i < 3; i++)
			(void)store_list_along(s, "a/",
			    i == 0   ? "a/b/"
			    : i == 1 ? "a/c/"
				     : "a/d/",
			    entry, &delimited);
}

static enum rc
length(void *arg, const void *data, size_t len)
{
	(void)data;
	*(uint64_t *)arg += len;
	return RC_OK;
}

static void
get(struct store *s, unsigned how)
{
	uint64_t n = 0;
	struct buf b = {0};
	struct store_xfer x = {.verb = STORE_GET,
	    .object = object[how % OBJECTS],
	    .offset = how & 4 ? 3 : 0,
	    .length = how & 8 ? 7 : 0,
	    .unsure = how & 16,
	    .limit = 2000};

	if (how & 32)
		x.buf = &b;
	else
		x.sink = length, x.arg = &n;
	if (store_do(s, &x) == RC_OK &&
	    b.len + n != (x.length ? x.length : x.size - x.offset))
		abort();
	buf_release(&b);
}

static void
put(struct store *s, unsigned how)
{
	static const uint32_t crc = 7;
	static struct file *large;
	char *path = xasprintf("%s/large", place());
	struct buf b = {0};
	struct store_xfer x = {.verb = STORE_PUT,
	    .object = object[how % OBJECTS],
	    .kind = how >> 4 & 1 ? STORE_DATA : STORE_CLAIM,
	    .replace = how & 4,
	    .crc = how & 8 ? &crc : NULL};

	buf_adds(&b, "what is put");
	/* All of it is read each time: only now and then. */
	if (!large) {
		free(place_file("large", "x", 1));
		if (truncate(path, WHOLE) != 0 ||
		    file_open(&large, path) != RC_OK)
			abort();
	}
	if (how == 0xff) {
		x.file = large;
		x.replace = false;
	} else {
		x.buf = &b;
	}
	(void)store_do(s, &x);
	buf_release(&b);
	free(path);
}

static void
deleted(struct store_xfer *x, enum rc rc)
{
	(void)rc;
	++*(int *)x->arg;
}

static void delete (struct store *s)
{
	struct store_xfer x[OBJECTS];
	int told[OBJECTS] = {0};

	for (int i = 0; i < OBJECTS; i++) {
		x[i] = (struct store_xfer){.verb = STORE_DELETE,
		    .object = object[i],
		    .done = deleted,
		    .arg = &told[i]};
		store_start(s, &x[i]);
	}
	store_wait(s, 0, -1);
	for (int i = 0; i < OBJECTS; i++)
		if (told[i] != 1)
			abort();
}

static void
use_store(unsigned what, unsigned how, unsigned options)
{
	struct store_opts o = {.parallel = 1 + (options & 3),
	    .hidden = options & 4,
	    .create = options & 8,
	    .keep.lock = options & 16 ? 60000 : 0};
	struct store_xfer head = {.verb = STORE_HEAD,
	    .object = object[how % OBJECTS],
	    .retention = how & 8};
	struct store *s;
	bool may;

	if (store_open(&s, "s3://bucket/p", &o) != RC_OK)
		return;
	if (what == 0)
		list(s, how % 3);
	else if (what == 1)
		get(s, how);
	else if (what == 2)
		put(s, how);
	else if (what == 3)
		delete (s);
	else if (what == 4 && store_do(s, &head) == RC_OK && !head.retention)
		(void)store_retains(s, &may);
	store_free(s);
}

/* ---- keys ---- */

static void
use_keys(unsigned what)
{
	struct aws aws;
	struct keys_ask ask = {.aws = &aws};
	const struct keys_role role = {
	    .arn = "arn:aws:iam::1:role/r", .external = "x"};
	struct keys by = {.id = xstrdup("i"), .secret = xstrdup("s")};
	struct keys k = {0};
	enum rc rc;

	if (aws_load(&aws) != RC_OK)
		abort();
	rc = what == 0   ? keys_instance(&ask, &k)
	     : what == 1 ? keys_container(&ask, &k)
	     : what == 2
		 ? keys_assume(&ask, &role, &by, &k)
		 : keys_web_identity(&ask, &role, getenv("FUZZ_TOKEN"), &k);
	if (rc == RC_OK &&
	    (!k.id || !k.secret || !k.source || (what >= 2 && !k.token)))
		abort();
	(void)keys_check(&ask, &k);
	keys_release(&k);
	keys_release(&by);
	buf_release(&ask.why);
	aws_release(&aws);
}

/* ---- all ---- */

static void
begin(void)
{
	char *token = place_file("token", "token\n", 6);

	setenv("FUZZ_TOKEN", token, 1);
	free(token);
	setenv("AWS_ACCESS_KEY_ID", "id", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
	setenv("AWS_REGION", "us-east-1", 1);
	setenv("AWS_ENDPOINT_URL", "https://s3.invalid", 1);
	setenv("AWS_CONFIG_FILE", "/dev/null", 1);
	setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null", 1);
	setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/keys", 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!*place_dir)
		begin();
	if (size < 3)
		return 0;
	answers.data = data + 3;
	answers.left = size - 3;
	answers.requests = answers.again = 0;
	if (data[0] % 9 < 5)
		use_store(data[0] % 9, data[1], data[2]);
	else
		use_keys(data[0] % 9 - 5);
	return 0;
}
