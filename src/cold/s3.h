/* Objects of one bucket of an S3-compatible store: put, size, get, delete, each signed (AWS Signature Version 4, by libcurl), by path
 * (URL/BUCKET/KEY), which every such store takes. Blocking, one connection, kept. Not for threads.
 *
 * One request an object: a segment is 64 MiB, and one request may carry 5 GiB (the API's own limit), so no upload is in parts, and one that breaks off
 * leaves nothing. The store is sent the SHA-256 of what it gets, twice (x-amz-content-sha256, which is signed; x-amz-checksum-sha256), and
 * refuses other bytes. It isn't believed for that: who puts reads back (cold/keeper.c). */
#ifndef COLD_S3_H
#define COLD_S3_H

#include "base/buf.h"

#include <stdint.h>

#define S3_OBJECT_MAX (1024ull * 1024 * 1024) /* bytes; more isn't taken from a store, whatever it sends */

struct err;
struct s3;
struct s3_opts {
	const char *url, *bucket, *region; /* "https://s3.example.jp" */
	const char *key_id, *secret;
	const char *ca;      /* PEM of authorities trusted beside the system's, or "" */
	unsigned lock_days;  /* object lock in compliance mode for so long; 0: none */
};

int s3_open(const struct s3_opts *o, struct s3 **ret, struct err *err);
void s3_close(struct s3 **s);
/* Errors of all: -E_NOT_FOUND no such object; -E_DENIED the store refuses (key, right, lock; err.msg has its words); -E_TIMEOUT, -E_CLOSED, -E_IO later again. */
int s3_put(struct s3 *s, const char *key, int fd, uint64_t size, const unsigned char sha256[32], struct err *err);
int s3_size(struct s3 *s, const char *key, uint64_t *ret, struct err *err);
/* Appends the object to fd (-1: nowhere) and gives its hash. -E_CORRUPT: longer than max. */
int s3_get(struct s3 *s, const char *key, int fd, uint64_t max, uint64_t *ret_size, unsigned char ret_sha256[32], struct err *err);
int s3_delete(struct s3 *s, const char *key, struct err *err); /* all versions of it. 0 too when it isn't there */

#endif
