/* Names that move while the world still remembers where they were: a record whose data changes or goes away is used by others for
 * as long as its TTL said. Who moves a service lowers the TTL first, waits for as long as the old one was, and moves then. */
#ifndef MODEL_MOVES_H
#define MODEL_MOVES_H

#include "model/model.h"

#define MOVE_TTL 600 /* seconds of two answers that nobody needs to be told of */

struct move {
	const struct dns_zone *zone; /* the old one */
	const struct zone_record *record;
	uint32_t ttl;                /* the one it has been given out with */
};

/* The first `max` moves from an organisation's old zones to its new ones (either may be NULL); returns how many. */
size_t moves_find(const struct org *old, const struct org *new, struct move *list, size_t max);

#endif
