/* Sanitisers and sandboxes: what passed our own checks goes to those that the body names for files of its kind, one after another, by
 * ICAP (icap.h). The file waits meanwhile, as it does for its verdict: held, on a page for who waits, under the same ceilings. One that
 * says no ends it; one that gives another content in its place is believed no further than an origin: it is scanned as what came from
 * there. No answer is no verdict: scan_fail decides. */
#ifndef PROXY_HOOK_H
#define PROXY_HOOK_H

#include "proxy/txn.h"

/* The next of them begins. False: none is left (inside: of the verdict), t is as it was. */
bool hook_begin(struct txn *t, unsigned inside);
void hook_tick(struct txn *t); /* TXN_HOOK: its time may be over; t may be gone */
void hook_cancel(struct txn *t);
uint64_t hook_held(const struct txn *t); /* bytes of the answer so far */

#endif
