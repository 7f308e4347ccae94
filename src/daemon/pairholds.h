/* Whose records are held, at both nodes of a pair (pair/follow.h): a hold that either knows is known at both, until one knows that it was released.
 * What it means is controld's (daemon/holds.c); paird carries it. */
#ifndef DAEMON_PAIRHOLDS_H
#define DAEMON_PAIRHOLDS_H

#include "daemon/pairfollow.h"
#include "pair/follow.h"

/* What is known here into `out`, as follow_holds_write() has it, once controld has taken in what the question brings; left out where the other node
 * knows the same. Blocks, as pairholds_take() does. */
int pairholds_answer(const struct follow_question *q, struct buf *out, struct err *err);
/* Asks the other node and takes in what it knows. -E_INVALID: it doesn't tell; else as controld and `ask` say. */
int pairholds_take(struct pairfollow *f, pairfollow_ask_fn ask, struct err *err);

#endif
