/* The data of a DNS record as people write it in a description, and as a zone file wants it.
 *
 *   A AAAA     an address
 *   CNAME NS PTR  a whole name, "www.town.example"
 *   MX         "10 mx.town.example"; "0 ." takes no mail (RFC 7505)
 *   SRV        "PRIORITY WEIGHT PORT name" (RFC 2782)
 *   CAA        "0 issue ca.example" (RFC 8659): issue, issuewild or iodef
 *   DS         "TAG ALGORITHM 2|4 HEX" (RFC 4034 section 5, RFC 8624: no SHA-1)
 *   TLSA       "USAGE SELECTOR MATCHING HEX" (RFC 6698)
 *   TXT        the text itself: printable ASCII, without quotes around it; cut into strings of 255 when it is written */
#ifndef MODEL_RDATA_H
#define MODEL_RDATA_H

#include "base/buf.h"
#include "model/forms.h"
#include "model/model.h"

/* NULL when it is right, or why not (static). */
const struct text2 *rdata_check(enum zone_type type, struct str data);
/* The name a CNAME, NS, PTR, MX or SRV leads to; "" for the others and for a null MX. */
struct str rdata_target(enum zone_type type, struct str data);
/* Presentation format (RFC 1035 section 5.1), one line; the data must have passed rdata_check(). */
void rdata_write(struct buf *b, enum zone_type type, struct str data);
const char *rdata_type(enum zone_type type); /* "AAAA" */

#endif
