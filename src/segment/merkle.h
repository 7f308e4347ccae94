/* The hash tree of RFC 6962 §2.1 (and RFC 9162 §2.1.3 for checking a path), kept as it grows in 2 KiB. */
#ifndef SEGMENT_MERKLE_H
#define SEGMENT_MERKLE_H

#include "base/str.h"
#include "segment/segment.h"

/* SHA-256 without the cost of OpenSSL's look-ups at each use. Any number of bytes between begin and end. */
struct sha {
	void *ctx;
};
int sha_open(struct sha *s); /* 0 or -E_NOMEM */
void sha_close(struct sha *s);
void sha_begin(struct sha *s);
void sha_add(struct sha *s, const void *p, size_t n);
void sha_end(struct sha *s, unsigned char ret[SEGMENT_HASH]);

struct merkle {
	uint64_t n;                           /* leaves */
	unsigned char node[64][SEGMENT_HASH]; /* node[i]: the full subtree of 2^i leaves, where bit i of n is set */
};
void merkle_add(struct merkle *m, struct sha *s, const unsigned char leaf[SEGMENT_HASH]);
void merkle_root(const struct merkle *m, struct sha *s, unsigned char ret[SEGMENT_HASH]); /* of none: SHA-256("") */

void merkle_leaf(struct sha *s, const unsigned char salt[SEGMENT_SALT], struct str data, unsigned char ret[SEGMENT_HASH]);
void merkle_plain_leaf(struct sha *s, struct str data, unsigned char ret[SEGMENT_HASH]); /* without salt: RFC 6962 itself */
void merkle_node(struct sha *s, const unsigned char *left, const unsigned char *right, unsigned char ret[SEGMENT_HASH]);

#define MERKLE_PATH 64
/* The audit path of leaf `index` among the n leaves at `leaves` (n × 32 bytes). Returns its length. index < n. */
size_t merkle_path(struct sha *s, const unsigned char *leaves, uint64_t n, uint64_t index,
                   unsigned char ret[MERKLE_PATH][SEGMENT_HASH]);
bool merkle_path_ok(struct sha *s, const unsigned char *leaf, uint64_t index, uint64_t n, const unsigned char *path,
                    size_t path_len, const unsigned char *root);

#endif
