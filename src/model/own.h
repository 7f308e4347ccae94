/* The node's own addresses, in one place: what is compiled for the kernel, the proxy and the desk, what the check keeps apart and what
 * the simulation answers must name the same ones. */
#ifndef MODEL_OWN_H
#define MODEL_OWN_H

#include "model/model.h"

enum own_kind { OWN_PROXY, OWN_RESOLVER, OWN_TIME, OWN_SITES, OWN_LOG, OWN_DESK, OWN_NAME_SERVER, OWN_UPLINK };
struct own_address {
	struct prefix prefix; /* one host */
	enum own_kind kind;
};
#define OWN_MAX (12 + 2 * NAME_SERVERS_MAX + 2 * UPLINKS_MAX)
/* Those that are set, in the order of enum own_kind. Returns how many. */
size_t service_own(const struct service *s, struct own_address ret[OWN_MAX]);

/* May the upstream be asked to drop what goes to this address of a body (service.mitigation)? Not the service's own nor a guarded one; none
 * where there is no router to ask. */
bool announce_allowed(const struct service *s, const struct prefix *p);
/* The line in whose network the address lies; NULL: none. */
const struct uplink *uplink_reaching(const struct service *s, const struct prefix *p);
const struct uplink *breakout_line(const struct service *s); /* NULL: there is none */

/* The node's addresses on an organisation's side: host HOST of its /24 of service.internal4, and its IPv6 twin in router6's /64 (unset
 * where it has none). */
#define INTERNAL_GATEWAY 1   /* the node on the attachment link */
#define INTERNAL_RESOLVER 53 /* the organisation's own address of the resolver */
#define INTERNAL_DESK 44     /* … of the desk's pages */
#define INTERNAL_TIME 123    /* … of the time server */
struct prefix internal4(const struct model *m, const struct org *o, uint8_t host);
struct prefix internal6(const struct org *o, uint8_t host);
/* Can bodies' terminals open the desk's pages? */
bool desk_served(const struct service *s);
/* The services that answer each organisation at an address of its own: nft rewrites theirs, the same for all, into it. */
extern const uint8_t internal_hosts[];
#define INTERNAL_HOSTS 3
/* That address, unset where this organisation isn't served there. family 4 or 6. */
struct prefix internal_served(const struct model *m, const struct org *o, int family, uint8_t host);

/* The leg in the clear between the public sites' server and their origins, on which the intrusion prevention stands (compile/nft_leg.c).
 * There an origin has an address of its body's /24, so that two bodies' servers of one address are two, and one rule can mean one body. */
#define INTERNAL_LEG 80          /* the server, before the inspection … */
#define INTERNAL_LEG_BEHIND 81   /* … and behind it: the last bit tells */
#define INTERNAL_LEG_ORIGINS 128 /* the first host that stands for an origin */
#define LEG_ORIGINS_MAX 100      /* different addresses of a body's origins */
struct leg_origin {
	struct prefix addr, place; /* the origin; who it is on the leg: one host */
	bool inside;               /* among the body's own prefixes */
};
/* Is there a line that Suricata stands in? */
bool line_inspected(const struct uplink *u);
bool lines_inspected(const struct service *s);
/* The origins of the body's sites that are asked over the leg: those of a body whose traffic is inspected. An address keeps its place
 * over changes of the others, but for one that shared it. Returns how many. */
size_t leg_origins(const struct model *m, const struct org *o, struct leg_origin ret[LEG_ORIGINS_MAX]);
bool leg_used(const struct model *m);
/* How many different addresses the body's origins have. */
size_t origin_addresses(const struct org *o);
/* Is the origin one of the organisation's own servers, behind its attachment? */
bool origin_inside(const struct org *o, const struct prefix *addr);

#endif
