/* Whose records are held, at both nodes of a pair (pair/follow.h): a hold that either knows is known at both, until one knows that it was released.
 * What it means is controld's (daemon/holds.c); paird carries it. */
#ifndef DAEMON_PAIRHOLDS_H
#define DAEMON_PAIRHOLDS_H

#include "daemon/pairfollow.h"
#include "pair/follow.h"

int pairholds_answer(const struct follow_question *q, struct buf *out, struct err *err);
int pairholds_take(struct pairfollow *f, pairfollow_ask_fn ask, struct err *err);

#endif
