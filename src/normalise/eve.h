/* What Suricata says (EVE JSON, "Eve JSON Format" in its manual; one object a line) → an event.
 *
 * alert → class 2004 Detection Finding: which signature, in which mode, between whom, and whether it was stopped.
 * drop  → class 4001 Network Activity, when no alert tells of it (it was dropped for another reason than a signature).
 * stats → no event: counters.
 * The packet that an alert was raised for, and those that follow in its connection (event type packet; ips/rule.h) → a record of its own, of class
 * 4001, where the body keeps such (packet_days): what people write is in it, so that it goes to another series (ORGS_PACKETS), and no further.
 * `connection_info.uid` joins them, "packet" is {"time_us", "linktype" (as pcap numbers them), "length" (bytes it had), "data" (base64)}.
 * None is kept for a signature on trial: most of what it says is wrong.
 * Source and destination are those of the connection, not of the packet: who opened it is the source. The organisation is
 * the one whose global address takes part; outside nobody can tell which terminal it was. Of what the proxy decrypted (ips/mirror.h) the
 * terminal is known, and the VLAN says whose it is. Names, addresses, header fields: hostile. */
#ifndef NORMALISE_EVE_H
#define NORMALISE_EVE_H

#include "normalise/orgs.h"

#define EVE_LINE_MAX (192u * 1024) /* a datagram of 64 KiB in base64, and what is said of it */
#define EVE_PACKET_MAX (16u * 1024) /* bytes of a packet that are kept */

enum eve_kind { EVE_IGNORED, EVE_EVENT, EVE_STATS, EVE_PACKET };

struct eve_stats { /* since Suricata started */
	uint64_t packets, kernel_drops, blocked;
};
struct eve_place {
	const struct orgs *orgs;
	int64_t now_ms; /* for what says no time */
	struct buf *packet; /* gets the record of a packet; NULL: none is wanted */
};
/* One line. -E_INVALID: not a JSON object of a known shape. EVE_EVENT: the event is appended to b, *ret_org is whose it is
 * ("service" where nobody's), valid as long as orgs is. EVE_STATS: *ret_stats is filled. EVE_PACKET: nothing but a packet.
 * Whatever the kind, a packet that is to be kept is appended to where->packet; it is *ret_org's too. */
int eve_line(struct str line, const struct eve_place *where, struct buf *b, enum eve_kind *ret_kind, const char **ret_org,
             struct eve_stats *ret_stats);

#endif
