/* s3_bucket: see s3_bucket.h. */

#include <string.h>

#include "store/s3_bucket.h"
#include "store/s3_digest.h"
#include "store/s3_send.h"

/* By a listing, which nobody else can answer. */
static enum rc
find_bucket(struct s3 *s, bool *there)
{
	static const int missing[] = {404, 0};
	struct s3_request r = {.expected = missing, .xml = true};
	struct s3xml_page page;
	enum rc rc =
	    s3_do(s, &r, "GET", NULL, "list-type=2&max-keys=1", s->name);

	*there = r.http.status != 404;
	if (rc == RC_OK && *there && !s3xml_page(&page, &r.http.body))
		rc = msg_fail(RC_DATA, "%s: its listing is not one", s->name);
	s3_request_release(&r);
	return rc;
}

static void
prepare_bucket(struct s3_request *r)
{
	http_header(&r->http, "Content-Type: application/xml");
	if (r->s3->keep.lock)
		http_header(&r->http, "x-amz-bucket-object-lock-enabled: true");
	s3_header_sha256(r, NULL);
}

static enum rc
put_bucket(struct s3 *s)
{
	static const int taken[] = {409, 0};
	struct s3_request r = {
	    .expected = taken, .prepare = prepare_bucket, .xml = true};
	struct buf body = {0};
	enum rc rc;

	/* AWS wants to be told where, but for its first region. */
	if (!s->aws.endpoint && strcmp(s->aws.region, "us-east-1") != 0) {
		buf_addf(&body,
		    "<CreateBucketConfiguration><LocationConstraint>%s"
		    "</LocationConstraint></CreateBucketConfiguration>",
		    s->aws.region);
		r.http.bytes = body.data;
		r.http.length = body.len;
	}
	rc = s3_do(s, &r, "PUT", NULL, NULL, s->name);
	/* Somebody else made it in between, or it is another user's: the next
	 * request will tell. */
	if (rc == RC_OK && r.http.status == 409)
		msg_info("%s: exists", s->name);
	else if (rc == RC_OK)
		msg_info("%s: made", s->name);
	s3_request_release(&r);
	buf_release(&body);
	return rc;
}

enum rc
s3_make_bucket(struct s3 *s)
{
	bool there;
	enum rc rc = find_bucket(s, &there);

	if (rc || there)
		return rc;
	rc = put_bucket(s);
	if (rc == RC_OK)
		rc = find_bucket(s, &there);
	if (rc == RC_OK && !there)
		rc = msg_fail(
		    RC_SYSTEM, "%s: was made, but is not there", s->name);
	return rc;
}
