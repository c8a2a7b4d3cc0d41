/* claim: see claim.h. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/number.h"
#include "base/time.h"
#include "peers/claim.h"

#define MAGIC "segtools claim 1\n"

enum { GONE_MS = 1000 }; /* how long one may come and go */

/* ---- the text ---- */

void
claim_encode(struct buf *b, const struct claim *c)
{
	char key[KEY_LEN + 1], when[TIME_TEXT_MAX];

	buf_adds(b, MAGIC);
	if (c->removal)
		buf_adds(b, "removal -\n");
	else
		buf_addf(b, "key %s\n", key_text(&c->key, key));
	buf_addf(b, "time %llu %s\n", (unsigned long long)c->time,
	    time_text(c->time, when));
	buf_addf(b, "writer %s\n", c->writer);
	buf_addf(b, "host %s\n", c->by.host);
	buf_addf(b, "pid %llu\n", (unsigned long long)c->by.pid);
	buf_addf(b, "started %llu\n", (unsigned long long)c->by.started);
	buf_addf(b, "boot %s\n", c->by.boot);
	buf_addf(b, "pids %s\n", c->by.pids);
	if (c->given_up)
		buf_adds(b, "given-up -\n");
}

static bool
take_text(char *to, size_t room, const char *value, size_t len)
{
	if (len >= room)
		return false;
	memcpy(to, value, len);
	to[len] = 0;
	return true;
}

/* Lines that are not known are of a later version. */
static bool
take_line(struct claim *c, const char *line, size_t len, bool *what)
{
	const char *space = memchr(line, ' ', len), *value;
	size_t name, n;

	if (!space)
		return false;
	name = (size_t)(space - line);
	value = space + 1;
	n = len - name - 1;
#define IS(text) (name == strlen(text) && memcmp(line, text, name) == 0)
	if (IS("key")) {
		*what = true;
		return key_parse(&c->key, value, n);
	}
	if (IS("removal"))
		return *what = c->removal = true;
	if (IS("given-up"))
		return c->given_up = true;
	if (IS("time"))
		return number_u64(value, strcspn(value, " \n"), &c->time);
	if (IS("writer"))
		return take_text(c->writer, sizeof(c->writer), value, n);
	if (IS("host"))
		return take_text(c->by.host, sizeof(c->by.host), value, n);
	if (IS("pid"))
		return number_u64(value, n, &c->by.pid);
	if (IS("started"))
		return number_u64(value, n, &c->by.started);
	if (IS("boot"))
		return take_text(c->by.boot, sizeof(c->by.boot), value, n);
	if (IS("pids"))
		return take_text(c->by.pids, sizeof(c->by.pids), value, n);
#undef IS
	return true;
}

bool
claim_decode(struct claim *c, const char *text, size_t len)
{
	const char *line = text, *end;
	bool what = false; /* it says what is claimed */

	*c = (struct claim){0};
	if (len < strlen(MAGIC) || strlen(text) != len ||
	    strncmp(text, MAGIC, strlen(MAGIC)) != 0)
		return false;
	for (line += strlen(MAGIC); *line; line = end + 1) {
		end = strchr(line, '\n');
		if (!end || !take_line(c, line, (size_t)(end - line), &what))
			return false;
	}
	return what && *c->by.host && c->by.pid > 0;
}

char *
claim_who(const struct claim *c)
{
	char when[TIME_TEXT_MAX];

	return xasprintf("%s (process %llu) at %s", c->by.host,
	    (unsigned long long)c->by.pid, time_text(c->time, when));
}

/* ---- names ---- */

const char *
claim_name(uint64_t end, char name[CLAIM_NAME_MAX])
{
	snprintf(name, CLAIM_NAME_MAX, "%020llu", (unsigned long long)end);
	return name;
}

bool
claim_name_parse(const char *name, bool *removal, uint64_t *end)
{
	*end = 0;
	*removal = strcmp(name, CLAIM_REMOVAL) == 0;
	return *removal || (strlen(name) == 20 && number_u64(name, 20, end));
}

char *
claim_object(const char *cluster, const char *namespace, const char *name)
{
	char *prefix = claims_prefix(cluster, namespace);
	char *object = xasprintf("%s%s", prefix, name);

	free(prefix);
	return object;
}

/* ---- in a store ---- */

/* What is too large is told from that it is more than CLAIM_MAX. */
static enum rc
take_piece(void *arg, const void *data, size_t len)
{
	struct claim_op *op = arg;
	size_t room = CLAIM_MAX + 1 - op->text.len;

	buf_add(&op->text, data, len < room ? len : room);
	return op->text.len > CLAIM_MAX ? RC_DATA : RC_OK;
}

static void
op_done(struct store_xfer *x, enum rc rc)
{
	struct claim_op *op = x->arg;

	op->rc = rc;
	op->done = true;
}

static void
op_start(struct store *store, struct claim_op *op, char *object)
{
	op->object = object;
	op->done = false;
	op->xfer.object = object;
	op->xfer.done = op_done;
	op->xfer.arg = op;
	store_start(store, &op->xfer);
}

static enum rc
op_wait(struct claim_op *op)
{
	while (!op->done)
		store_step(op->xfer.store);
	return op->rc;
}

static void
op_release(struct claim_op *op)
{
	free(op->object);
	buf_release(&op->text);
	*op = (struct claim_op){0};
}

void
claim_read_begin(struct store *store, struct claim_op *op, char *object)
{
	*op =
	    (struct claim_op){.xfer = {.verb = STORE_GET, .sink = take_piece}};
	op_start(store, op, object);
}

/* Why the text read is no claim; NULL: it is one. */
static const char *
why_none(const struct claim_op *op, struct claim *c)
{
	if (op->text.len > CLAIM_MAX)
		return "too large for a claim";
	return claim_decode(c, op->text.data ? op->text.data : "", op->text.len)
		   ? NULL
		   : "not a claim";
}

/* say: what is none. */
static enum rc
read_end(struct claim_op *op, struct claim *c, bool say)
{
	enum rc rc = op_wait(op);
	const char *why = NULL;

	if (rc == RC_OK || (rc == RC_DATA && op->text.len > CLAIM_MAX))
		why = why_none(op, c);
	if (why) {
		rc = RC_DATA;
		if (say)
			msg_fail(rc, "%s: %s", op->object, why);
	}
	op_release(op);
	return rc;
}

enum rc
claim_read_end(struct claim_op *op, struct claim *c)
{
	return read_end(op, c, false);
}

void
claim_write_begin(struct store *store, struct claim_op *op, char *object,
    const struct claim *c, bool replace)
{
	*op = (struct claim_op){
	    .xfer = {
		.verb = STORE_PUT, .replace = replace, .secrecy = c->secrecy}};
	claim_encode(&op->text, c);
	op->xfer.buf = &op->text;
	op_start(store, op, object);
}

enum rc
claim_write_end(struct claim_op *op, bool *existed)
{
	enum rc rc = op_wait(op);

	if (existed)
		*existed = op->xfer.existed;
	op_release(op);
	return rc;
}

enum rc
claim_look(struct store *store, const char *object, struct claim *c)
{
	struct claim_op op;

	claim_read_begin(store, &op, xstrdup(object));
	return read_end(&op, c, false);
}

enum rc
claim_read(struct store *store, const char *object, struct claim *c)
{
	struct claim_op op;

	claim_read_begin(store, &op, xstrdup(object));
	return read_end(&op, c, true);
}

enum rc
claim_write(struct store *store, const char *object, const struct claim *c,
    bool *existed)
{
	struct claim_op op;

	claim_write_begin(store, &op, xstrdup(object), c, !existed);
	return claim_write_end(&op, existed);
}

/* What was there may be gone when it is read. */
enum rc
claim_make(struct store *store, const char *object, const struct claim *mine,
    bool say, bool *existed, struct claim *theirs)
{
	struct patience patience;
	enum rc rc;

	patience_begin(&patience, GONE_MS);
	do {
		rc = claim_write(store, object, mine, existed);
		if (rc == RC_OK && *existed)
			rc = say ? claim_read(store, object, theirs)
				 : claim_look(store, object, theirs);
	} while (rc == RC_ABSENT && patience_wait(&patience));
	if (rc == RC_ABSENT)
		rc = msg_fail(RC_SYSTEM,
		    "%s: is there for who makes it, and not for who reads it",
		    object);
	return rc;
}

enum rc
claim_remove(struct store *store, const char *object)
{
	struct store_xfer x = {.verb = STORE_DELETE, .object = object};
	enum rc rc = store_do(store, &x);

	return rc == RC_ABSENT ? RC_OK : rc;
}

/* ---- waiting ---- */

void
patience_begin(struct patience *p, unsigned ms)
{
	*p = (struct patience){.deadline = time_monotonic() + ms, .step = 10};
}

bool
patience_wait(struct patience *p)
{
	uint64_t now = time_monotonic(), ms = p->step;

	if (now >= p->deadline)
		return false;
	if (ms > p->deadline - now)
		ms = p->deadline - now;
	nanosleep(&(struct timespec){.tv_sec = (time_t)(ms / 1000),
		      .tv_nsec = (long)(ms % 1000) * 1000000},
	    NULL);
	p->step = p->step < 320 ? 2 * p->step : 500;
	return true;
}
