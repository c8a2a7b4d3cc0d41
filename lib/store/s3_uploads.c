/* s3_uploads: see s3_uploads.h. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/s3_send.h"
#include "store/s3_uploads.h"

const int s3_no_uploads[] = {403, 404, 405, 501, 0};

void
s3_uploads_release(struct s3_uploads *u)
{
	for (size_t i = 0; i < u->n; i++)
		free(u->id[i]);
	free(u->id);
	*u = (struct s3_uploads){0};
}

/* No "+" in it, see s3_list.c; but where it does no harm the whole key, since
 * MinIO lists nothing by less. */
void
s3_uploads_query(const struct s3 *s, const char *object, struct buf *b)
{
	char *prefix = xasprintf("%s%s", s->prefix, object);

	if (http_plus_fault())
		prefix[strcspn(prefix, "+")] = 0;
	s3_query(b, "prefix", prefix);
	s3_query(b, "uploads", "");
	free(prefix);
}

struct reading {
	struct s3_uploads *uploads;
	char *key; /* of the object in the bucket */
	const char *but;
	bool ours; /* the upload that is read */
};

static bool
take_upload(void *arg, const char *path, const char *text, size_t len)
{
	struct reading *r = arg;
	struct s3_uploads *u = r->uploads;

	if (strcmp(path, "ListMultipartUploadsResult/Upload/Key") == 0) {
		r->ours = strcmp(text, r->key) == 0;
	} else if (strcmp(path, "ListMultipartUploadsResult/Upload/UploadId") ==
		       0 &&
		   r->ours && len > 0 &&
		   (!r->but || strcmp(text, r->but) != 0)) {
		u->id = xreallocarray(u->id, u->n + 1, sizeof(*u->id));
		u->id[u->n++] = xstrdup(text);
		r->ours = false;
	}
	return true;
}

bool
s3_uploads_parse(struct s3_uploads *u, const struct s3_request *answered,
    const char *object, const char *but)
{
	const struct buf *body = &answered->http.body;
	struct reading r = {.uploads = u, .but = but};
	bool good;

	r.key = xasprintf("%s%s", answered->s3->prefix, object);
	good = s3xml_parse(body->data, body->len, take_upload, &r);
	free(r.key);
	return good;
}

void
s3_upload_query(struct buf *b, const char *id, unsigned number)
{
	char text[16];

	if (number) {
		snprintf(text, sizeof(text), "%u", number);
		s3_query(b, "partNumber", text);
	}
	s3_query(b, "uploadId", id);
}

void
s3_upload_abort(struct s3 *s, const char *object, const char *id)
{
	struct s3_request r = {0};
	struct buf query = {0};

	s3_upload_query(&query, id, 0);
	(void)s3_do(s, &r, "DELETE", object, query.data, object);
	buf_release(&query);
	s3_request_release(&r);
}

void
s3_uploads_abort(struct s3 *s, const char *object)
{
	struct s3_request r = {.expected = s3_no_uploads, .xml = true};
	struct s3_uploads u = {0};
	struct buf query = {0};

	s3_uploads_query(s, object, &query);
	if (s3_do(s, &r, "GET", NULL, query.data, object) == RC_OK &&
	    r.http.status == 200)
		(void)s3_uploads_parse(&u, &r, object, NULL);
	buf_release(&query);
	s3_request_release(&r);
	for (size_t i = 0; i < u.n; i++)
		s3_upload_abort(s, object, u.id[i]);
	s3_uploads_release(&u);
}
