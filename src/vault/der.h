/* Writing DER (X.690) into a buffer: begin an element, write into it, end it. Errors stick in the buffer. */
#ifndef VAULT_DER_H
#define VAULT_DER_H

#include "base/buf.h"

enum { DER_BOOLEAN = 0x01, DER_INTEGER = 0x02, DER_BITS = 0x03, DER_OCTETS = 0x04, DER_OID = 0x06, DER_UTF8 = 0x0c,
       DER_UTC_TIME = 0x17, DER_GENERAL_TIME = 0x18, DER_SEQUENCE = 0x30, DER_SET = 0x31 };
#define DER_CONTEXT(n) (0x80 | (n))      /* primitive */
#define DER_CONTEXT_IN(n) (0xa0 | (n))   /* constructed */

/* The place to hand to der_end(). */
size_t der_begin(struct buf *b, uint8_t tag);
void der_end(struct buf *b, size_t at);
void der_put(struct buf *b, uint8_t tag, const void *p, size_t n);
/* UTCTime until 2049, GeneralizedTime after (RFC 5280 §4.1.2.5). */
void der_time(struct buf *b, int64_t unix_seconds);

#endif
