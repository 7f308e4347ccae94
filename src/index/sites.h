/* What was asked of each public site: requests, how many the cache answered, statuses, bytes, refusals, how long answers took.
 *
 * Counted from the records of the sites' server (product edge, normalise/edge.h) and of its WAF (product waf), which share a
 * number. Request (doc/interfaces/search.md, site.stats): org, site, from, to. Answer: sites[], most asked first; more: there were
 * others. Requirements: M-014, F-15. */
#ifndef INDEX_SITES_H
#define INDEX_SITES_H

#include "base/buf.h"
#include "index/client.h"

#include <stdint.h>

#define SITES_TOLD 1000

struct sites_ask {
	char org[8], site[254]; /* "": every one */
	int64_t from_ms, to_ms;
};
int sites_sql(const struct sites_ask *s, struct buf *b, struct err *err);
/* Fills `fields` with the answer's fields, each with a comma before it (wire/ctl.h). */
int sites_run(struct client *c, const struct sites_ask *s, struct buf *fields, struct err *err);
/* One line of the engine's answer as an object of sites[]; false when it is none. */
bool sites_row(struct str line, struct buf *b);

#endif
