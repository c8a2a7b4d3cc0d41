/*
 * s3xml: what S3 services say in XML.  Hostile: a document type (and with it
 * entities), depth and text without bounds are refused.  The documents are
 * those of the Amazon S3 API reference, actions ListObjectsV2,
 * ListObjectVersions, DeleteObjects, CreateMultipartUpload,
 * CompleteMultipartUpload, ListMultipartUploads, GetObjectLockConfiguration,
 * GetObjectRetention, and "Error responses".
 */
#ifndef SEGTOOLS_S3XML_H
#define SEGTOOLS_S3XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum { S3XML_TEXT_MAX = 8192, S3XML_VERSION_MAX = 1025 };

/*
 * The end of an element: its path from the root ("ListBucketResult/Name"), the
 * text in it (no markup, NUL-terminated, at most S3XML_TEXT_MAX bytes).  false
 * ends the parsing, which then fails.
 */
typedef bool s3xml_element(
    void *arg, const char *path, const char *text, size_t len);

/* false: not well-formed, or more than we take. */
bool s3xml_parse(
    const char *data, size_t len, s3xml_element *element, void *arg);

/* An <Error>; false if it is not one.  message's control characters are for the
 * caller to mind (msg.h does). */
struct s3xml_error {
	char code[64];
	char message[256];
	char region[64]; /* the right one, where the server says so */
	char header[64]; /* that it does not know, where it says so */
};
bool s3xml_error(struct s3xml_error *, const struct buf *);

/*
 * A listing of objects, or of their versions: what is true of the page, then,
 * with s3xml_entries(), each of its entries.  Of an object the newest version
 * comes first; those that are delete markers are passed over.
 */
struct s3xml_page {
	bool truncated;   /* as it is said */
	bool entries;     /* there is one */
	bool encoded;     /* keys are percent-encoded */
	char token[2048]; /* NextContinuationToken, or empty */
	/* Of versions: where the next page begins, or empty. */
	char next_key[3072 + 1];
	char next_version[S3XML_VERSION_MAX];
};
bool s3xml_page(struct s3xml_page *, const struct buf *);

struct s3xml_entry {
	const char *key; /* decoded; a directory ends in "/" */
	size_t len;      /* of key, which may hold NULs */
	uint64_t size;
	uint64_t modified; /* ms since 1970 UTC; UINT64_MAX: not known */
	bool is_dir;
	const char *version; /* "" in a listing of objects */
};
/* false: not well-formed, an entry that lacks something, or entry() said so. */
bool s3xml_entries(const struct s3xml_page *, const struct buf *,
    bool (*entry)(void *, const struct s3xml_entry *), void *arg);

/* Add text to a document: what is markup is escaped. */
void s3xml_escape(struct buf *, const char *text);

#endif
