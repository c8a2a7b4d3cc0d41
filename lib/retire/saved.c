/* saved: see saved.h. */

#include "base/buf.h"
#include "retire/saved.h"

enum rc
saved_take(struct saved *s, struct store *store, const char *object,
    struct saved_place *p)
{
	struct buf buf = {0};
	struct store_xfer x = {
	    .verb = STORE_GET, .object = object, .buf = &buf};
	enum rc rc = s->file ? RC_OK : file_scratch(&s->file);

	if (rc == RC_OK)
		rc = store_do(store, &x);
	if (rc == RC_OK)
		rc = file_write(s->file, buf.data, buf.len, s->size);
	if (rc == RC_OK) {
		*p = (struct saved_place){s->size, (uint32_t)buf.len};
		s->size += buf.len;
	}
	buf_release(&buf);
	return rc == RC_ABSENT ? RC_OK : rc;
}

enum rc
saved_put(const struct saved *s, struct store *store, const char *object,
    const struct saved_place *p)
{
	struct buf buf = {0};
	struct store_xfer x = {.verb = STORE_PUT,
	    .object = object,
	    .buf = &buf,
	    .kind = STORE_INDEX};
	enum rc rc;

	if (p->len == 0)
		return msg_fail(RC_SYSTEM,
		    "%s: removed, and not saved; its data is there", object);
	rc = file_read(s->file, buf_reserve(&buf, p->len), p->len, p->at);
	buf.len = p->len;
	if (rc == RC_OK)
		rc = store_do(store, &x);
	buf_release(&buf);
	return rc;
}

void
saved_release(struct saved *s)
{
	file_close(&s->file);
	s->size = 0;
}
