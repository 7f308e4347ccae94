/* A time stamp of somebody else's (RFC 3161) over a witness's copy: that it was there at that time, and not made later. */
#ifndef SEGMENT_STAMP_H
#define SEGMENT_STAMP_H

#include "base/buf.h"

#include <stdint.h>

struct err;

#define STAMP_MAX (64u * KIB) /* of an answer */
#define STAMP_HASH 32

/* A TimeStampReq for a SHA-256, asking for the authority's certificate, in DER. nonce 0: none. */
int stamp_request(const unsigned char hash[STAMP_HASH], uint64_t nonce, struct buf *der, struct err *err);
/* A TimeStampResp (hostile): granted, for this hash, with this nonce (0: whatever), signed by an authority of ca (PEM) that may make time
 * stamps and was valid then. *ret_ms: its time. -E_CORRUPT with why. */
int stamp_verify(struct str der, const unsigned char hash[STAMP_HASH], uint64_t nonce, struct str ca, int64_t *ret_ms, struct err *err);

#endif
