/* All zones of a description in one list, each with the hosted zone above it: what knot.c and nsd.c both walk. */
#ifndef COMPILE_ZONE_LIST_H
#define COMPILE_ZONE_LIST_H

#include "compile/compile.h"

#define PRIMARY_ADDRESS "127.0.0.1" /* the hidden primary: nobody outside the node reaches it */
#define PRIMARY_PORT 5300
#define TRANSFER_KEY "transfer" /* the TSIG key's name; its secret comes from the vault when an engine starts (daemon/tsig.h) */

#define ZONE_DIGEST "_toride." /* a label in front of a zone's name: the digest of the zone as it was compiled, for reading back */
#define SECONDARY_KEY "secondary-" /* and a number: the same of the servers outside */

struct zone_entry {
	const struct dns_zone *zone;
	const struct zone_entry *above; /* the nearest hosted zone it lies in, or NULL */
	char digest[33];                /* of the zone as it is written: what the canary says */
};

struct zone_list {
	struct zone_entry *list; /* in the order of organisations and of their zones */
	size_t n;
	struct arena arena;
};

int zone_list_init(const struct model *m, struct zone_list *ret, struct err *err);
void zone_list_done(struct zone_list *l);
/* Is `name` the zone's own or below it? */
bool zone_holds(const struct dns_zone *z, const char *name);

#endif
