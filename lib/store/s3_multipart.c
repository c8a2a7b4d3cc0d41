/*
 * s3_multipart: see s3_multipart.h.
 *
 * The requests of one upload, each begun by the one before:
 *
 *   HEAD           the object: there already?
 *   GET ?uploads   what earlier runs left of it: DELETE each
 *   POST ?uploads  begin; if an attempt at it was not answered, the two above
 *                  once more
 *   PUT            the parts, several at a time
 *   HEAD           once more, for servers that ignore the condition of
 *   POST           complete, if the object is still not there
 *   HEAD           where it is to be locked: is it?  (s3_lock.h)
 *
 * and after a failure, when the parts under way have ended: DELETE.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/signals.h"
#include "base/time.h"
#include "store/s3_answer.h"
#include "store/s3_digest.h"
#include "store/s3_keep.h"
#include "store/s3_lock.h"
#include "store/s3_multipart.h"
#include "store/s3_send.h"
#include "store/s3_uploads.h"

enum {
	PART_SIZE = 16 << 20,
	PARTS_MAX = 10000,
	/* For giving up after a signal: seconds. */
	PATIENCE = 5
};

struct part {
	struct s3_request req; /* first */
	struct s3_multipart *of;
	unsigned number; /* from 1 */
	struct s3_digest digest;
};

/* Of a part that is there: what completing wants. */
struct receipt {
	char etag[HTTP_ETAG_MAX];
	char crc[S3_CRC_MAX];
};

struct s3_multipart {
	struct s3 *s3;
	const char *object;
	enum store_kind kind;
	struct file *file;
	const struct file_check *check; /* or NULL */
	uint64_t size, part_size;
	void (*moved)(void *, uint64_t);
	void (*done)(void *, enum rc, bool);
	void *arg;

	struct s3_request req; /* all but the parts */
	struct s3_locking locking;
	void (*if_absent)(struct s3_multipart *); /* what follows a look */
	struct s3_uploads old; /* of earlier runs and attempts */
	bool doubtful;         /* an attempt to begin may have left one more */
	char *id;
	struct receipt *receipts;
	unsigned parts, next, running;
	struct buf body;         /* for completing */
	struct s3_digest digest; /* of it */
	enum rc rc;
	bool existed;
	struct s3_multipart *next_multipart;
};

uint64_t
s3_part_size(uint64_t size)
{
	const uint64_t mib = 1 << 20;
	uint64_t least = (size + PARTS_MAX - 1) / PARTS_MAX;

	return least <= PART_SIZE ? PART_SIZE : (least + mib - 1) / mib * mib;
}

/* ---- the end ---- */

/* Those that may have begun, since that was asked for, are listed, for signals
 * to give them up. */
static void
list_add(struct s3_multipart *m)
{
	for (struct s3_multipart *i = m->s3->multiparts; i;
	     i = i->next_multipart)
		if (i == m)
			return;
	m->next_multipart = m->s3->multiparts;
	m->s3->multiparts = m;
	m->s3->give_up = s3_multipart_give_up;
	signals_defer(true);
}

static void
list_remove(struct s3_multipart *m)
{
	struct s3_multipart **p = &m->s3->multiparts;

	while (*p && *p != m)
		p = &(*p)->next_multipart;
	if (*p)
		*p = m->next_multipart;
	if (!m->s3->multiparts)
		signals_defer(false);
}

static void
multipart_free(struct s3_multipart *m)
{
	s3_request_release(&m->req);
	s3_locking_release(&m->locking);
	s3_uploads_release(&m->old);
	free(m->id);
	free(m->receipts);
	buf_release(&m->body);
	free(m);
}

static void
finish(struct s3_multipart *m)
{
	list_remove(m);
	m->done(m->arg, m->rc, m->existed);
	multipart_free(m);
}

/* ---- requests ---- */

/* The next request of the upload. */
static void
send(struct s3_multipart *m, const char *method, const char *query,
    void (*prepare)(struct s3_request *), const int *expected, bool xml,
    void (*done)(struct s3_request *, enum rc))
{
	s3_request_release(&m->req);
	m->req = (struct s3_request){.prepare = prepare,
	    .expected = expected,
	    .xml = xml,
	    .done = done,
	    .arg = m};
	if (done && strcmp(method, "POST") == 0) {
		m->req.http.bytes = m->body.data;
		m->req.http.length = m->body.len;
	}
	s3_send(m->s3, &m->req, method, m->object, query, m->object);
}

static void
aborted(struct s3_request *r, enum rc rc)
{
	/* What could not be given up now the next run will find. */
	(void)rc;
	finish(r->arg);
}

/* Something failed, or there is nothing to do: clean up, then tell. */
static void
fail(struct s3_multipart *m, enum rc rc)
{
	struct buf query = {0};

	m->rc = rc_max(m->rc, rc);
	if (m->running > 0)
		return;
	if (!m->id) {
		finish(m);
		return;
	}
	s3_upload_query(&query, m->id, 0);
	send(m, "DELETE", query.data, NULL, NULL, false, aborted);
	buf_release(&query);
}

/* ---- is the object there already? ---- */

static void
looked(struct s3_request *r, enum rc rc)
{
	struct s3_multipart *m = r->arg;

	if (rc == RC_ABSENT) {
		m->if_absent(m);
		return;
	}
	m->existed = rc == RC_OK;
	fail(m, rc);
}

static void
look(struct s3_multipart *m, void (*if_absent)(struct s3_multipart *))
{
	m->if_absent = if_absent;
	send(m, "HEAD", NULL, NULL, NULL, false, looked);
}

/* ---- completing ---- */

static void complete(struct s3_multipart *);

static void
found_again(struct s3_request *r, enum rc rc)
{
	struct s3_multipart *m = r->arg;

	m->existed = rc == RC_OK;
	if (rc == RC_ABSENT)
		rc = msg_fail(RC_SYSTEM,
		    "%s: its upload was given up by "
		    "somebody else",
		    m->object);
	m->rc = rc;
	finish(m);
}

/* It is there; but is it locked? */
static void
locked(void *arg, enum rc rc)
{
	struct s3_multipart *m = arg;

	m->rc = rc;
	finish(m);
}

static bool
take_result(void *arg, const char *path, const char *text, size_t len)
{
	const char *root = "CompleteMultipartUploadResult";

	(void)arg;
	(void)text;
	(void)len;
	return strncmp(path, root, strlen(root)) == 0;
}

static void
completed(struct s3_request *r, enum rc rc)
{
	struct s3_multipart *m = r->arg;

	/* A 200 comes before it is done; only its body tells. */
	if (rc == RC_OK && r->http.status == 200 &&
	    !s3xml_parse(
		r->http.body.data, r->http.body.len, take_result, NULL))
		rc = msg_fail(RC_DATA,
		    "%s: the answer to the completion of its upload is not one",
		    m->object);
	if (rc == RC_OK && r->http.status == 501) {
		if (s3_concede(r))
			complete(m);
		else
			fail(m, msg_fail(RC_SYSTEM, "%s: 501 %s", m->object,
				    r->error.code));
	} else if (rc == RC_OK && r->http.status == 412) {
		m->existed = true;
		fail(m, RC_OK);
	} else if (rc == RC_ABSENT) {
		/* No such upload: an unanswered attempt may have done it. */
		send(m, "HEAD", NULL, NULL, NULL, false, found_again);
	} else if (rc) {
		fail(m, rc);
	} else if (m->s3->keep.lock) {
		s3_lock_surely(&m->locking, m->s3, m->object, locked, m);
	} else {
		finish(m);
	}
}

static void
prepare_complete(struct s3_request *r)
{
	http_header(&r->http, "Content-Type: application/xml");
	s3_header_sha256(r, &((struct s3_multipart *)r->arg)->digest);
	s3_header_new(r);
}

static void
complete(struct s3_multipart *m)
{
	static const int expected[] = {412, 501, 0};
	struct buf query = {0};

	buf_clear(&m->body);
	buf_adds(&m->body, "<CompleteMultipartUpload>");
	for (unsigned i = 0; i < m->parts; i++) {
		buf_addf(
		    &m->body, "<Part><PartNumber>%u</PartNumber><ETag>", i + 1);
		s3xml_escape(&m->body, m->receipts[i].etag);
		buf_adds(&m->body, "</ETag>");
		if (m->receipts[i].crc[0])
			buf_addf(&m->body, "<ChecksumCRC32>%s</ChecksumCRC32>",
			    m->receipts[i].crc);
		buf_adds(&m->body, "</Part>");
	}
	buf_adds(&m->body, "</CompleteMultipartUpload>");
	(void)s3_digest(
	    m->s3, NULL, m->body.data, 0, m->body.len, NULL, NULL, &m->digest);
	s3_upload_query(&query, m->id, 0);
	send(
	    m, "POST", query.data, prepare_complete, expected, true, completed);
	buf_release(&query);
}

/* ---- parts ---- */

static void parts_go_on(struct s3_multipart *);

static void
part_done(struct s3_request *r, enum rc rc)
{
	struct part *p = (struct part *)r;
	struct s3_multipart *m = p->of;
	struct receipt *receipt = &m->receipts[p->number - 1];

	m->running--;
	if (rc == RC_OK && !r->http.etag[0])
		rc = msg_fail(RC_DATA, "%s: the server says no ETag of a part",
		    m->object);
	if (rc == RC_OK)
		m->moved(m->arg, r->http.length);
	if (rc == RC_ABSENT) /* which all parts under way are told */
		rc = m->rc ? m->rc
			   : msg_fail(RC_SYSTEM,
				 "%s: its upload was given up by somebody else",
				 m->object);
	memcpy(receipt->etag, r->http.etag, sizeof(receipt->etag));
	/* A service that knows checksums wants them when the upload is
	 * completed; one that does not may refuse them there (Swift does). */
	if (rc == RC_OK && s3_confirmed(r, &p->digest))
		memcpy(receipt->crc, p->digest.crc, sizeof(receipt->crc));
	s3_request_release(r);
	free(p);
	if (rc || m->rc)
		fail(m, rc);
	else
		parts_go_on(m);
}

static void
prepare_part(struct s3_request *r)
{
	const struct s3_digest *d = &((struct part *)r)->digest;

	http_header(&r->http, "Content-Type: application/octet-stream");
	s3_header_sha256(r, d);
	s3_header_crc(r, d);
	s3_header_md5(r, d);
}

/* The parts are begun in order: so the file is checked part by part, and no part
 * of it is sent before that. */
static enum rc
read_part(struct s3_multipart *m, struct part *p)
{
	const struct file_check *c = m->check;
	enum rc rc = RC_OK;

	if (c && p->number == 1)
		rc = c->begin(c->arg);
	if (rc == RC_OK)
		rc = s3_digest(m->s3, m->file, NULL, p->req.http.offset,
		    p->req.http.length, NULL, c, &p->digest);
	if (rc == RC_OK && c && p->number == m->parts)
		rc = c->end(c->arg);
	return rc;
}

static void
part_start(struct s3_multipart *m, unsigned number)
{
	struct part *p = xcalloc(1, sizeof(*p));
	struct buf query = {0};
	uint64_t at = (uint64_t)(number - 1) * m->part_size;
	uint64_t left = m->size - at;
	enum rc rc;

	p->of = m;
	p->number = number;
	p->req.prepare = prepare_part;
	p->req.xml = true;
	p->req.done = part_done;
	p->req.http.file = m->file;
	p->req.http.offset = at;
	p->req.http.length = left < m->part_size ? left : m->part_size;
	m->running++;
	rc = read_part(m, p);
	if (rc) {
		part_done(&p->req, rc);
		return;
	}
	s3_upload_query(&query, m->id, number);
	s3_send(m->s3, &p->req, "PUT", m->object, query.data, m->object);
	buf_release(&query);
}

static void
parts_go_on(struct s3_multipart *m)
{
	while (m->rc == RC_OK && m->next < m->parts &&
	       m->running < m->s3->parallel)
		part_start(m, ++m->next);
	if (m->rc == RC_OK && m->running == 0)
		look(m, complete);
}

/* ---- beginning ---- */

static void begin(struct s3_multipart *);
static void list_old(struct s3_multipart *);

static bool
take_id(void *arg, const char *path, const char *text, size_t len)
{
	struct s3_multipart *m = arg;

	if (strcmp(path, "InitiateMultipartUploadResult/UploadId") == 0 &&
	    !m->id && len > 0)
		m->id = xstrdup(text);
	return true;
}

static void
begun(struct s3_request *r, enum rc rc)
{
	struct s3_multipart *m = r->arg;

	if (rc == RC_OK && r->http.status == 501 && !s3_keep_blamed(r) &&
	    s3_concede(r)) {
		begin(m);
		return;
	}
	if (rc == RC_OK && r->http.status == 501)
		rc = s3_answer_refuse(r);
	if (rc == RC_OK &&
	    (!s3xml_parse(r->http.body.data, r->http.body.len, take_id, m) ||
		!m->id))
		rc = msg_fail(RC_DATA,
		    "%s: the answer to the beginning of an upload is not one",
		    m->object);
	if (rc == RC_OK)
		rc = s3_keep_check(r);
	if (rc == RC_ABSENT)
		rc = msg_fail(RC_SYSTEM,
		    "%s: cannot be uploaded in parts: "
		    "404",
		    m->object);
	if (rc) {
		fail(m, rc);
		return;
	}
	m->receipts = xcalloc(m->parts, sizeof(*m->receipts));
	m->doubtful = r->ambiguous;
	if (m->rc) /* given up meanwhile */
		return;
	if (m->doubtful)
		list_old(m);
	else
		parts_go_on(m);
}

/* Its body is empty: a type, lest libcurl's (that of a form) become the
 * object's. */
static void
prepare_begin(struct s3_request *r)
{
	/* Each attempt may leave an upload: they have to be counted. */
	r->http.once = true;
	http_header(&r->http, "Content-Type: application/octet-stream");
	s3_header_sha256(r, NULL);
	if (s3_takes_checksum(r->s3))
		http_header(&r->http, "x-amz-checksum-algorithm: CRC32");
	s3_keep_headers(r, ((struct s3_multipart *)r->arg)->kind);
}

static void
begin(struct s3_multipart *m)
{
	static const int expected[] = {501, 0};

	list_add(m);
	buf_clear(&m->body);
	send(m, "POST", "uploads=", prepare_begin, expected, true, begun);
}

/* ---- what earlier runs, or attempts, left ---- */

static void
give_up_old(struct s3_request *r, enum rc rc)
{
	struct s3_multipart *m = r->arg;
	struct buf query = {0};

	/* One that is gone is what we want. */
	if (rc && rc != RC_ABSENT) {
		fail(m, rc);
		return;
	}
	if (m->old.n == 0) {
		m->doubtful = false;
		if (m->id)
			parts_go_on(m);
		else
			begin(m);
		return;
	}
	msg_info("%s: giving up an earlier upload", m->object);
	s3_upload_query(&query, m->old.id[m->old.n - 1], 0);
	free(m->old.id[--m->old.n]);
	send(m, "DELETE", query.data, NULL, NULL, false, give_up_old);
	buf_release(&query);
}

static void
listed(struct s3_request *r, enum rc rc)
{
	struct s3_multipart *m = r->arg;

	/* A service that does not list uploads, or a user who may not: then
	 * nothing is given up. */
	if (rc == RC_OK && r->http.status == 200 &&
	    !s3_uploads_parse(&m->old, r, m->object, m->id))
		rc = msg_fail(RC_DATA,
		    "%s: the listing of its uploads is not one", m->object);
	give_up_old(r, rc);
}

static void
list_old(struct s3_multipart *m)
{
	struct buf query = {0};

	s3_uploads_query(m->s3, m->object, &query);
	s3_request_release(&m->req);
	m->req = (struct s3_request){
	    .expected = s3_no_uploads, .xml = true, .done = listed, .arg = m};
	s3_send(m->s3, &m->req, "GET", NULL, query.data, m->object);
	buf_release(&query);
}

void
s3_multipart_start(struct s3 *s, const char *object, enum store_kind kind,
    struct file *file, uint64_t size, const struct file_check *check,
    void (*moved)(void *, uint64_t), void (*done)(void *, enum rc, bool),
    void *arg)
{
	struct s3_multipart *m = xcalloc(1, sizeof(*m));

	m->s3 = s;
	m->object = object;
	m->kind = kind;
	m->file = file;
	m->check = check;
	m->size = size;
	m->part_size = s3_part_size(size);
	m->parts = (unsigned)((size + m->part_size - 1) / m->part_size);
	m->moved = moved;
	m->done = done;
	m->arg = arg;
	look(m, list_old);
}

/* ---- giving up ---- */

/* Are there beginnings that were not answered? */
static bool
any_beginning(const struct s3 *s)
{
	for (const struct s3_multipart *m = s->multiparts; m;
	     m = m->next_multipart)
		if (!m->id)
			return true;
	return false;
}

/* Their answers name what there is to be given up; and nothing new is begun. */
static void
await_beginnings(struct s3 *s)
{
	uint64_t end = time_monotonic() + PATIENCE * UINT64_C(1000);

	for (struct s3_multipart *m = s->multiparts; m; m = m->next_multipart)
		m->rc = RC_SYSTEM;
	while (any_beginning(s) && time_monotonic() < end)
		http_step(s->http, -1);
}

void
s3_multipart_give_up(struct s3 *s)
{
	struct s3_multipart *m, *next;

	await_beginnings(s);
	m = s->multiparts;
	http_drop(s->http, PATIENCE);
	s->multiparts = NULL; /* no second time */
	for (; m; m = next) {
		next = m->next_multipart;
		if (m->id)
			s3_upload_abort(s, m->object, m->id);
		if (!m->id || m->doubtful)
			s3_uploads_abort(s, m->object);
		multipart_free(m);
	}
}
