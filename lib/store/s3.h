/*
 * s3: a bucket, what its service takes, and what a request to it is.  They are
 * sent by s3_send.c, which asks s3_answer.c what an answer means; what an
 * operation makes of that is s3_store.c's, s3_list.c's, s3_delete.c's and
 * s3_multipart.c's.
 */
#ifndef SEGTOOLS_S3_H
#define SEGTOOLS_S3_H

#include <stdbool.h>

#include "aws/aws.h"
#include "aws/credentials.h"
#include "aws/s3xml.h"
#include "http/http.h"
#include "store/driver.h"

struct s3 {
	struct http *http;
	struct http_service service; /* what the keys of now are in */
	struct aws aws;
	struct credentials *credentials;
	char *bucket;
	char *prefix; /* "" or ends in "/" */
	char *name;   /* "s3://BUCKET" */
	char *base;   /* URL of the bucket, without a last "/" */
	char *sigv4;
	unsigned parallel;
	struct store_keep keep;
	bool hidden;      /* the oldest versions are read */
	bool sign_bodies; /* see struct s3_digest */
	uint64_t kept;    /* bytes of small files: s3_put.c's */
	bool checks_crc;  /* the server does */
	bool missing;     /* there is no such bucket */
	bool no_deletes;  /* DeleteObjects wants Content-MD5, or is not known */
	/* s3_lock.c's: can it lock objects?  Are we told until when? */
	enum { S3_LOCK_UNASKED, S3_LOCK_NONE, S3_LOCK_MAYBE, S3_LOCK } lock;
	bool shows_retention;
	/* What of a PUT's headers it answered with 501: */
	enum s3_level {
		S3_ALL,
		S3_NO_CHECKSUM,  /* x-amz-checksum-crc32 */
		S3_NO_CONDITION, /* If-None-Match */
		S3_NEITHER
	} level;
	/* Uploads in parts that have begun, and how to give them up:
	 * s3_multipart.c's. */
	struct s3_multipart *multiparts;
	void (*give_up)(struct s3 *);
};

/* where: "BUCKET[/PREFIX]". */
enum rc s3_open(struct s3 **, const char *where, const struct store_opts *);
void s3_close(struct s3 *);

/*
 * A request and its retries.  All-zero, then what is needed, also in http: the
 * body, begin, take.  See s3_send.h.
 */
struct s3_request {
	struct http_request http; /* first */
	struct s3 *s3;
	/* Set the headers of an attempt but those of all requests; may be
	 * NULL. */
	void (*prepare)(struct s3_request *);
	/* Statuses that done() sees to itself, with RC_OK; ending in 0. */
	const int *expected;
	bool xml; /* the answer is an XML document: an error may come with a
		   * 200 */
	/*
	 * RC_OK: answered with a 2xx or an expected status; see http.status.
	 * RC_ABSENT: no such object, unreported.  Else it was reported.
	 */
	void (*done)(struct s3_request *, enum rc);
	struct s3xml_error error; /* of the last answer, if it was one */
	enum s3_level level;      /* with which it was sent */
	unsigned kept; /* which options it was sent with: s3_keep.h */
	char *url;
	unsigned generation; /* of the keys of the last attempt */
	bool renewed;        /* those before had expired */
	bool ambiguous; /* an attempt may have been carried out unanswered */
	void *arg;
};

/* From now on requests are signed with the keys of now. */
void s3_use_keys(struct s3 *);

/* Add "name=VALUE", percent-encoded, and "&" in front if it is not the
 * first. */
void s3_query(struct buf *, const char *name, const char *value);
/* Of an object (NULL: the bucket), with a query (NULL: none); malloced. */
char *s3_url(const struct s3 *, const char *object, const char *query);

/* "If-None-Match: *", where the server knows that. */
void s3_header_new(struct s3_request *);
bool s3_takes_condition(const struct s3 *);
bool s3_takes_checksum(const struct s3 *);
/* After a 501: is there something left to do without?  Then send it again. */
bool s3_concede(struct s3_request *);

#endif
