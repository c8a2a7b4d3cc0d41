/*
 * s3_digest: by what the server sees that a body arrives as it was sent, and
 * the headers that tell it.
 */
#ifndef SEGTOOLS_S3_DIGEST_H
#define SEGTOOLS_S3_DIGEST_H

#include "store/s3.h"

/*
 * Its CRC-32 in base64, which not all servers look at, and its SHA-256 in hex,
 * which is part of what is signed.  The latter costs more than all the rest and is there over
 * plain http alone ("" otherwise), since TLS has its own, and for files only
 * until the server has confirmed a CRC-32.
 */
enum { S3_CRC_MAX = 12, S3_SHA256_MAX = 65, S3_MD5_MAX = 28 };
struct s3_digest {
	char crc[S3_CRC_MAX];
	char sha256[S3_SHA256_MAX];
	/* Where objects are locked, in base64: many services want it then. */
	char md5[S3_MD5_MAX];
};
/* Does it take a reading of a file whose CRC-32 is crc, or not known (NULL)? */
bool s3_digest_reads(const struct s3 *, const uint32_t *crc);
/*
 * Of part of a file, or of bytes, if file is NULL, or if both are not, of a file
 * whose part is there already.  crc: if it is known; else NULL.  A check is fed
 * with what is read for it, and makes sure that it is read.
 */
enum rc s3_digest(const struct s3 *, struct file *, const char *bytes,
    uint64_t offset, uint64_t length, const uint32_t *crc,
    const struct file_check *, struct s3_digest *);

/* x-amz-content-sha256, which every request has; NULL: no body. */
void s3_header_sha256(struct s3_request *, const struct s3_digest *);
/* x-amz-checksum-crc32, where the server takes it. */
void s3_header_crc(struct s3_request *, const struct s3_digest *);
/* Content-MD5, where objects are locked. */
void s3_header_md5(struct s3_request *, const struct s3_digest *);
/* After a PUT: does the server say that this is the CRC-32 of what it got? */
bool s3_confirmed(struct s3_request *, const struct s3_digest *);

#endif
