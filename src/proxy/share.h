/* Who holds how much of a thread's memory for bodies, and who may not have more: one terminal, or one organisation, must
 * not be able to take what all others need.
 *
 *   all            never more than max
 *   organisation   1/2 of max
 *   terminal       1/4 of max; a child proxy that doesn't say for whom it asks, and a terminal server, have their organisation's share
 *
 * A terminal that holds less than 1/64 of max goes on where its organisation is over: small pages still come while
 * somebody else there fills the share. The shares are of one thread; so are connections. */
#ifndef PROXY_SHARE_H
#define PROXY_SHARE_H

#include "base/map.h"
#include "model/model.h"

#define SHARE_TERMINALS (1u << 20) /* with a body held at one time */

enum share_limit { SHARE_OK, SHARE_TERMINAL, SHARE_ORG, SHARE_ALL };

struct shares {
	struct map terminals; /* organisation and address -> bytes, as the pointer itself */
	uint64_t held;        /* by all */
};

struct share_who {
	const char *org;
	uint64_t *org_held; /* where the organisation's bytes are counted */
	const struct prefix *terminal;
	bool for_many;      /* no ceiling for this one as a terminal */
};

void shares_init(struct shares *s);
void shares_done(struct shares *s);
/* One body of `who` that held `before` bytes holds `now`: counted in any case. Which ceiling forbids it: the body is then
 * to be let go (and counted down). */
enum share_limit shares_count(struct shares *s, const struct share_who *who, uint64_t before, uint64_t now, uint64_t max);
const char *share_rule(enum share_limit l); /* "memory.terminal" … for the event */

#endif
