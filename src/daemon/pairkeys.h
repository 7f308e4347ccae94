/* The vault's keys and the certificates that came by ACME, from the node that carries the traffic to the one that stands by (pair/follow.h,
 * vault/boxes.h). Keys go from vault to vault as they are wrapped; neither paird opens one. */
#ifndef DAEMON_PAIRKEYS_H
#define DAEMON_PAIRKEYS_H

#include "daemon/pairfollow.h"
#include "pair/follow.h"

/* Each organisation of the description gets its data key here, before the other node could make one of its own. */
int pairkeys_ensure(struct str description, struct err *err);
int pairkeys_answer(const unsigned char taken[32], bool active, struct buf *out, struct err *err);

int pairkeys_take(struct pairfollow *f, pairfollow_ask_fn ask, struct err *err);

#endif
