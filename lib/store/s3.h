/*
 * s3: requests to a bucket: URLs, headers, and what the answers mean.  What is
 * temporary is tried again here; what an operation makes of the rest is
 * store_s3.c's, s3_list.c's and s3_multipart.c's.
 */
#ifndef SEGTOOLS_S3_H
#define SEGTOOLS_S3_H

#include <stdbool.h>

#include "store/aws.h"
#include "store/http.h"
#include "store/s3xml.h"
#include "store/driver.h"

struct s3 {
	struct http *http;
	struct aws aws;
	char *bucket;
	char *prefix; /* "" or ends in "/" */
	char *name;   /* "s3://BUCKET" */
	char *base;   /* URL of the bucket, without a last "/" */
	char *sigv4;
	unsigned parallel;
	bool sign_bodies; /* see struct s3_digest */
	bool checks_crc;  /* the server does */
	bool missing;     /* there is no such bucket */
	bool no_deletes;  /* DeleteObjects wants Content-MD5, or is not known */
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
 * body, begin, take.
 */
struct s3_request {
	struct http_request http; /* first */
	struct s3 *s3;
	/* Set the headers of an attempt but those of all requests; may be
	 * NULL. */
	void (*prepare)(struct s3_request *);
	/* Statuses that done() sees to itself, with RC_OK; ending in 0. */
	const int *expected;
	bool xml; /* the answer is an XML document: see doc_error */
	/*
	 * RC_OK: answered with a 2xx or an expected status; see http.status.
	 * RC_ABSENT: no such object, unreported.  Else it was reported.
	 */
	void (*done)(struct s3_request *, enum rc);
	struct s3xml_error error; /* of the last answer, if it was one */
	enum s3_level level;      /* with which it was sent */
	char *url;
	bool ambiguous; /* an attempt may have been carried out unanswered */
	void *arg;
};

/*
 * Queue a request for an object (NULL: the bucket).  query, or NULL: encoded,
 * "NAME=VALUE" sorted by NAME (s3_query()).  name is borrowed, for messages.
 */
void s3_send(struct s3 *, struct s3_request *, const char *method,
    const char *object, const char *query, const char *name);
void s3_request_release(struct s3_request *);

/* Add "name=VALUE", percent-encoded, and "&" in front if it is not the
 * first. */
void s3_query(struct buf *, const char *name, const char *value);

/*
 * By what the server sees that a body arrives as it was sent: its CRC-32 in
 * base64, which not all servers look at, and its SHA-256 in hex, which is part
 * of what is signed.  The latter costs more than all the rest and is there over
 * plain http alone ("" otherwise), since TLS has its own, and for files only
 * until the server has confirmed a CRC-32.
 */
enum { S3_CRC_MAX = 12, S3_SHA256_MAX = 65 };
struct s3_digest {
	char crc[S3_CRC_MAX];
	char sha256[S3_SHA256_MAX];
};
/* Of part of a file, or of bytes, if file is NULL.  crc: if it is known; else
 * NULL. */
enum rc s3_digest(const struct s3 *, struct file *, const char *bytes,
    uint64_t offset, uint64_t length, const uint32_t *crc, struct s3_digest *);
/* x-amz-content-sha256, which every request has; NULL: no body. */
void s3_header_sha256(struct s3_request *, const struct s3_digest *);
/* x-amz-checksum-crc32, where the server takes it. */
void s3_header_crc(struct s3_request *, const struct s3_digest *);
/* After a PUT: does the server say that this is the CRC-32 of what it got? */
bool s3_confirmed(struct s3_request *, const struct s3_digest *);
/* "If-None-Match: *", where the server knows that. */
void s3_header_new(struct s3_request *);
bool s3_takes_condition(const struct s3 *);
bool s3_takes_checksum(const struct s3 *);
/* After a 501: is there something left to do without?  Then send it again. */
bool s3_concede(struct s3_request *);
/* http_step(); but a signal that came while uploads in parts run gives them
 * up, and ends the process. */
void s3_step(struct s3 *, int fd);

/* Make the bucket if it is not there. */
enum rc s3_make_bucket(struct s3 *);

/* From done(): try once more, unless the time is up. */
bool s3_again(struct s3_request *, const char *why);

/* Drive a request to its end (for those by themselves); done is set. */
enum rc s3_do(struct s3 *, struct s3_request *, const char *method,
    const char *object, const char *query, const char *name);

#endif
