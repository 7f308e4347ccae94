/* What a name server tells of its traffic (dnstap, one protobuf message a DNS message) → an event of class 4003.
 *
 * The format is dnstap.proto of dnstap.info (package dnstap, version 1); protobuf's encoding as in its public description:
 * tag, then varint, 8 bytes, length and bytes, or 4 bytes little-endian. Groups are refused, unknown fields stepped over.
 * The organisation of a client's question to our resolver is the one whose own resolver address was asked (compile/unbound.c);
 * of a question to our authoritative servers the one whose zone holds the name. Names, answers, all in it is hostile. */
#ifndef NORMALISE_DNSTAP_H
#define NORMALISE_DNSTAP_H

#include "normalise/orgs.h"

enum dnstap_type { DNSTAP_AUTH_QUERY = 1, DNSTAP_AUTH_RESPONSE = 2, DNSTAP_CLIENT_QUERY = 5, DNSTAP_CLIENT_RESPONSE = 6 };
enum dnstap_protocol { DNSTAP_UDP = 1, DNSTAP_TCP = 2, DNSTAP_DOT = 3, DNSTAP_DOH = 4 };

struct dnstap_side {
	uint8_t len; /* of addr: 4, 16 or 0 (not told) */
	uint8_t addr[16];
	uint16_t port;
};
struct dnstap {
	uint32_t type, protocol;
	struct dnstap_side client, server;
	int64_t query_us, response_us; /* UTC; 0: not told */
	struct str query, response;    /* DNS messages, borrowed */
};

/* One frame. 0, or -E_INVALID (also for what isn't a DNS message at all). */
int dnstap_parse(struct str frame, struct dnstap *ret);

struct dnstap_place {
	const struct orgs *orgs;
	const char *product; /* "unbound", "ns1" */
	int64_t now_ms;      /* for messages without time */
};
/* Appends the event of a question with its answer (d->response) or of one nobody answered (d->response.len 0) to b. Returns
 * the organisation ("service" where none), valid as long as orgs is; NULL when there is no question to be read in it. */
const char *dnstap_event(const struct dnstap *d, const struct dnstap_place *where, struct buf *b);

#endif
