/* SHA-256 of contents, remembered: at 1 MB the digest is a quarter of all that a request costs the proxy, and what
 * terminals fetch repeats.
 *
 * A content is looked up by its GMAC (NIST SP 800-38D) under a key of this thread alone, about five times as fast as
 * SHA-256; only what isn't known is hashed. GHASH with a secret key is a universal hash: two different contents of up
 * to n bytes agree with a chance of n / 2^131, whoever chose them, as long as neither key nor tag is ever shown.
 * That is why the tag never leaves recall.c (not to logs, caches on disk, or other processes), and why the digest,
 * which does, stays SHA-256. */
#ifndef PROXY_RECALL_H
#define PROXY_RECALL_H

#include "base/str.h"

#define RECALL_SETS 2048 /* of RECALL_WAYS each: 8,192 contents, 400 KB a thread */
#define RECALL_WAYS 4

/* The SHA-256 of s. True: it was known, and s was not hashed by SHA-256. Never fails: without memory it hashes. */
bool recall_sha256(struct str s, unsigned char ret[32]);

#endif
