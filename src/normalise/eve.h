/* What Suricata says (EVE JSON, "Eve JSON Format" in its manual; one object a line) → an event.
 *
 * alert → class 2004 Detection Finding: which signature, in which mode, between whom, and whether it was stopped.
 * drop  → class 4001 Network Activity, when no alert tells of it (it was dropped for another reason than a signature).
 * stats → no event: counters.
 * Source and destination are those of the connection, not of the packet: who opened it is the source. The organisation is
 * the one whose global address takes part; outside nobody can tell which terminal it was. Of what the proxy decrypted (ips/mirror.h) the
 * terminal is known, and the VLAN says whose it is. Names, addresses, header fields: hostile. */
#ifndef NORMALISE_EVE_H
#define NORMALISE_EVE_H

#include "normalise/orgs.h"

#define EVE_LINE_MAX (64u * 1024)

enum eve_kind { EVE_IGNORED, EVE_EVENT, EVE_STATS };

struct eve_stats { /* since Suricata started */
	uint64_t packets, kernel_drops, blocked;
};
struct eve_place {
	const struct orgs *orgs;
	int64_t now_ms; /* for what says no time */
};
/* One line. -E_INVALID: not a JSON object of a known shape. EVE_EVENT: the event is appended to b, *ret_org is whose it is
 * ("service" where nobody's), valid as long as orgs is. EVE_STATS: *ret_stats is filled. */
int eve_line(struct str line, const struct eve_place *where, struct buf *b, enum eve_kind *ret_kind, const char **ret_org,
             struct eve_stats *ret_stats);

#endif
