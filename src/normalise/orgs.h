/* Whose packet or event is it? The organisations as intaked.json (compile/intaked.c) lists them. Read-only once made. */
#ifndef NORMALISE_ORGS_H
#define NORMALISE_ORGS_H

#include "base/buf.h"
#include "base/err.h"

struct orgs;
#define ORGS_CLASSES 9
struct orgs_keep { /* a class that is kept for another time than the rest: in a series of its own */
	uint32_t class_uid;
	uint16_t days;
};
struct orgs_one {
	char code[8];
	char interface[16]; /* attachment: packets that come in here are theirs */
	uint16_t index;     /* packet mark (nft sets it per organisation, also for answers) */
	uint8_t resolver4[4], resolver6[16]; /* the node's address its questions to the resolver arrive at */
	bool resolves4, resolves6;
	uint16_t retention_days; /* 0: for ever */
	struct orgs_keep keeps[ORGS_CLASSES];
	size_t n_keeps;
	uint16_t hot_days;       /* then its records go to cold storage; 0: never */
	uint16_t packet_days;    /* how long packets of alerts are kept; 0: none is */
};

#define ORGS_SERVICE "service" /* concerns no organisation */

int orgs_parse(struct str json, struct orgs **ret, struct err *err);
void orgs_destroy(struct orgs **o);
size_t orgs_count(const struct orgs *o);
uint16_t orgs_longest_hot(const struct orgs *o); /* 0 where a body's stay */
uint16_t orgs_longest_retention(const struct orgs *o); /* days; 0 when somebody's is for ever, or nobody is there */
/* The series of a body's records of this class: "events", or "events-4001" where the class has days of its own. one NULL: the service's. */
#define ORGS_SERIES "events"
#define ORGS_SERIES_TEXT 24
const char *orgs_series(const struct orgs_one *one, uint32_t class_uid, char dst[ORGS_SERIES_TEXT]);
/* Packets kept as evidence: neither judged nor in the index (segment/capture.h). */
#define ORGS_PACKETS "packets"
/* How many days the records of that series are kept; 0: for ever. */
uint16_t orgs_keep_days(const struct orgs_one *one, const char *series);
bool orgs_is_uplink(const struct orgs *o, const char *interface);
/* An address as text: its family, 4 or 6, with its bytes; 0 when it is none. */
int orgs_address(struct str text, uint8_t ret_addr[16]);
/* NULL when there is none. */
const struct orgs_one *orgs_by_code(const struct orgs *o, struct str code);
const struct orgs_one *orgs_by_index(const struct orgs *o, uint32_t index);
const struct orgs_one *orgs_by_interface(const struct orgs *o, const char *name);
const struct orgs_one *orgs_by_address(const struct orgs *o, int family, const uint8_t *addr); /* a global one of theirs */
/* Whose site's origin stands at this place of the leg to them (model/own.h); *ret_origin is its true address, as text, borrowed. */
const struct orgs_one *orgs_by_leg(const struct orgs *o, int family, const uint8_t *addr, struct str *ret_origin);
const struct orgs_one *orgs_by_resolver(const struct orgs *o, int family, const uint8_t *addr);
/* Whose zone holds the name (lower case, no dot at the end); *ret_zone (may be NULL) is the zone's name, also of a zone of the
 * service itself, which belongs to nobody; NULL when we have no such zone. */
const struct orgs_one *orgs_by_zone(const struct orgs *o, const char *name, const char **ret_zone);

#endif
